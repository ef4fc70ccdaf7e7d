using System.Runtime.CompilerServices;

namespace StreamRnn.Cells;

/// <summary>The dense layers and the head over the cells of a slice (a row, or a row at a step), there and back.</summary>
internal sealed unsafe class WindowHead<TLane> where TLane : struct, ILane<TLane>
{
    private readonly (DenseSlots Slots, DenseActivation Activation)[] _layers;
    private readonly PinnedFloats[] _weights;
    private readonly float[][] _biases;

    public WindowHead(ParameterLayout layout)
    {
        ModelShape shape = layout.Shape;
        _layers = [.. shape.Dense.Select((dense, i) => (layout.Dense(i), dense.Activation))];
        if (shape.Outputs > 0)
            _layers = [.. _layers, (new DenseSlots(layout.HeadWeights, layout.HeadBias), DenseActivation.None)];
        _weights = [.. _layers.Select(layer => new PinnedFloats(checked(layer.Slots.Weights.Rows * PinnedFloats.WholeLines(layer.Slots.Weights.Columns))))];
        _biases = [.. _layers.Select(layer => new float[layer.Slots.Weights.Rows])];
    }

    public void SetParameters(ReadOnlySpan<float> parameters)
    {
        for (int i = 0; i < _layers.Length; i++)
        {
            Slot weights = _layers[i].Slots.Weights;
            for (int unit = 0; unit < weights.Rows; unit++)
                weights.In(parameters).Slice(unit * weights.Columns, weights.Columns).CopyTo(_weights[i].Span[(unit * PinnedFloats.WholeLines(weights.Columns))..]);
            _layers[i].Slots.Bias.In(parameters).CopyTo(_biases[i]);
        }
    }

    /// <param name="inputs">Values per cell.</param>
    /// <param name="maxCells">Cells of a slice at most.</param>
    public HeadTape CreateTape(int inputs, int maxCells) => new(maxCells, [inputs, .. _layers.Select(layer => layer.Slots.Weights.Rows)]);

    /// <summary>Fills all values of the tape from the first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Forward(HeadTape tape, int cells)
    {
        for (int i = 0; i < _layers.Length; i++)
        {
            int inputs = tape.Stride(i), units = _layers[i].Slots.Weights.Rows;
            for (int cell = 0; cell < cells; cell++)
            {
                float* x = tape.Values(i) + cell * (nint)inputs, y = tape.Values(i + 1) + cell * (nint)tape.Stride(i + 1), weights = _weights[i].Start;
                for (int unit = 0; unit < units; unit++, weights += inputs)
                    y[unit] = DotProduct.Of(weights, x, inputs) + _biases[i][unit];
                if (_layers[i].Activation != DenseActivation.None)
                    Activate(_layers[i].Activation, y, units);
            }
        }
    }

    /// <summary>Fills all gradients of the tape from those of the last values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Backward(HeadTape tape, int cells)
    {
        for (int i = _layers.Length - 1; i >= 0; i--)
        {
            int inputs = tape.Stride(i), outputs = tape.Stride(i + 1), units = _layers[i].Slots.Weights.Rows;
            float* dy = tape.ValueGradients(i + 1), y = tape.Values(i + 1), dx = tape.ValueGradients(i), biasGradients = tape.BiasGradients(i);
            new Span<float>(biasGradients, units).Clear();
            for (int cell = 0; cell < cells; cell++, dy += outputs, y += outputs)
            {
                for (int unit = 0; unit < units; unit++)
                {
                    dy[unit] *= Activation.DenseSlope(_layers[i].Activation, y[unit]);
                    biasGradients[unit] += dy[unit];
                }
            }

            dy = tape.ValueGradients(i + 1);
            new Span<float>(tape.WeightGradients(i), units * inputs).Clear();
            Gemm<TLane>.Add(tape.WeightGradients(i), inputs, units, inputs, cells, dy, 1, outputs, tape.Values(i), inputs);
            new Span<float>(dx, cells * inputs).Clear();
            Gemm<TLane>.Add(dx, inputs, cells, inputs, units, dy, outputs, 1, _weights[i].Start, inputs);
        }
    }

    /// <summary>Puts the gradients of a tape where the parameters lie.</summary>
    public void Unpack(HeadTape tape, Span<float> gradient)
    {
        for (int i = 0; i < _layers.Length; i++)
        {
            Slot weights = _layers[i].Slots.Weights;
            for (int unit = 0; unit < weights.Rows; unit++)
                new ReadOnlySpan<float>(tape.WeightGradients(i) + unit * (nint)tape.Stride(i), weights.Columns).CopyTo(weights.In(gradient)[(unit * weights.Columns)..]);
            new ReadOnlySpan<float>(tape.BiasGradients(i), weights.Rows).CopyTo(_layers[i].Slots.Bias.In(gradient));
        }
    }

    private static void Activate(DenseActivation activation, float* y, int units)
    {
        // Beyond the units lie zeros to the end of the line, which the next layer multiplies by zero.
        for (int i = 0; i < units; i += TLane.Width)
            TLane.Store(Activation.Dense(activation, TLane.Load(in y[i])), ref y[i]);
    }
}

/// <summary>What the dense layers and the head keep of the cells of a slice: values, gradients, and those of the weights.</summary>
internal sealed unsafe class HeadTape
{
    private readonly PinnedFloats[] _values, _valueGradients, _gradients;
    private readonly int[] _sizes;

    /// <param name="maxCells">Cells at most.</param>
    /// <param name="sizes">Values per cell before the first layer and after each.</param>
    public HeadTape(int maxCells, int[] sizes)
    {
        _sizes = sizes;
        _values = [.. sizes.Select(size => new PinnedFloats(checked(maxCells * PinnedFloats.WholeLines(size))))];
        _valueGradients = [.. sizes.Select(size => new PinnedFloats(checked(maxCells * PinnedFloats.WholeLines(size))))];
        _gradients = [.. sizes.Skip(1).Select((units, i) => new PinnedFloats(checked(units * PinnedFloats.WholeLines(sizes[i]) + PinnedFloats.WholeLines(units))))];
    }

    /// <summary>Where the last values are.</summary>
    public int Last => _sizes.Length - 1;

    /// <summary>Of each layer, [units, inputs in whole cache lines] and then the bias.</summary>
    public IReadOnlyList<PinnedFloats> Gradients => _gradients;

    /// <summary>Floats from one cell to the next.</summary>
    public int Stride(int i) => PinnedFloats.WholeLines(_sizes[i]);

    /// <summary>[cells] of what layer i reads.</summary>
    public float* Values(int i) => _values[i].Start;

    public float* ValueGradients(int i) => _valueGradients[i].Start;

    public float* WeightGradients(int i) => _gradients[i].Start;

    public float* BiasGradients(int i) => _gradients[i].Start + _sizes[i + 1] * (nint)Stride(i);
}
