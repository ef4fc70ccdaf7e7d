using System.Runtime.CompilerServices;
using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;

namespace StreamRnn.Cells.Training;

/// <summary>The dense layers and the head over the cells of a slice (a row, or a row at a step), there and back.</summary>
internal sealed unsafe class WindowHead<TLane> where TLane : struct, ILane<TLane>
{
    private readonly DenseSlots[] _slots;
    private readonly Dense<TLane>[] _layers;

    public WindowHead(ParameterLayout layout)
    {
        ModelShape shape = layout.Shape;
        float[] zeros = new float[layout.Length];
        _slots = [.. Enumerable.Range(0, shape.Dense.Count).Select(layout.Dense)];
        _layers = [.. _slots.Select((slots, i) => new Dense<TLane>(zeros, slots, shape.Dense[i].Activation))];
        if (shape.Outputs > 0)
        {
            _slots = [.. _slots, new DenseSlots(layout.HeadWeights, layout.HeadBias)];
            _layers = [.. _layers, new Dense<TLane>(zeros, _slots[^1], DenseActivation.None)];
        }
    }

    public void SetParameters(ReadOnlySpan<float> parameters)
    {
        foreach (Dense<TLane> layer in _layers)
            layer.Repack(parameters);
    }

    /// <param name="inputs">Values per cell.</param>
    /// <param name="maxCells">Cells of a slice at most.</param>
    public HeadTape CreateTape(int inputs, int maxCells) => new(maxCells, [inputs, .. _layers.Select(layer => layer.Units)]);

    /// <summary>Fills all values of the tape from the first.</summary>
    public void Forward(HeadTape tape, int cells)
    {
        for (int i = 0; i < _layers.Length; i++)
            _layers[i].StepMany(tape.Addresses(i, cells), cells, tape.Values(i + 1), tape.Stride(i + 1));
    }

    /// <summary>Fills all gradients of the tape from those of the last values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Backward(HeadTape tape, int cells)
    {
        for (int i = _layers.Length - 1; i >= 0; i--)
        {
            int inputs = tape.Stride(i), outputs = tape.Stride(i + 1), units = _layers[i].Units;
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
            Gemm<TLane>.Add(dx, inputs, cells, inputs, units, dy, outputs, 1, _layers[i].Weights, inputs);
        }
    }

    /// <summary>Adds the gradients of a tape at the positions of the parameters.</summary>
    public void Unpack(HeadTape tape, Span<float> gradient)
    {
        for (int i = 0; i < _layers.Length; i++)
        {
            Slot weights = _slots[i].Weights;
            for (int unit = 0; unit < weights.Rows; unit++)
                new ReadOnlySpan<float>(tape.WeightGradients(i) + unit * (nint)tape.Stride(i), weights.Columns).CopyTo(weights.In(gradient)[(unit * weights.Columns)..]);
            new ReadOnlySpan<float>(tape.BiasGradients(i), weights.Rows).CopyTo(_slots[i].Bias.In(gradient));
        }
    }
}

/// <summary>Values of the dense layers and the head for the cells of a slice: values, gradients, and those of the weights.</summary>
internal sealed unsafe class HeadTape
{
    private readonly PinnedFloats[] _values, _valueGradients, _gradients;
    private readonly PinnedFloats _addresses;
    private readonly int[] _sizes;

    /// <param name="maxCells">Cells at most.</param>
    /// <param name="sizes">Values per cell before the first layer and after each.</param>
    public HeadTape(int maxCells, int[] sizes)
    {
        _sizes = sizes;
        _addresses = new PinnedFloats(checked(maxCells * sizeof(nint) / sizeof(float)));
        _values = [.. sizes.Select(size => new PinnedFloats(checked(maxCells * PinnedFloats.WholeLines(size))))];
        _valueGradients = [.. sizes.Select(size => new PinnedFloats(checked(maxCells * PinnedFloats.WholeLines(size))))];
        _gradients = [.. sizes.Skip(1).Select((units, i) => new PinnedFloats(checked(units * PinnedFloats.WholeLines(sizes[i]) + PinnedFloats.WholeLines(units))))];
    }

    /// <summary>Index of the last values.</summary>
    public int Last => _sizes.Length - 1;

    /// <summary>Parameters of each layer: [units, inputs in whole cache lines], then the bias.</summary>
    public IReadOnlyList<PinnedFloats> Gradients => _gradients;

    /// <summary>Floats from one cell to the next.</summary>
    public int Stride(int i) => PinnedFloats.WholeLines(_sizes[i]);

    /// <summary>[cells] of what layer i reads.</summary>
    public float* Values(int i) => _values[i].Start;

    /// <summary>[cells] addresses of the same.</summary>
    public nint* Addresses(int i, int cells)
    {
        nint* addresses = (nint*)_addresses.Start;
        for (int cell = 0; cell < cells; cell++)
            addresses[cell] = (nint)(Values(i) + cell * (nint)Stride(i));
        return addresses;
    }

    public float* ValueGradients(int i) => _valueGradients[i].Start;

    public float* WeightGradients(int i) => _gradients[i].Start;

    public float* BiasGradients(int i) => _gradients[i].Start + _sizes[i + 1] * (nint)Stride(i);
}
