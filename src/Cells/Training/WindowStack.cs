using System.Runtime.CompilerServices;
using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;

namespace StreamRnn.Cells.Training;

/// <summary>The one kind of <see cref="WindowNetwork"/>, specialised by the JIT for a lane.</summary>
internal sealed unsafe class WindowStack<TLane> : WindowNetwork where TLane : struct, ILane<TLane>
{
    private readonly WindowLayer<TLane>[] _layers;   // [layers * directions]
    private readonly WindowHead<TLane> _head;
    private readonly PinnedFloats _embedding;
    private readonly WindowSlice?[] _slices;
    private readonly Crew _crew;
    private readonly int _maxRows, _maxSteps;
    private WindowBatch? _batch;
    private (int Rows, int Steps) _size;   // of the batch when it ran forward
    private bool _backwards;

    public WindowStack(ModelShape shape, int maxRows, int maxSteps, int threads)
        : base(shape)
    {
        (_maxRows, _maxSteps) = (maxRows, maxSteps);
        _layers = new WindowLayer<TLane>[shape.Layers * shape.Directions];
        for (int i = 0; i < _layers.Length; i++)
            _layers[i] = CreateLayer(Layout.Layer(i / shape.Directions, i % shape.Directions));
        _head = new WindowHead<TLane>(Layout);
        _embedding = new PinnedFloats(Layout.Embedding.Length);
        _slices = new WindowSlice?[(maxRows + SumsTape.SliceRows - 1) / SumsTape.SliceRows];
        _crew = new Crew(Math.Min(threads, _slices.Length), RunSlice);
    }

    public override void SetParameters(ReadOnlySpan<float> block)
    {
        if (block.Length != Layout.Length)
            throw new ArgumentException($"{Shape} has {Layout.Length} parameters, the block has {block.Length}.", nameof(block));
        foreach (WindowLayer<TLane> layer in _layers)
            layer.SetParameters(block);
        _head.SetParameters(block);
        Layout.Embedding.In(block).CopyTo(_embedding.Span);
    }

    public override void Forward(WindowBatch batch)
    {
        Check(batch);
        (_batch, _size) = (batch, (batch.Rows, batch.Steps));
        Run(backwards: false);
    }

    public override void Backward(WindowBatch batch, Span<float> gradient)
    {
        if (batch != _batch || (batch.Rows, batch.Steps) != _size)
            throw new ArgumentException("The latest Forward was of another batch, or this one has been resized since.", nameof(batch));
        if (gradient.Length != Layout.Length)
            throw new ArgumentException($"{Shape} has {Layout.Length} parameters, the gradient has {gradient.Length}.", nameof(gradient));
        Run(backwards: true);
        Gather(batch, gradient);
    }

