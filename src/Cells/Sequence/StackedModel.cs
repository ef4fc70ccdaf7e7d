using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;

namespace StreamRnn.Cells.Sequence;

/// <summary>
/// The one kind of <see cref="SequenceModel"/>, specialised by the JIT for a lane. A state row holds, layer after layer, h and then c where
/// the cell has one, each padded to whole cache lines.
/// </summary>
internal sealed unsafe class StackedModel<TLane> : SequenceModel where TLane : struct, ILane<TLane>
{
    private readonly RecurrentLayer[] _layers;

    /// <summary>The dense layers and, last, the head.</summary>
    private readonly Dense<TLane>[] _dense;

    /// <summary>[vocabulary, inputs].</summary>
    private readonly PinnedFloats? _embedding;
    private readonly int _layerFloats, _inputs, _eventFloats, _outputs, _stateFloats;

    public StackedModel(ModelShape shape, ReadOnlySpan<float> parameters)
        : base(shape)
    {
        var layout = new ParameterLayout(shape);
        _layerFloats = shape.StateVariables * shape.PaddedHidden;
        (_inputs, _eventFloats, _outputs, _stateFloats) = (shape.Inputs, shape.EventFloats, shape.Outputs, StateFloats);
        _layers = new RecurrentLayer[shape.Layers];
        for (int layer = 0; layer < shape.Layers; layer++)
            _layers[layer] = RecurrentLayer.Create<TLane>(shape.Cell, parameters, layout.Layer(layer), shape.PaddedHidden);

        _dense = new Dense<TLane>[shape.Outputs > 0 ? shape.Dense.Count + 1 : 0];
        for (int i = 0; i < shape.Dense.Count; i++)
            _dense[i] = new Dense<TLane>(parameters, layout.Dense(i), shape.Dense[i].Activation);
        if (shape.Outputs > 0)
            _dense[^1] = new Dense<TLane>(parameters, new DenseSlots(layout.HeadWeights, layout.HeadBias), DenseActivation.None);
        if (shape.Vocabulary > 0)
        {
            _embedding = new PinnedFloats(layout.Embedding.Length);
            layout.Embedding.In(parameters).CopyTo(_embedding.Span);
        }
    }

