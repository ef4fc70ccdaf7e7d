namespace StreamRnn.Cells.Layers;

/// <summary>A matrix, row-major, within a flat block of parameters.</summary>
public readonly record struct Slot(int Offset, int Rows, int Columns)
{
    public int Length => Rows * Columns;

    /// <summary>Slot of a range of rows.</summary>
    public Slot Part(int first, int count) => new(Offset + first * Columns, count, Columns);

    public Span<float> In(Span<float> block) => block.Slice(Offset, Length);

    public ReadOnlySpan<float> In(ReadOnlySpan<float> block) => block.Slice(Offset, Length);
}

/// <summary>A slot under the name that PyTorch gives it.</summary>
/// <param name="Name"><c>rnn.weight_ih_l0</c>, ..., <c>head.bias</c>.</param>
/// <param name="Slot">Position in the block.</param>
/// <param name="Dimensions">As in a state dict: a bias has one.</param>
public sealed record Parameter(string Name, Slot Slot, IReadOnlyList<int> Dimensions);

/// <summary>The parameters of one layer, PyTorch's shapes: gates are blocks of rows, in the order i, f, g, o or r, z, n.</summary>
/// <param name="InputWeights">W, [gates * hidden, in].</param>
/// <param name="RecurrentWeights">U, [gates * hidden, hidden].</param>
/// <param name="InputBias">[gates * hidden].</param>
/// <param name="RecurrentBias">[gates * hidden].</param>
public readonly record struct LayerSlots(Slot InputWeights, Slot RecurrentWeights, Slot InputBias, Slot RecurrentBias)
{
    /// <summary>Some of the gates: as many rows from the first.</summary>
    public LayerSlots Part(int first, int count) =>
        new(InputWeights.Part(first, count), RecurrentWeights.Part(first, count), InputBias.Part(first, count), RecurrentBias.Part(first, count));
}

/// <summary>The parameters of a dense layer or the head.</summary>
/// <param name="Weights">V, [units, in].</param>
/// <param name="Bias">[units].</param>
public readonly record struct DenseSlots(Slot Weights, Slot Bias);

/// <summary>
/// Where each parameter of a network lies in one flat block of floats. Weights, gradients and an optimiser's moments share it; a file
/// holds the same matrices under the same names.
/// </summary>
public sealed class ParameterLayout
{
    private readonly List<Parameter> _parameters = [];
    private readonly LayerSlots[] _layers;
    private readonly DenseSlots[] _dense;

    public ParameterLayout(ModelShape shape)
    {
        Shape = shape;
        if (shape.Vocabulary > 0)
            Embedding = Add("embedding.weight", shape.Vocabulary, shape.Inputs);

        int rows = checked(shape.Gates * shape.Hidden);
        _layers = new LayerSlots[shape.Layers * shape.Directions];
        for (int i = 0; i < _layers.Length; i++)
        {
            (int layer, int direction) = Math.DivRem(i, shape.Directions);
            string suffix = $"l{layer}{(direction == 0 ? "" : "_reverse")}";
            _layers[i] = new LayerSlots(
                Add($"rnn.weight_ih_{suffix}", rows, shape.InputsOf(layer)),
                Add($"rnn.weight_hh_{suffix}", rows, shape.Hidden),
                Add($"rnn.bias_ih_{suffix}", rows),
                Add($"rnn.bias_hh_{suffix}", rows));
        }

        _dense = new DenseSlots[shape.Dense.Count];
        int inputs = shape.Directions * shape.Hidden;
        for (int i = 0; i < _dense.Length; i++)
        {
            _dense[i] = new DenseSlots(Add($"dense.{i}.weight", shape.Dense[i].Units, inputs), Add($"dense.{i}.bias", shape.Dense[i].Units));
            inputs = shape.Dense[i].Units;
        }

        if (shape.Outputs > 0)
        {
            HeadWeights = Add("head.weight", shape.Outputs, inputs);
            HeadBias = Add("head.bias", shape.Outputs);
        }
    }

    public ModelShape Shape { get; }

    /// <summary>Floats of the block.</summary>
    public int Length { get; private set; }

    /// <summary>All parameters in the order in which they lie in the block, without gaps.</summary>
    public IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>[vocabulary, inputs]; empty where an event is values.</summary>
    public Slot Embedding { get; }

    /// <summary>[outputs, <see cref="ModelShape.HeadInputs"/>]; empty where there is no head.</summary>
    public Slot HeadWeights { get; }

    /// <summary>[outputs].</summary>
    public Slot HeadBias { get; }

    /// <param name="layer">From the lowest.</param>
    /// <param name="direction">0, or 1 for the one that runs from the last step to the first.</param>
    public LayerSlots Layer(int layer, int direction = 0) => _layers[layer * Shape.Directions + direction];

    /// <summary>The dense layers between the top layer and the head.</summary>
    public DenseSlots Dense(int index) => _dense[index];

    private Slot Add(string name, int rows, int? columns = null)
    {
        var slot = new Slot(Length, rows, columns ?? 1);
        _parameters.Add(new Parameter(name, slot, columns is int c ? [rows, c] : [rows]));
        Length = checked(Length + slot.Length);
        return slot;
    }
}