    public override void CopyLayerOutput(int layer, Span<float> output)
    {
        if (_batch is not WindowBatch batch || (batch.Rows, batch.Steps) != _size)
            throw new InvalidOperationException("There has been no Forward, or its batch has been resized since.");
        int width = Shape.Directions * Shape.Hidden;
        if (output.Length != batch.Steps * batch.Rows * width)
            throw new ArgumentException($"[{batch.Steps}, {batch.Rows}, {width}] does not fit {output.Length} floats.", nameof(output));
        fixed (float* to = output)
        {
            for (int time = 0; time < batch.Steps; time++)
                for (int row = 0; row < batch.Rows; row++)
                    _slices[row / SumsTape.SliceRows]!.CopyOutput(layer, time, row % SumsTape.SliceRows, to + ((nint)time * batch.Rows + row) * width);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _crew.Dispose();
    }

    private void Check(WindowBatch batch)
    {
        if (batch.Shape != Shape)
            throw new ArgumentException($"The batch is of {batch.Shape}, the network of {Shape}.", nameof(batch));
        if (batch.Rows > _maxRows || batch.Steps > _maxSteps)
            throw new ArgumentException($"{batch.Rows} rows of {batch.Steps} steps, and a network for {_maxRows} of {_maxSteps}.", nameof(batch));
        batch.Dropout.Check();
        foreach (int length in batch.Lengths)
        {
            if (length < 1 || length > batch.Steps)
                throw new ArgumentException($"A row has length {length}; 1 to {batch.Steps} steps are possible.", nameof(batch));
        }

        foreach (int token in batch.Tokens)
        {
            if ((uint)token >= (uint)Shape.Vocabulary)
                throw new ArgumentException($"Token {token}; the vocabulary ends at {Shape.Vocabulary - 1}.", nameof(batch));
        }
    }

    private void Run(bool backwards)
    {
        int slices = (_batch!.Rows + SumsTape.SliceRows - 1) / SumsTape.SliceRows;
        for (int slice = 0; slice < slices; slice++)
            _slices[slice] ??= new WindowSlice(Shape, slice * SumsTape.SliceRows, _batch, _maxSteps, CreateTape, _head.CreateTape);
        _backwards = backwards;
        _crew.Run(slices);
    }

    private WindowLayer<TLane> CreateLayer(LayerSlots slots) => Shape.Cell switch
    {
        CellKind.Lstm => new WindowLayer<TLane, Lstm<TLane>, Panel4<TLane>>(Layout, slots),
        CellKind.Gru => new WindowLayer<TLane, Gru<TLane>, Panel3<TLane>>(Layout, slots),
        CellKind.Rnn => new WindowLayer<TLane, Rnn<TLane>, Panel1<TLane>>(Layout, slots),
        _ => new WindowResetBefore<TLane>(Layout, slots),
    };

    private LayerTape CreateTape(int layer, int direction) => _layers[layer * Shape.Directions + direction].CreateTape(Shape, direction, _maxSteps);

    private void RunSlice(int number)
    {
        (WindowSlice slice, WindowBatch batch) = (_slices[number]!, _batch!);
        if (_backwards)
            Backward(slice, batch);
        else
            Forward(slice, batch);
    }

    private void Forward(WindowSlice slice, WindowBatch batch)
    {
        slice.Begin(batch);
        for (int layer = 0; layer < Shape.Layers; layer++)
        {
            for (int direction = 0; direction < Shape.Directions; direction++)
            {
                slice.Feed(layer, direction, _embedding.Start);
                _layers[layer * Shape.Directions + direction].Forward(slice.Tape(layer, direction), batch.Steps, slice.Lengths, batch.Dropout.Recurrent > 0);
            }
        }

        slice.FeedHead();
        _head.Forward(slice.Head, slice.Cells);
        slice.End();
    }

    private void Backward(WindowSlice slice, WindowBatch batch)
    {
        slice.BeginBackward();
        _head.Backward(slice.Head, slice.Cells);
        slice.LeaveHead();
        for (int layer = Shape.Layers - 1; layer >= 0; layer--)
        {
            slice.ClearInputGradients(layer);
            for (int direction = 0; direction < Shape.Directions; direction++)
            {
                _layers[layer * Shape.Directions + direction].Backward(slice.Tape(layer, direction), batch.Steps, slice.Lengths, batch.Dropout.Recurrent > 0,
                    slice.OutputGradients(layer, direction), slice.OutputStride,
                    slice.InputGradients(layer), PinnedFloats.WholeLines(Shape.InputsOf(layer)));
            }

            slice.LeaveLayer(layer);
        }

        slice.EndBackward();
    }

    /// <summary>Adds the gradients of all slices, in their order, and lays them out as the parameters are.</summary>
    private void Gather(WindowBatch batch, Span<float> gradient)
    {
        WindowSlice sum = _slices[0]!;
        int slices = (batch.Rows + SumsTape.SliceRows - 1) / SumsTape.SliceRows;
        Layout.Embedding.In(gradient).Clear();
        for (int i = 0; i < slices; i++)
        {
            WindowSlice slice = _slices[i]!;
            slice.AddEmbeddingGradients(Layout.Embedding.In(gradient));
            if (i == 0)
                continue;
            for (int g = 0; g < sum.Gradients.Length; g++)
                Add(sum.Gradients[g], slice.Gradients[g]);
        }

        for (int i = 0; i < _layers.Length; i++)
            _layers[i].Unpack(sum.Tape(i / Shape.Directions, i % Shape.Directions), gradient);
        _head.Unpack(sum.Head, gradient);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(PinnedFloats sum, PinnedFloats other)
    {
        float* to = sum.Start, from = other.Start;
        for (int i = 0; i < sum.Length; i += TLane.Width)
            TLane.Store(TLane.Load(in to[i]) + TLane.Load(in from[i]), ref to[i]);
    }
}
