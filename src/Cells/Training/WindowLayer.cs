using System.Runtime.CompilerServices;
using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;

namespace StreamRnn.Cells.Training;

/// <summary>
/// One layer in one direction over the steps of a window, for a slice of rows: each step on a separate frame, and the backward pass over
/// them.
/// </summary>
internal abstract unsafe class WindowLayer<TLane> where TLane : struct, ILane<TLane>
{
    private readonly int _hidden, _padded;

    protected WindowLayer(ModelShape shape) => (_hidden, _padded) = (shape.Hidden, shape.PaddedHidden);

    protected int Padded => _padded;

    public abstract LayerTape CreateTape(ModelShape shape, int direction, int maxSteps);

    public abstract void SetParameters(ReadOnlySpan<float> parameters);

    /// <summary>Adds the gradients of a tape at the positions of the parameters.</summary>
    public abstract void Unpack(LayerTape tape, Span<float> gradient);

    /// <summary>Runs the window forward: reads the state before step 0 and the inputs from the tape, writes everything else on it.</summary>
    /// <param name="tape">Of a slice.</param>
    /// <param name="steps">T.</param>
    /// <param name="lengths">Steps of each row.</param>
    /// <param name="masked">True if U reads h through the tape's mask.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Forward(LayerTape tape, int steps, ReadOnlySpan<int> lengths, bool masked)
    {
        int* active = stackalloc int[SumsTape.SliceRows];
        for (int step = 0; step < steps; step++)
        {
            float* before = tape.States(step), operands = tape.Sums[0].Operands(step);
            for (int row = 0; row < tape.Rows; row++)
                CopyHidden(before + row * (nint)tape.StateFloats, operands + row * (nint)tape.Sums[0].OperandFloats, masked ? tape.RecurrentMask + row * (nint)_padded : null);

            int count = Active(lengths, tape.StepAt(step, steps), active);
            if (count < tape.Rows)
                Buffer.MemoryCopy(before, tape.States(step + 1), long.MaxValue, (long)tape.Rows * tape.StateFloats * sizeof(float));
            Step(tape, step, active, count);
        }
    }

    /// <summary>Goes back from dL/dstate after the last step, on the tape, to that before the first, and accumulates dL/dweights.</summary>
    /// <param name="tape">Of a slice, as <see cref="Forward"/> left it.</param>
    /// <param name="steps">T.</param>
    /// <param name="lengths">Steps of each row.</param>
    /// <param name="masked">As forward.</param>
    /// <param name="outputGradients">[T, rows] of dL/dh from above, null where there is none.</param>
    /// <param name="outputStride">Floats from one of its rows to the next.</param>
    /// <param name="inputGradients">[T, rows, inputs in whole cache lines] of dL/dx, added to; null where nobody asks.</param>
    /// <param name="inputStride">Floats from one of its rows to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Backward(LayerTape tape, int steps, ReadOnlySpan<int> lengths, bool masked, float* outputGradients, nint outputStride,
        float* inputGradients, nint inputStride)
    {
        int* active = stackalloc int[SumsTape.SliceRows];
        foreach (SumsTape sums in tape.Sums)
            sums.Gradients.Span.Clear();

        // Chunks are cut in time, from 0, so that steps a row stands still for, which add zeros, leave the order of all others as it is.
        int chunks = (steps + SumsTape.ChunkSteps - 1) / SumsTape.ChunkSteps;
        for (int i = 0; i < chunks; i++)
        {
            int start = (tape.StepAt(0, steps) == 0 ? chunks - 1 - i : i) * SumsTape.ChunkSteps;
            int count = Math.Min(SumsTape.ChunkSteps, steps - start);
            int first = Math.Min(tape.StepAt(start, steps), tape.StepAt(start + count - 1, steps));
            for (int step = first + count - 1; step >= first; step--)
            {
                int time = tape.StepAt(step, steps), moving = Active(lengths, time, active);
                foreach (SumsTape sums in tape.Sums)
                {
                    if (moving < tape.Rows)
                        new Span<float>(sums.SumGradients(step - first), tape.Rows * sums.SumFloats).Clear();
                }

                if (outputGradients != null)
                    AddOutputGradients(tape, outputGradients + (nint)time * tape.Rows * outputStride, outputStride, active, moving);
                StepBack(tape, step, step - first, active, moving, masked, inputGradients == null ? null : inputGradients + (nint)time * tape.Rows * inputStride);
            }

            AddWeightGradients(tape, first, count);
        }
    }

    /// <summary>
    /// Computes the frames of a step from the state before it and its operands and, for the rows that move, the state after it.
    /// </summary>
    protected abstract void Step(LayerTape tape, int step, int* active, int count);

    /// <summary>Runs one step backward: from dL/dstate after it to dL/dstate before it, with the gradients of sums and inputs.</summary>
    /// <param name="tape">Of a slice.</param>
    /// <param name="step">The step.</param>
    /// <param name="place">Index in its chunk.</param>
    /// <param name="active">[count] rows that moved.</param>
    /// <param name="count">Number of active rows.</param>
    /// <param name="masked">True if U read h through the tape's mask.</param>
    /// <param name="inputGradients">[rows], added to; null where nobody asks.</param>
    protected abstract void StepBack(LayerTape tape, int step, int place, int* active, int count, bool masked, float* inputGradients);

    protected abstract void AddWeightGradients(LayerTape tape, int firstStep, int steps);

    /// <summary>dL/dh before the step += what has reached what U read, through the mask where there is one.</summary>
    protected void AddHiddenGradients(LayerTape tape, bool masked)
    {
        for (int row = 0; row < tape.Rows; row++)
        {
            float* h = tape.StateGradients + row * (nint)tape.StateFloats, from = tape.HiddenGradients + row * (nint)tape.HiddenFloats;
            float* mask = tape.RecurrentMask + row * (nint)_padded;
            for (int j = 0; j < _padded; j += TLane.Width)
                TLane.Store(masked ? TLane.MultiplyAdd(TLane.Load(from + j), TLane.Load(mask + j), TLane.Load(h + j)) : TLane.Load(from + j) + TLane.Load(h + j), h + j);
        }
    }

    /// <summary>The rows that move at a time.</summary>
    private static int Active(ReadOnlySpan<int> lengths, int time, int* active)
    {
        int count = 0;
        for (int row = 0; row < lengths.Length; row++)
        {
            if (time < lengths[row])
                active[count++] = row;
        }

        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void CopyHidden(float* h, float* operand, float* mask)
    {
        for (int j = 0; j < _padded; j += TLane.Width)
            TLane.Store(mask == null ? TLane.Load(h + j) : TLane.Load(h + j) * TLane.Load(mask + j), operand + j);
    }

    private void AddOutputGradients(LayerTape tape, float* outputGradients, nint outputStride, int* active, int count)
    {
        for (int i = 0; i < count; i++)
        {
            float* from = outputGradients + active[i] * outputStride, to = tape.StateGradients + active[i] * (nint)tape.StateFloats;
            int j = 0;
            for (; j <= _hidden - TLane.Width; j += TLane.Width)
                TLane.Store(TLane.Load(to + j) + TLane.Load(from + j), to + j);
            for (; j < _hidden; j++)
                to[j] += from[j];
        }
    }
}