    public override StepScratch CreateScratch(int maxRows)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxRows);
        return new Scratch(this, maxRows, _layers.Max(layer => layer.WorkFloats(maxRows)), Math.Max(0, _dense.Length - 1),
            _dense.Length > 1 ? PinnedFloats.WholeLines(_dense.Max(dense => dense.Units)) : 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Step(ReadOnlySpan<float> x, StateSlab slab, ReadOnlySpan<int> rows, Span<float> y, StepScratch scratch)
    {
        Scratch work = Check(x.Length, nameof(x), slab, rows, y, scratch);
        fixed (float* first = x, outputs = y)
        {
            if (_embedding is not null)
            {
                for (int b = 0; b < rows.Length; b++)
                    work.Inputs[b] = Embedding((int)first[b], first[b], nameof(x));
                StepMany(slab, rows, outputs, work);
            }
            else if (rows.Length == 1)
            {
                StepOne(first, slab, rows[0], outputs, work);
            }
            else
            {
                for (int b = 0; b < rows.Length; b++)
                    work.Inputs[b] = (nint)(first + (nint)b * _inputs);
                StepMany(slab, rows, outputs, work);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Step(ReadOnlySpan<int> tokens, StateSlab slab, ReadOnlySpan<int> rows, Span<float> y, StepScratch scratch)
    {
        if (_embedding is null)
            throw new ArgumentException($"{Shape} takes values, no tokens.", nameof(tokens));
        Scratch work = Check(tokens.Length, nameof(tokens), slab, rows, y, scratch);
        for (int b = 0; b < rows.Length; b++)
            work.Inputs[b] = Embedding(tokens[b], tokens[b], nameof(tokens));
        fixed (float* outputs = y)
            StepMany(slab, rows, outputs, work);
    }

    public override float[] Gates(ReadOnlySpan<float> x, ReadOnlySpan<float> state)
    {
        StateSlab slab = new(_stateFloats);
        Span<float> row = slab[slab.Add()];
        Scratch work = Check(x.Length, nameof(x), slab, [0], new float[_outputs], CreateScratch(1));
        state[.._stateFloats].CopyTo(row);
        int gateCount = Shape.GateNames.Length;
        PinnedFloats gates = new(gateCount * Shape.PaddedHidden);
        List<float> all = [];
        fixed (float* first = x, states = row)
        {
            float* input = _embedding is null ? first : (float*)Embedding((int)first[0], first[0], nameof(x));
            float* h = states;
            foreach (RecurrentLayer layer in _layers)
            {
                layer.Gates(input, h, work.Layer, gates.Start);
                for (int gate = 0; gate < gateCount; gate++)
                    all.AddRange(gates.Span.Slice(gate * Shape.PaddedHidden, Shape.Hidden));
                layer.StepOne(input, h, work.Layer, backwards: false);   // what stands above reads the next h
                input = h;
                h += _layerFloats;
            }
        }
        GC.KeepAlive(gates);
        GC.KeepAlive(work);
        GC.KeepAlive(this);
        return [.. all];
    }

    // The kernels hold addresses only; their owners are kept alive to the end of a step.

    /// <summary>One event alone: nothing to collect and nothing to cut into blocks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void StepOne(float* x, StateSlab slab, int row, float* y, Scratch work)
    {
        float* state = (float*)Unsafe.AsPointer(ref slab.RowStart(row));
        for (nint i = 16; Sse.IsSupported && i < _stateFloats; i += 16)
            Sse.Prefetch0(state + i);   // the first line is read at once
        bool backwards = work.Backwards = !work.Backwards;
        foreach (RecurrentLayer layer in _layers)
        {
            layer.StepOne(x, state, work.Layer, backwards);
            x = state;
            state += _layerFloats;
        }

        for (int i = 0; i < _dense.Length; i++)
        {
            float* to = i == _dense.Length - 1 ? y : work.Dense(i);
            _dense[i].StepOne(x, to);
            x = to;
        }

        GC.KeepAlive(slab);
        GC.KeepAlive(work);
        GC.KeepAlive(this);
    }

    /// <summary>Steps the rows whose inputs lie where the scratch says.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void StepMany(StateSlab slab, ReadOnlySpan<int> rows, float* y, Scratch work)
    {
        int count = rows.Length;
        if (count == 0)
            return;
        nint* inputs = work.Inputs, states = work.States;
        for (int b = 0; b < count; b++)
            states[b] = (nint)Unsafe.AsPointer(ref slab.RowStart(rows[b]));

        bool backwards = work.Backwards = !work.Backwards;
        foreach (RecurrentLayer layer in _layers)
        {
            layer.StepMany(inputs, states, count, work.Layer, backwards);
            Climb(inputs, states, count);
        }

        for (int i = 0; i < _dense.Length; i++)
        {
            bool isHead = i == _dense.Length - 1;
            float* to = isHead ? y : work.Dense(i);
            nint stride = isHead ? _outputs : work.DenseFloats;
            _dense[i].StepMany(inputs, count, to, stride);
            for (int b = 0; b < count && !isHead; b++)
                inputs[b] = (nint)(to + b * stride);
        }

        GC.KeepAlive(slab);
        GC.KeepAlive(work);
        GC.KeepAlive(this);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Scratch Check(int events, string name, StateSlab slab, ReadOnlySpan<int> rows, Span<float> y, StepScratch scratch)
    {
        if (scratch is not Scratch work || work.Model != this)
            throw new ArgumentException("The scratch was created by another model.", nameof(scratch));
        if (rows.Length > work.MaxRows || events != rows.Length * _eventFloats || y.Length != rows.Length * _outputs || slab.RowFloats < _stateFloats)
            throw Misfit(events, name, slab, rows, y, work.MaxRows);
        return work;
    }

    /// <param name="token">As an integer.</param>
    /// <param name="given">As it came.</param>
    /// <param name="name">Of the argument.</param>
    private nint Embedding(int token, float given, string name)
    {
        if ((uint)token >= (uint)Shape.Vocabulary || token != given)
            throw new ArgumentOutOfRangeException(name, given, $"A token is a whole number below {Shape.Vocabulary}.");
        return (nint)(_embedding!.Start + token * (nint)_inputs);
    }

    /// <summary>The h of a layer is the input of what stands above it.</summary>
    private void Climb(nint* inputs, nint* states, int count)
    {
        for (int b = 0; b < count; b++)
        {
            inputs[b] = states[b];
            states[b] += _layerFloats * sizeof(float);
        }
    }

    private sealed class Scratch(SequenceModel model, int maxRows, int layerFloats, int denseCount, int denseFloats) : StepScratch
    {
        private readonly PinnedFloats _addresses = new(checked(2 * maxRows * sizeof(nint) / sizeof(float)));
        private readonly PinnedFloats _layer = new(layerFloats), _dense = new(checked(denseCount * maxRows * denseFloats));

        public SequenceModel Model { get; } = model;

        public int MaxRows { get; } = maxRows;

        /// <summary>Working memory of one layer at a time.</summary>
        public float* Layer => _layer.Start;

        /// <summary>Floats of one row of a dense layer's outputs; zero where there is none.</summary>
        public int DenseFloats { get; } = denseFloats;

        /// <summary>[maxRows] addresses of what the layer reads.</summary>
        public nint* Inputs => (nint*)_addresses.Start;

        /// <summary>[maxRows] addresses of the layer's state.</summary>
        public nint* States => Inputs + MaxRows;

        /// <summary>Toggled by every step.</summary>
        public bool Backwards { get; set; }

        /// <summary>[maxRows] rows of what dense layer i gives, a place of its own: what lies beyond its units stays finite.</summary>
        public float* Dense(int i) => _dense.Start + i * (nint)MaxRows * DenseFloats;
    }
}
