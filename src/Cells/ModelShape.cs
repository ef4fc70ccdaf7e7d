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

    public int Layers { get; }

    /// <summary>Outputs of the linear head on the top layer's h; 0 where there is no head.</summary>
    public int Outputs { get; }
}
