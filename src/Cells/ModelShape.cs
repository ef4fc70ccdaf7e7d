namespace StreamRnn.Cells;

/// <summary>The recurrent cells.</summary>
public enum CellKind
{
    /// <summary>h' = tanh(W x + U h + b).</summary>
    Rnn,

    /// <summary>Long short-term memory, gates i, f, g, o.</summary>
    Lstm,

    /// <summary>Gated recurrent unit in the reset-after form of PyTorch and cuDNN, gates r, z, n.</summary>
    Gru,
}

/// <summary>Everything that fixes the parameters of a network: the cell and its sizes. Cannot hold a wrong value.</summary>
public sealed record ModelShape
{
    public ModelShape(CellKind cell, int inputs, int hidden, int layers = 1, int outputs = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(hidden);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(layers);
        ArgumentOutOfRangeException.ThrowIfNegative(outputs);
        (Cell, Inputs, Hidden, Layers, Outputs) = (cell, inputs, hidden, layers, outputs);
    }

    public CellKind Cell { get; }

    /// <summary>Values per event.</summary>
    public int Inputs { get; }

    /// <summary>Units per layer.</summary>
    public int Hidden { get; }

    /// <summary>Units per layer in memory: whole cache lines. The units beyond <see cref="Hidden"/> have zero weights and stay exactly zero.</summary>
    public int PaddedHidden => (Hidden + 15) / 16 * 16;

    public int Layers { get; }

    /// <summary>Outputs of the linear head on the top layer's h; 0 where there is no head.</summary>
    public int Outputs { get; }

    /// <summary>Rows of pre-activation per unit.</summary>
    public int Gates => Cell switch { CellKind.Lstm => 4, CellKind.Gru => 3, _ => 1 };

    /// <summary>State variables per unit: h, and the cell state c of an LSTM.</summary>
    public int StateVariables => Cell == CellKind.Lstm ? 2 : 1;

    /// <summary>Values per event that layer <paramref name="layer"/> reads: the event's own, or h of the layer below.</summary>
    public int InputsOf(int layer) => layer == 0 ? Inputs : Hidden;

    /// <summary>For people: <c>GRU 2 -> 32 x2 -> 1</c>.</summary>
    public override string ToString() =>
        $"{Cell.ToString().ToUpperInvariant()} {Inputs} -> {Hidden}{(Layers > 1 ? $" x{Layers}" : "")}{(Outputs > 0 ? $" -> {Outputs}" : "")}";
}
