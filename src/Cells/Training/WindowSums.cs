using System.Runtime.CompilerServices;
using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;

namespace StreamRnn.Cells.Training;

/// <summary>
/// The affine maps of a layer, or of some of its gates, over windows: sums by the kernels that a step uses, and the way back through the
/// weights, for all cells the same.
/// </summary>
internal sealed unsafe class WindowSums<TLane, TGates, TPanel>
    where TLane : struct, ILane<TLane>
    where TGates : struct, IGates<TLane, TPanel>
    where TPanel : struct, IPanel<TPanel, TLane>
{
    private readonly LayerSlots _slots;
    private readonly Recurrent<TLane, TGates, TPanel> _recurrent;
    private readonly PinnedFloats _recurrentRows, _inputRows;
    private readonly int _inputs, _paddedInputs, _hidden, _padded;

    /// <param name="layout">The network's.</param>
    /// <param name="slots">This map's part of the parameters.</param>
    public WindowSums(ParameterLayout layout, LayerSlots slots)
    {
        (_slots, _hidden, _padded) = (slots, layout.Shape.Hidden, layout.Shape.PaddedHidden);
        (_inputs, _paddedInputs) = (slots.InputWeights.Columns, PinnedFloats.WholeLines(slots.InputWeights.Columns));
        _recurrent = new Recurrent<TLane, TGates, TPanel>(new float[layout.Length], slots, _padded);
        _recurrentRows = new PinnedFloats(checked(Gates * _padded * RecurrentStride));
        _inputRows = new PinnedFloats(checked(Gates * _padded * _paddedInputs));
    }

    /// <summary>Tiles of one lane of units each.</summary>
    public int Tiles => _recurrent.Tiles;

    private static int Gates => TPanel.Lanes;

    /// <summary>Chains that only the inputs or only the hidden values have a part in: 1 in the reset-after GRU.</summary>
    private static int Parted => TGates.Chains - Gates;

    /// <summary>Wider than a panel, rows are kept from lying a power of two apart.</summary>
    private int RecurrentStride => _padded > 64 ? _padded + 16 : _padded;

    public SumsTape CreateTape(int maxSteps) =>
        new(maxSteps, _padded, _inputs, TGates.Chains, _recurrent.Tiles * Affine<TLane, TGates, TPanel>.FrameFloats);

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

    /// <summary>The frames of a step from its operands.</summary>
    public void Forward(SumsTape tape, int step) =>
        _recurrent.Sums(tape.Operands(step), tape.OperandFloats, tape.Rows, tape.Frames(step), tape.Rows * (nint)Affine<TLane, TGates, TPanel>.FrameFloats);

    /// <summary>Adds dL/dsums U to the gradient of the operand of U.</summary>
    /// <param name="tape">Of a slice.</param>
    /// <param name="sums">[rows] of dL/dsums.</param>
    /// <param name="hidden">[rows], added to.</param>
    /// <param name="stride">Floats from one of its rows to the next.</param>
    public void AddHiddenGradients(SumsTape tape, float* sums, float* hidden, nint stride) =>
        PassThrough(tape, sums, _recurrentRows.Start, RecurrentStride, hidden, stride, _padded);

    /// <summary>Adds dL/dsums W to the gradient of the operand of W.</summary>
    /// <param name="tape">Of a slice.</param>
    /// <param name="sums">[rows] of dL/dsums.</param>
    /// <param name="inputs">[rows, inputs in whole cache lines], added to.</param>
    public void AddInputGradients(SumsTape tape, float* sums, float* inputs) =>
        PassThrough(tape, sums + Parted * _padded, _inputRows.Start, _paddedInputs, inputs, _paddedInputs, _paddedInputs);

    /// <summary>dL/dweights += [h | x | 1] transposed times dL/dsums, over all rows of the steps of a chunk.</summary>
    public void AddWeightGradients(SumsTape tape, int firstStep, int steps)
    {
        if (Parted == 0 && _hidden == _padded)
        {
            AddWeightGradients(tape, firstStep, steps, 0, _padded + _inputs + 1, 0, Gates);
            return;
        }

        AddWeightGradients(tape, firstStep, steps, 0, _hidden, 0, Gates);
        AddWeightGradients(tape, firstStep, steps, _padded, _inputs, Parted, Gates);
        AddWeightGradients(tape, firstStep, steps, _padded + _inputs, 1, 0, TGates.Chains);
    }

    /// <summary>Adds the gradients of a tape at the positions of the parameters.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Unpack(SumsTape tape, Span<float> gradient)
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

    /// <summary>Chain of dL/dsums in which a gate's hidden values take part: see <see cref="IGates{TLane, TPanel}.Backward"/>.</summary>
    private static int RecurrentChain(int gate) => (gate + Parted) % Gates;

    /// <summary>Gate after gate where padding lies between them.</summary>
    private void PassThrough(SumsTape tape, float* sums, float* weights, int weightStride, float* into, nint stride, int columns)
    {
        int runs = _hidden == _padded ? 1 : Gates, length = _hidden == _padded ? Gates * _padded : _hidden;
        for (int run = 0; run < runs; run++)
        {
            Gemm<TLane>.Add(into, stride, tape.Rows, columns, length, sums + run * _padded, tape.SumFloats, 1,
                weights + (nint)run * _padded * weightStride, weightStride);
        }
    }

    private void AddWeightGradients(SumsTape tape, int firstStep, int steps, nint firstOperand, int operandCount, int firstChain, int chains) =>
        Gemm<TLane>.Add(tape.Gradients.Start + firstOperand * tape.SumFloats + firstChain * _padded, tape.SumFloats, operandCount, chains * _padded,
            steps * tape.Rows, tape.Operands(firstStep) + firstOperand, 1, tape.OperandFloats, tape.SumGradients(0) + firstChain * _padded, tape.SumFloats);
}