/// <summary>A layer of a cell whose sums are one affine map of [h | x].</summary>
internal sealed unsafe class WindowLayer<TLane, TGates, TPanel> : WindowLayer<TLane>
    where TLane : struct, ILane<TLane>
    where TGates : struct, IGates<TLane, TPanel>
    where TPanel : struct, IPanel<TPanel, TLane>
{
    private readonly WindowSums<TLane, TGates, TPanel> _sums;

    public WindowLayer(ParameterLayout layout, LayerSlots slots)
        : base(layout.Shape) => _sums = new WindowSums<TLane, TGates, TPanel>(layout, slots);

    private static nint FrameFloats => Affine<TLane, TGates, TPanel>.FrameFloats;

    public override LayerTape CreateTape(ModelShape shape, int direction, int maxSteps) => new(shape, direction, maxSteps, _sums.CreateTape(maxSteps));

    public override void SetParameters(ReadOnlySpan<float> parameters) => _sums.SetParameters(parameters);

    public override void Unpack(LayerTape tape, Span<float> gradient) => _sums.Unpack(tape.Sums[0], gradient);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected override void Step(LayerTape tape, int step, int* active, int count)
    {
        _sums.Forward(tape.Sums[0], step);
        float* frames = tape.Sums[0].Frames(step), before = tape.States(step), after = tape.States(step + 1);
        nint stride = tape.StateFloats, padded = Padded;
        for (int tile = 0; tile < _sums.Tiles; tile++, before += TLane.Width, after += TLane.Width, frames += tape.Rows * FrameFloats)
        {
            for (int i = 0; i < count; i++)
            {
                nint row = active[i], at = row * stride;
                TLane.Store(TLane.Load(before + at), after + at);
                if (TGates.HasCell)
                    TLane.Store(TLane.Load(before + at + padded), after + at + padded);
                TGates.Update(frames + row * FrameFloats, after + at, after + at + padded);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected override void StepBack(LayerTape tape, int step, int place, int* active, int count, bool masked, float* inputGradients)
    {
        float* sums = tape.Sums[0].SumGradients(place);
        UpdateBack(tape, step, sums, active, count);
        if (masked)
        {
            new Span<float>(tape.HiddenGradients, tape.Rows * tape.HiddenFloats).Clear();
            _sums.AddHiddenGradients(tape.Sums[0], sums, tape.HiddenGradients, tape.HiddenFloats);
            AddHiddenGradients(tape, masked);
        }
        else
        {
            _sums.AddHiddenGradients(tape.Sums[0], sums, tape.StateGradients, tape.StateFloats);
        }

        if (inputGradients != null)
            _sums.AddInputGradients(tape.Sums[0], sums, inputGradients);
    }

    protected override void AddWeightGradients(LayerTape tape, int firstStep, int steps) => _sums.AddWeightGradients(tape.Sums[0], firstStep, steps);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void UpdateBack(LayerTape tape, int step, float* sums, int* active, int count)
    {
        nint stride = tape.StateFloats, sumFloats = tape.Sums[0].SumFloats, padded = Padded;
        float* frames = tape.Sums[0].Frames(step), before = tape.States(step), after = tape.States(step + 1), gradient = tape.StateGradients;
        for (int tile = 0; tile < _sums.Tiles; tile++, frames += tape.Rows * FrameFloats)
        {
            for (int i = 0; i < count; i++)
            {
                nint row = active[i], at = row * stride + tile * TLane.Width;
                TGates.Backward(frames + row * FrameFloats, before + at, after + at, gradient + at, padded, sums + row * sumFloats + tile * TLane.Width, padded);
            }
        }
    }
}
