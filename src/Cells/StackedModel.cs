using System.Runtime.CompilerServices;

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

    public StackedModel(ModelShape shape, ReadOnlySpan<float> parameters)
        : base(shape)
    {
        var layout = new ParameterLayout(shape);
        _layerFloats = shape.StateVariables * shape.PaddedHidden;
        _layers = new Recurrent<TLane, TGates, TPanel>[shape.Layers];
        for (int layer = 0; layer < shape.Layers; layer++)
            _layers[layer] = new Recurrent<TLane, TGates, TPanel>(parameters, layout.Layer(layer), shape.PaddedHidden);
        if (shape.Outputs > 0)
            _head = new LinearHead(parameters, layout);
    }

    public override StepScratch CreateScratch(int maxRows)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxRows);
        return new Scratch(maxRows, _layers.Max(layer => layer.RowFloats), Recurrent<TLane, TGates, TPanel>.FramesFloats);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Step(ReadOnlySpan<float> x, StateSlab slab, ReadOnlySpan<int> rows, Span<float> y, StepScratch scratch)
    {
        var work = (Scratch)scratch;
        CheckLengths(x, slab, rows, y, work.MaxRows);
        nint* states = work.States;
        for (int b = 0; b < rows.Length; b++)
            states[b] = (nint)Unsafe.AsPointer(ref slab.RowStart(rows[b]));

        work.Backwards = !work.Backwards;
        fixed (float* inputs = x)
        {
            for (int layer = 0; layer < _layers.Length; layer++)
                StepLayer(layer, inputs, rows.Length, work);
        }

        if (_head is not null)
        {
            int outputs = Shape.Outputs;
            for (int b = 0; b < rows.Length; b++)
                _head.Step((float*)states[b] + TopHiddenOffset, y.Slice(b * outputs, outputs));
        }

        GC.KeepAlive(slab);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void StepLayer(int layer, float* inputs, int count, Scratch work)
    {
        Recurrent<TLane, TGates, TPanel> recurrent = _layers[layer];
        int offset = layer * _layerFloats;
        nint stride = recurrent.RowFloats;
        float* rows = work.Rows.Start;
        for (int b = 0; b < count; b++)
        {
            float* state = (float*)work.States[b] + offset;
            recurrent.Gather(layer == 0 ? inputs + (nint)b * Shape.Inputs : state - _layerFloats, state, rows + b * stride);
        }

        recurrent.Step(rows, work.States, count, offset, work.Frames.Start, work.Backwards);
    }

    private sealed class Scratch(int maxRows, int rowFloats, int framesFloats) : StepScratch
    {
        private readonly PinnedFloats _states = new(checked(maxRows * sizeof(nint) / sizeof(float)));

        public int MaxRows { get; } = maxRows;

        /// <summary>[maxRows] of [x | h] of the layer that is stepped.</summary>
        public PinnedFloats Rows { get; } = new(checked(maxRows * rowFloats));

        public PinnedFloats Frames { get; } = new(framesFloats);

        /// <summary>[maxRows] addresses of the state rows.</summary>
        public nint* States => (nint*)_states.Start;

        /// <summary>Toggled by every step.</summary>
        public bool Backwards { get; set; }
    }
}
