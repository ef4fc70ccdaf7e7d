using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace StreamRnn.Cells;

/// <summary>
/// The one kind of <see cref="SequenceModel"/>, specialised by the JIT for a lane and a cell. A state row holds, layer after layer, h and
/// then c where the cell has one, each padded to whole cache lines.
/// </summary>
internal sealed unsafe class StackedModel<TLane, TGates, TPanel> : SequenceModel
    where TLane : struct, ILane<TLane>
    where TGates : struct, IGates<TLane, TPanel>
    where TPanel : struct, IPanel<TPanel, TLane>
{
    private readonly Recurrent<TLane, TGates, TPanel>[] _layers;
    private readonly LinearHead? _head;
    private readonly int _layerFloats;
    private readonly int _inputs, _outputs, _stateFloats;

    public StackedModel(ModelShape shape, ReadOnlySpan<float> parameters)
        : base(shape)
    {
        var layout = new ParameterLayout(shape);
        _layerFloats = shape.StateVariables * shape.PaddedHidden;
        (_inputs, _outputs, _stateFloats) = (shape.Inputs, shape.Outputs, StateFloats);
        _layers = new Recurrent<TLane, TGates, TPanel>[shape.Layers];
        for (int layer = 0; layer < shape.Layers; layer++)
            _layers[layer] = new Recurrent<TLane, TGates, TPanel>(parameters, layout.Layer(layer), shape.PaddedHidden);
        if (shape.Outputs > 0)
            _head = new LinearHead(parameters, layout.HeadWeights, layout.HeadBias);
    }

    public override StepScratch CreateScratch(int maxRows)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxRows);
        return new Scratch(this, maxRows, _layers.Max(layer => layer.RowFloats), _layers[0].FramesFloats);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Step(ReadOnlySpan<float> x, StateSlab slab, ReadOnlySpan<int> rows, Span<float> y, StepScratch scratch)
    {
        if (scratch is not Scratch work || work.Model != this)
            throw new ArgumentException("The scratch was created by another model.", nameof(scratch));
        int count = rows.Length;
        if (count > work.MaxRows || x.Length != count * _inputs || y.Length != count * _outputs || slab.RowFloats < _stateFloats)
            throw Misfit(x, slab, rows, y, work.MaxRows);
        if (count == 0)
            return;

        nint* inputs = work.Inputs, states = work.States;
        for (int b = 0; b < count; b++)
            states[b] = (nint)Unsafe.AsPointer(ref slab.RowStart(rows[b]));
        if (count > 1)
            Prefetch(states, count);

        bool backwards = work.Backwards = !work.Backwards;
        fixed (float* first = x, y0 = y)
        {
            for (int b = 0; b < count; b++)
                inputs[b] = (nint)(first + (nint)b * _inputs);
            for (int layer = 0; layer < _layers.Length; layer++)
            {
                if (layer > 0)
                    Climb(inputs, states, count);
                _layers[layer].Step(inputs, states, count, work.Rows, work.Frames, backwards);
            }

            _head?.Step(states, count, y0);
        }

        // The kernels hold addresses only; their owners live at least as long.
        GC.KeepAlive(slab);
        GC.KeepAlive(work);
        GC.KeepAlive(this);
    }

    /// <summary>The h of a layer is the input of the next.</summary>
    private void Climb(nint* inputs, nint* states, int count)
    {
        for (int b = 0; b < count; b++)
        {
            inputs[b] = states[b];
            states[b] += _layerFloats * sizeof(float);
        }
    }

    /// <summary>Streams come in random order: their rows are asked for all at once, before the first is read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Prefetch(nint* states, int count)
    {
        if (!Sse.IsSupported)
            return;
        for (int b = 0; b < count; b++)
            for (int line = 0; line < _stateFloats * sizeof(float); line += 64)
                Sse.Prefetch0((byte*)states[b] + line);
    }

    private sealed class Scratch(SequenceModel model, int maxRows, int rowFloats, int framesFloats) : StepScratch
    {
        private readonly PinnedFloats _addresses = new(checked(2 * maxRows * sizeof(nint) / sizeof(float)));
        private readonly PinnedFloats _rows = new(checked(maxRows * rowFloats)), _frames = new(framesFloats);

        public SequenceModel Model { get; } = model;

        public int MaxRows { get; } = maxRows;

        /// <summary>[maxRows] of [h | x] of the layer that is stepped.</summary>
        public float* Rows => _rows.Start;

        public float* Frames => _frames.Start;

        /// <summary>[maxRows] addresses of what the layer reads.</summary>
        public nint* Inputs => (nint*)_addresses.Start;

        /// <summary>[maxRows] addresses of the layer's state.</summary>
        public nint* States => Inputs + MaxRows;

        /// <summary>Toggled by every step.</summary>
        public bool Backwards { get; set; }
    }
}
