using StreamRnn.Cells.Kernels;

namespace StreamRnn.Cells.Layers;

/// <summary>The recurrent cells.</summary>
public enum CellKind
{
    /// <summary>h' = tanh(W x + U h + b).</summary>
    Rnn,

    /// <summary>Long short-term memory, gates i, f, g, o.</summary>
    Lstm,

    /// <summary>Gated recurrent unit in the reset-after form of PyTorch and cuDNN, gates r, z, n.</summary>
    Gru,

    /// <summary>
    /// Gated recurrent unit in the reset-before form, gates r, z, n: n = tanh(W x + b + U (r h) + d) (arXiv:1406.1078 v1; Keras with
    /// reset_after=False, ONNX with linear_before_reset=0).
    /// </summary>
    GruResetBefore,
}

/// <summary>Meaning of a network's outputs. A step gives raw numbers, <see cref="Heads"/> converts them.</summary>
public enum HeadKind
{
    /// <summary>Values.</summary>
    Linear,

    /// <summary>Pairs of mean and logarithm of the variance, one pair after the other.</summary>
    Gaussian,

    /// <summary>Quantiles of one value after the other, in the order of the levels it was trained for.</summary>
    Quantile,

    /// <summary>Logits of classes that exclude each other.</summary>
    Softmax,

    /// <summary>A logit each.</summary>
    Sigmoid,
}

/// <summary>A dense layer: y = activation(V x + b).</summary>
public readonly record struct DenseShape(int Units, DenseActivation Activation);

/// <summary>Everything that fixes the parameters of a network: the cell, its sizes, what stands before and after. Cannot hold a wrong value.</summary>
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

    /// <summary>Values that the lowest layer reads: those of an event, or the embedding of its token.</summary>
    public int Inputs { get; }

    /// <summary>Units per layer and direction.</summary>
    public int Hidden { get; }

    /// <summary>Units per layer in memory: whole cache lines. The units beyond <see cref="Hidden"/> have zero weights and stay exactly zero.</summary>
    public int PaddedHidden => (Hidden + 15) / 16 * 16;

    public int Layers { get; }

    /// <summary>Outputs of the head, a linear layer; 0 where there is no head.</summary>
    public int Outputs { get; }

    /// <summary>
    /// Every layer also runs from the last step of a window to the first, and the layer above reads both. Such a network needs the future:
    /// it takes windows and cannot step with events.
    /// </summary>
    public bool Bidirectional { get; init; }

    /// <summary>Tokens that an event may be, each looked up as a row of <c>embedding.weight</c>; 0 where an event is values.</summary>
    public int Vocabulary
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    }

    /// <summary>Dense layers between the top layer's h and the head. Without a head there are none.</summary>
    public IReadOnlyList<DenseShape> Dense
    {
        get;
        init
        {
            if (Outputs == 0 && value.Count > 0)
                throw new ArgumentException("Dense layers stand before a head, and this shape has no outputs.");
            foreach (DenseShape dense in value)
                ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dense.Units);
            field = [.. value];
        }
    } = [];

    /// <summary>Meaning of <see cref="Outputs"/>.</summary>
    public HeadKind Head { get; init; }

    /// <summary>1, or 2 where the network is bidirectional.</summary>
    public int Directions => Bidirectional ? 2 : 1;

    /// <summary>Rows of pre-activation per unit.</summary>
    public int Gates => Cell switch { CellKind.Lstm => 4, CellKind.Rnn => 1, _ => 3 };

    /// <summary>A letter for each gate, in the order of parameters; none for the vanilla cell, whose one row is h itself.</summary>
    public string GateNames => Cell switch { CellKind.Lstm => "ifgo", CellKind.Rnn => "", _ => "rzn" };

    /// <summary>State variables per unit: h, and the cell state c of an LSTM.</summary>
    public int StateVariables => Cell == CellKind.Lstm ? 2 : 1;

    /// <summary>Floats of an event: its values, or one token.</summary>
    public int EventFloats => Vocabulary > 0 ? 1 : Inputs;

    /// <summary>Values that the head reads.</summary>
    public int HeadInputs => Dense.Count > 0 ? Dense[^1].Units : Directions * Hidden;

    /// <summary>Values that layer <paramref name="layer"/> reads: the event's, or h of the layer below, both directions of it.</summary>
    public int InputsOf(int layer) => layer == 0 ? Inputs : Directions * Hidden;

    /// <summary>Equal values, element by element.</summary>
    public bool Equals(ModelShape? other)
    {
        bool equal = other is not null && Sizes == other.Sizes && Dense.Count == other.Dense.Count;
        for (int i = 0; equal && i < Dense.Count; i++)
            equal = Dense[i] == other!.Dense[i];
        return equal;
    }

    public override int GetHashCode() => Dense.Aggregate(Sizes.GetHashCode(), HashCode.Combine);

    /// <summary>
    /// Short form for display: <c>GRU 2 -> 32 x2 -> 1</c>, <c>bidirectional LSTM tokens of 11 -> 5 -> 16 -> relu 8 -> softmax 11</c>.
    /// </summary>
    public override string ToString()
    {
        string cell = Cell == CellKind.GruResetBefore ? "GRU (reset before)" : Cell.ToString().ToUpperInvariant();
        string before = Vocabulary > 0 ? $"tokens of {Vocabulary} -> {Inputs}" : $"{Inputs}";
        string dense = string.Concat(Dense.Select(d => $" -> {(d.Activation == DenseActivation.None ? "" : $"{d.Activation.ToString().ToLowerInvariant()} ")}{d.Units}"));
        string head = Outputs == 0 ? "" : $" -> {(Head == HeadKind.Linear ? "" : $"{Head.ToString().ToLowerInvariant()} ")}{Outputs}";
        return $"{(Bidirectional ? "bidirectional " : "")}{cell} {before} -> {Hidden}{(Layers > 1 ? $" x{Layers}" : "")}{dense}{head}";
    }

    private (CellKind, int, int, int, int, bool, int, HeadKind) Sizes => (Cell, Inputs, Hidden, Layers, Outputs, Bidirectional, Vocabulary, Head);
}
