using System.Runtime.CompilerServices;

namespace StreamRnn.Cells;

/// <summary>
/// One layer in one direction over the steps of a window, for a slice of rows: the cell's own sums and update, each step on a frame of its
/// own, and the way back over those frames.
/// </summary>
internal sealed unsafe class WindowLayer<TLane, TGates, TPanel>
    where TLane : struct, ILane<TLane>
    where TGates : struct, IGates<TLane, TPanel>
    where TPanel : struct, IPanel<TPanel, TLane>
{
    private readonly LayerSlots _slots;
    private readonly Recurrent<TLane, TGates, TPanel> _recurrent;
    private readonly PinnedFloats _recurrentRows, _inputRows;
    private readonly int _inputs, _paddedInputs, _hidden, _padded;

    /// <param name="shape">The network's.</param>
    /// <param name="slots">This layer's part of the parameters.</param>
    public WindowLayer(ModelShape shape, LayerSlots slots)
    {
        (_slots, _hidden, _padded) = (slots, shape.Hidden, shape.PaddedHidden);
        (_inputs, _paddedInputs) = (slots.InputWeights.Columns, PinnedFloats.WholeLines(slots.InputWeights.Columns));
        _recurrent = new Recurrent<TLane, TGates, TPanel>(new float[new ParameterLayout(shape).Length], slots, _padded);
        _recurrentRows = new PinnedFloats(checked(Gates * _padded * RecurrentStride));
        _inputRows = new PinnedFloats(checked(Gates * _padded * _paddedInputs));
    }

    private static int Gates => TPanel.Lanes;

    /// <summary>Chains that only the inputs or only the hidden values have a part in: 1 in the reset-after GRU.</summary>
    private static int Parted => TGates.Chains - Gates;

    /// <summary>Wider than a panel, rows are kept from lying a power of two apart.</summary>
    private int RecurrentStride => _padded > 64 ? _padded + 16 : _padded;

    public LayerTape CreateTape(ModelShape shape, int layer, int direction, int maxSteps) =>
        new(shape, layer, direction, maxSteps, TGates.Chains, _recurrent.Tiles * Affine<TLane, TGates, TPanel>.FrameFloats);

    /// <summary>Packs for the way forward, and lays the rows of U and W out as the way back reads them: [chains, padded units] by what they multiply.</summary>
    public void SetParameters(ReadOnlySpan<float> parameters)
    {
        _recurrent.Repack(parameters, _slots);
        ReadOnlySpan<float> recurrentWeights = _slots.RecurrentWeights.In(parameters), inputWeights = _slots.InputWeights.In(parameters);
        for (int gate = 0; gate < Gates; gate++)
        {
            for (int unit = 0; unit < _hidden; unit++)
            {
                int row = gate * _hidden + unit;
                recurrentWeights.Slice(row * _hidden, _hidden).CopyTo(_recurrentRows.Span[((RecurrentChain(gate) * _padded + unit) * RecurrentStride)..]);
                inputWeights.Slice(row * _inputs, _inputs).CopyTo(_inputRows.Span[((gate * _padded + unit) * _paddedInputs)..]);
            }
        }
    }

    /// <summary>From the state before step 0 and the inputs, both on the tape, to everything else on it.</summary>
    /// <param name="tape">Of a slice.</param>
    /// <param name="steps">T.</param>
    /// <param name="lengths">Steps of each row.</param>
    /// <param name="masked">Whether U reads h through the tape's mask.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Forward(LayerTape tape, int steps, ReadOnlySpan<int> lengths, bool masked)
    {
        int* active = stackalloc int[LayerTape.SliceRows];
        for (int step = 0; step < steps; step++)
        {
            float* operands = tape.Operands(step), before = tape.States(step), after = tape.States(step + 1), frames = tape.Frames(step);
            for (int row = 0; row < tape.Rows; row++)
                CopyHidden(before + row * (nint)tape.StateFloats, operands + row * (nint)tape.OperandFloats, masked ? tape.RecurrentMask + row * (nint)_padded : null);
            _recurrent.Sums(operands, tape.OperandFloats, tape.Rows, frames, tape.Rows * (nint)Affine<TLane, TGates, TPanel>.FrameFloats);

            int count = Active(lengths, tape.StepAt(step, steps), active);
            if (count < tape.Rows)
                Buffer.MemoryCopy(before, after, long.MaxValue, (long)tape.Rows * tape.StateFloats * sizeof(float));
            Update(tape, frames, before, after, active, count);
        }
    }

    /// <summary>From dL/dstate after the last step, on the tape, back to that before the first, with dL/dweights on the way.</summary>
    /// <param name="tape">Of a slice, as <see cref="Forward"/> left it.</param>
    /// <param name="steps">T.</param>
    /// <param name="lengths">Steps of each row.</param>
    /// <param name="masked">As forward.</param>
    /// <param name="outputGradients">[T, rows] of dL/dh from above, null where there is none.</param>
    /// <param name="outputStride">Floats from one of its rows to the next.</param>
    /// <param name="inputGradients">[T, rows, inputs in whole cache lines] of dL/dx, added to; null where nobody asks.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Backward(LayerTape tape, int steps, ReadOnlySpan<int> lengths, bool masked, float* outputGradients, nint outputStride, float* inputGradients)
    {
        int* active = stackalloc int[LayerTape.SliceRows];
        tape.Gradients.Span.Clear();

        // Chunks are cut in time, from 0, so that steps a row stands still for, which add zeros, leave the order of all others as it is.
        int chunks = (steps + LayerTape.ChunkSteps - 1) / LayerTape.ChunkSteps;
        for (int i = 0; i < chunks; i++)
        {
            int start = (tape.StepAt(0, steps) == 0 ? chunks - 1 - i : i) * LayerTape.ChunkSteps;
            int count = Math.Min(LayerTape.ChunkSteps, steps - start);
            int first = Math.Min(tape.StepAt(start, steps), tape.StepAt(start + count - 1, steps));
            for (int step = first + count - 1; step >= first; step--)
            {
                int time = tape.StepAt(step, steps), moving = Active(lengths, time, active);
                float* sums = tape.SumGradients + (nint)(step - first) * tape.Rows * tape.SumFloats;
                if (moving < tape.Rows)
                    new Span<float>(sums, tape.Rows * tape.SumFloats).Clear();
                if (outputGradients != null)
                    AddOutputGradients(tape, outputGradients + (nint)time * tape.Rows * outputStride, outputStride, active, moving);
                Downdate(tape, step, sums, active, moving);
                PassThroughRecurrentWeights(tape, sums, masked);
                if (inputGradients != null)
                {
                    PassThrough(_inputRows, _paddedInputs, sums + Parted * _padded, tape, inputGradients + (nint)time * tape.Rows * _paddedInputs, _paddedInputs);
                }
            }

            AddWeightGradients(tape, tape.Operands(first), count * tape.Rows);
        }
    }

    /// <summary>Puts the gradients of a tape where the parameters lie.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Unpack(LayerTape tape, Span<float> gradient)
    {
        Span<float> recurrentWeights = _slots.RecurrentWeights.In(gradient), inputWeights = _slots.InputWeights.In(gradient);
        Span<float> recurrentBias = _slots.RecurrentBias.In(gradient), inputBias = _slots.InputBias.In(gradient);
        float* packed = tape.Gradients.Start, inputs = packed + (nint)_padded * tape.SumFloats, bias = inputs + (nint)_inputs * tape.SumFloats;
        for (int gate = 0; gate < Gates; gate++)
        {
            nint recurrent = RecurrentChain(gate) * _padded, input = (Parted + gate) * _padded;
            for (int unit = 0; unit < _hidden; unit++)
            {
                int row = gate * _hidden + unit;
                for (int k = 0; k < _hidden; k++)
                    recurrentWeights[row * _hidden + k] = packed[k * (nint)tape.SumFloats + recurrent + unit];
                for (int k = 0; k < _inputs; k++)
                    inputWeights[row * _inputs + k] = inputs[k * (nint)tape.SumFloats + input + unit];
                recurrentBias[row] = bias[recurrent + unit];
                inputBias[row] = bias[input + unit];
            }
        }
    }

    /// <summary>Which chain of dL/dsums a gate's hidden values have a part in: see <see cref="IGates{TLane, TPanel}.Backward"/>.</summary>
    private static int RecurrentChain(int gate) => (gate + Parted) % Gates;

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
        {
            TLane lane = TLane.Load(in h[j]);
            TLane.Store(mask == null ? lane : lane * TLane.Load(in mask[j]), ref operand[j]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Update(LayerTape tape, float* frames, float* before, float* after, int* active, int count)
    {
        nint stride = tape.StateFloats, frameFloats = Affine<TLane, TGates, TPanel>.FrameFloats, c = stride > _padded + 16 ? _padded : 0;
        for (int tile = 0; tile < _recurrent.Tiles; tile++, before += TLane.Width, after += TLane.Width, frames += tape.Rows * frameFloats)
        {
            for (int i = 0; i < count; i++)
            {
                nint row = active[i], at = row * stride;
                TLane.Store(TLane.Load(in before[at + c]), ref after[at + c]);
                TLane.Store(TLane.Load(in before[at]), ref after[at]);
                TGates.Update(frames + row * frameFloats, after + at, after + at + _padded);
            }
        }
    }

    /// <summary>The update's way back, for the rows that moved.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Downdate(LayerTape tape, int step, float* sums, int* active, int count)
    {
        nint stride = tape.StateFloats, frameFloats = Affine<TLane, TGates, TPanel>.FrameFloats, sumFloats = tape.SumFloats;
        float* frames = tape.Frames(step), before = tape.States(step), after = tape.States(step + 1), gradient = tape.StateGradients;
        for (int tile = 0; tile < _recurrent.Tiles; tile++)
        {
            for (int i = 0; i < count; i++)
            {
                nint row = active[i], at = row * stride + tile * TLane.Width;
                TGates.Backward(frames + row * frameFloats, before + at, after + at, gradient + at, _padded, sums + row * sumFloats + tile * TLane.Width, _padded);
            }

            frames += tape.Rows * frameFloats;
        }
    }

    private void AddOutputGradients(LayerTape tape, float* outputGradients, nint outputStride, int* active, int count)
    {
        for (int i = 0; i < count; i++)
        {
            float* from = outputGradients + active[i] * outputStride, to = tape.StateGradients + active[i] * (nint)tape.StateFloats;
            int j = 0;
            for (; j <= _hidden - TLane.Width; j += TLane.Width)
                TLane.Store(TLane.Load(in to[j]) + TLane.Load(in from[j]), ref to[j]);
            for (; j < _hidden; j++)
                to[j] += from[j];
        }
    }

    /// <summary>dL/dh before the step += dL/dsums U, through the mask where there is one.</summary>
    private void PassThroughRecurrentWeights(LayerTape tape, float* sums, bool masked)
    {
        nint stride = tape.StateFloats;
        float* into = tape.StateGradients;
        if (masked)
        {
            into = tape.MaskedGradients;
            stride = _padded;
            new Span<float>(into, tape.Rows * _padded).Clear();
        }

        PassThrough(_recurrentRows, RecurrentStride, sums, tape, into, stride);
        if (!masked)
            return;
        for (int row = 0; row < tape.Rows; row++)
        {
            float* h = tape.StateGradients + row * (nint)tape.StateFloats, mask = tape.RecurrentMask + row * (nint)_padded, from = into + row * (nint)_padded;
            for (int j = 0; j < _padded; j += TLane.Width)
                TLane.Store(TLane.MultiplyAdd(TLane.Load(in from[j]), TLane.Load(in mask[j]), TLane.Load(in h[j])), ref h[j]);
        }
    }

    /// <summary>What weights multiplied += dL/dsums times their rows, gate after gate where padding lies between.</summary>
    private void PassThrough(PinnedFloats weights, int weightStride, float* sums, LayerTape tape, float* into, nint stride)
    {
        int runs = _hidden == _padded ? 1 : Gates, length = _hidden == _padded ? Gates * _padded : _hidden, columns = weights == _inputRows ? _paddedInputs : _padded;
        for (int run = 0; run < runs; run++)
        {
            Gemm<TLane>.Add(into, stride, tape.Rows, columns, length, sums + run * _padded, tape.SumFloats, 1,
                weights.Start + (nint)run * _padded * weightStride, weightStride);
        }
    }

    /// <summary>dL/dweights += [h | x | 1] transposed times dL/dsums, over all rows of some steps.</summary>
    private void AddWeightGradients(LayerTape tape, float* operands, int rows)
    {
        if (Parted == 0 && _hidden == _padded)
        {
            AddWeightGradients(tape, operands, rows, 0, _padded + _inputs + 1, 0, Gates);
            return;
        }

        AddWeightGradients(tape, operands, rows, 0, _hidden, 0, Gates);
        AddWeightGradients(tape, operands, rows, _padded, _inputs, Parted, Gates);
        AddWeightGradients(tape, operands, rows, _padded + _inputs, 1, 0, TGates.Chains);
    }

    private void AddWeightGradients(LayerTape tape, float* operands, int rows, nint firstOperand, int operandCount, int firstChain, int chains) =>
        Gemm<TLane>.Add(tape.Gradients.Start + firstOperand * tape.SumFloats + firstChain * _padded, tape.SumFloats, operandCount, chains * _padded, rows,
            operands + firstOperand, 1, tape.OperandFloats, tape.SumGradients + firstChain * _padded, tape.SumFloats);
}
