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
        return new Scratch(this, maxRows, _layers.Max(layer => layer.RowFloats), _layers[0].FramesFloats);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Step(ReadOnlySpan<float> x, StateSlab slab, ReadOnlySpan<int> rows, Span<float> y, StepScratch scratch)
    {
        if (scratch is not Scratch work || work.Model != this)
            throw new ArgumentException("The scratch was created by another model.", nameof(scratch));
        CheckLengths(x, slab, rows, y, work.MaxRows);
        nint* inputs = work.Inputs, states = work.States;
        for (int b = 0; b < rows.Length; b++)
        {
            states[b] = (nint)Unsafe.AsPointer(ref slab.RowStart(rows[b]));
            Prefetch((byte*)states[b], StateFloats * sizeof(float));
        }

        work.Backwards = !work.Backwards;
        fixed (float* first = x)
        {
            for (int b = 0; b < rows.Length; b++)
                inputs[b] = (nint)(first + (nint)b * Shape.Inputs);
            for (int layer = 0; layer < _layers.Length; layer++)
            {
                if (layer > 0)
                    Climb(inputs, states, rows.Length);
                _layers[layer].Step(inputs, states, rows.Length, work.Rows.Start, work.Frames.Start, work.Backwards);
            }
        }

        if (_head is not null)
        {
            int outputs = Shape.Outputs;
            for (int b = 0; b < rows.Length; b++)
                _head.Step((float*)states[b], y.Slice(b * outputs, outputs));
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
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* row, int bytes)
    {
        if (!Sse.IsSupported)
            return;
        for (int line = 0; line < bytes; line += 64)
            Sse.Prefetch0(row + line);
    }

    private sealed class Scratch(SequenceModel model, int maxRows, int rowFloats, int framesFloats) : StepScratch
    {
        private readonly PinnedFloats _addresses = new(checked(2 * maxRows * sizeof(nint) / sizeof(float)));

        public SequenceModel Model { get; } = model;

        public int MaxRows { get; } = maxRows;

        /// <summary>[maxRows] of [h | x] of the layer that is stepped.</summary>
        public PinnedFloats Rows { get; } = new(checked(maxRows * rowFloats));

        public PinnedFloats Frames { get; } = new(framesFloats);

        /// <summary>[maxRows] addresses of what the layer reads.</summary>
        public nint* Inputs => (nint*)_addresses.Start;

        /// <summary>[maxRows] addresses of the layer's state.</summary>
        public nint* States => Inputs + MaxRows;

        /// <summary>Toggled by every step.</summary>
        public bool Backwards { get; set; }
    }
}
