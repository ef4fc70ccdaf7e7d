namespace StreamRnn.Cells;

/// <summary>A matrix, row-major, within a flat block of parameters.</summary>
public readonly record struct Slot(int Offset, int Rows, int Columns)
{
    public int Length => Rows * Columns;

    public Span<float> In(Span<float> block) => block.Slice(Offset, Length);

    public ReadOnlySpan<float> In(ReadOnlySpan<float> block) => block.Slice(Offset, Length);
}

/// <summary>A slot under the name that PyTorch gives it.</summary>
/// <param name="Name"><c>rnn.weight_ih_l0</c>, ..., <c>head.bias</c>.</param>
/// <param name="Slot">Where it lies.</param>
/// <param name="Dimensions">As in a state dict: a bias has one.</param>
public sealed record Parameter(string Name, Slot Slot, IReadOnlyList<int> Dimensions);

/// <summary>The parameters of one layer, PyTorch's shapes: gates are blocks of rows, in the order i, f, g, o or r, z, n.</summary>
/// <param name="InputWeights">W, [gates * hidden, in].</param>
/// <param name="RecurrentWeights">U, [gates * hidden, hidden].</param>
/// <param name="InputBias">[gates * hidden].</param>
/// <param name="RecurrentBias">[gates * hidden].</param>
public readonly record struct LayerSlots(Slot InputWeights, Slot RecurrentWeights, Slot InputBias, Slot RecurrentBias);

/// <summary>
/// Where each parameter of a network lies in one flat block of floats. Weights, gradients and an optimiser's moments share it; a file
/// holds the same matrices under the same names.
/// </summary>
public sealed class ParameterLayout
{
    private readonly List<Parameter> _parameters = [];
    private readonly LayerSlots[] _layers;

    public ParameterLayout(ModelShape shape)
    {
        Shape = shape;
        int rows = checked(shape.Gates * shape.Hidden);
        _layers = new LayerSlots[shape.Layers];
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            _layers[layer] = new LayerSlots(
                Add($"rnn.weight_ih_l{layer}", rows, shape.InputsOf(layer)),
                Add($"rnn.weight_hh_l{layer}", rows, shape.Hidden),
                Add($"rnn.bias_ih_l{layer}", rows),
                Add($"rnn.bias_hh_l{layer}", rows));
        }

        if (shape.Outputs > 0)
        {
            HeadWeights = Add("head.weight", shape.Outputs, shape.Hidden);
            HeadBias = Add("head.bias", shape.Outputs);
        }
    }

    public ModelShape Shape { get; }

    /// <summary>Floats of the block.</summary>
    public int Length { get; private set; }

    /// <summary>All parameters in the order in which they lie in the block, without gaps.</summary>
    public IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>[outputs, hidden]; empty where there is no head.</summary>
    public Slot HeadWeights { get; }

    /// <summary>[outputs].</summary>
    public Slot HeadBias { get; }

    public LayerSlots Layer(int layer) => _layers[layer];

    private Slot Add(string name, int rows, int? columns = null)
    {
        var slot = new Slot(Length, rows, columns ?? 1);
        _parameters.Add(new Parameter(name, slot, columns is int c ? [rows, c] : [rows]));
        Length = checked(Length + slot.Length);
        return slot;
    }
}
