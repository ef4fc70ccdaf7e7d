using System.Runtime.CompilerServices;
using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;

namespace StreamRnn.Cells.Training;

/// <summary>A layer of <see cref="GruResetBefore{TLane}"/>: the gates read [h | x], the candidate [r h | x].</summary>
internal sealed unsafe class WindowResetBefore<TLane> : WindowLayer<TLane> where TLane : struct, ILane<TLane>
{
    private readonly WindowSums<TLane, ResetGates<TLane>, Panel2<TLane>> _gates;
    private readonly WindowSums<TLane, Rnn<TLane>, Panel1<TLane>> _candidate;

    public WindowResetBefore(ParameterLayout layout, LayerSlots slots)
        : base(layout.Shape)
    {
        int hidden = layout.Shape.Hidden;
        _gates = new(layout, slots.Part(0, 2 * hidden));
        _candidate = new(layout, slots.Part(2 * hidden, hidden));
    }

    private static nint GateFrame => Affine<TLane, ResetGates<TLane>, Panel2<TLane>>.FrameFloats;

    private static nint CandidateFrame => Affine<TLane, Rnn<TLane>, Panel1<TLane>>.FrameFloats;

    public override LayerTape CreateTape(ModelShape shape, int direction, int maxSteps) =>
        new(shape, direction, maxSteps, _gates.CreateTape(maxSteps), _candidate.CreateTape(maxSteps));

    public override void SetParameters(ReadOnlySpan<float> parameters)
    {
        _gates.SetParameters(parameters);
        _candidate.SetParameters(parameters);
    }

    public override void Unpack(LayerTape tape, Span<float> gradient)
    {
        _gates.Unpack(tape.Sums[0], gradient);
        _candidate.Unpack(tape.Sums[1], gradient);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected override void Step(LayerTape tape, int step, int* active, int count)
    {
        (SumsTape gates, SumsTape candidate) = (tape.Sums[0], tape.Sums[1]);
        _gates.Forward(gates, step);
        for (int row = 0; row < tape.Rows; row++)
        {
            float* h = gates.Operands(step) + row * (nint)gates.OperandFloats, gated = candidate.Operands(step) + row * (nint)candidate.OperandFloats;
            for (int tile = 0; tile < _gates.Tiles; tile++)
            {
                float* frame = GatesOf(tape, step, tile, row);
                TLane.Store(TLane.Load(h + tile * TLane.Width), gated + tile * TLane.Width);
                ResetGates<TLane>.Update(frame, gated + tile * TLane.Width, frame + TLane.Width);   // the sum of z stays where it is
            }
        }

        _candidate.Forward(candidate, step);
        float* n = tape.HiddenGradients;   // free until the way back
        for (int i = 0; i < count; i++)
        {
            nint at = active[i] * (nint)tape.StateFloats;
            float* before = tape.States(step) + at, after = tape.States(step + 1) + at;
            for (int tile = 0; tile < _gates.Tiles; tile++)
            {
                int unit = tile * TLane.Width;
                Rnn<TLane>.Update(CandidateOf(tape, step, tile, active[i]), n, null);
                TLane.Store(TLane.Load(before + unit), after + unit);
                GruResetBefore<TLane>.Blend(n, GatesOf(tape, step, tile, active[i]) + TLane.Width, after + unit);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected override void StepBack(LayerTape tape, int step, int place, int* active, int count, bool masked, float* inputGradients)
    {
        (SumsTape gates, SumsTape candidate) = (tape.Sums[0], tape.Sums[1]);
        nint stride = tape.HiddenFloats;
        new Span<float>(tape.HiddenGradients, (int)(tape.Rows * stride)).Clear();
        for (int i = 0; i < count; i++)
        {
            float* hidden = tape.HiddenGradients + active[i] * stride, sums = candidate.SumGradients(place) + active[i] * (nint)candidate.SumFloats;
            for (int tile = 0; tile < _gates.Tiles; tile++)
            {
                int unit = tile * TLane.Width;
                BlendBack(tape, step, tile, active[i]);
                Rnn<TLane>.Backward(CandidateOf(tape, step, tile, active[i]), null, null, hidden + unit, Padded, sums + unit, Padded);
            }
        }

        _candidate.AddHiddenGradients(candidate, candidate.SumGradients(place), tape.HiddenGradients, stride);
        for (int i = 0; i < count; i++)
        {
            float* h = gates.Operands(step) + active[i] * (nint)gates.OperandFloats, sums = gates.SumGradients(place) + active[i] * (nint)gates.SumFloats;
            for (int tile = 0; tile < _gates.Tiles; tile++)
            {
                int unit = tile * TLane.Width;
                ResetGates<TLane>.Backward(GatesOf(tape, step, tile, active[i]), h + unit, null, tape.HiddenGradients + active[i] * stride + unit, Padded, sums + unit, Padded);
            }
        }

        _gates.AddHiddenGradients(gates, gates.SumGradients(place), tape.HiddenGradients, stride);
        AddHiddenGradients(tape, masked);
        if (inputGradients == null)
            return;
        _gates.AddInputGradients(gates, gates.SumGradients(place), inputGradients);
        _candidate.AddInputGradients(candidate, candidate.SumGradients(place), inputGradients);
    }

    protected override void AddWeightGradients(LayerTape tape, int firstStep, int steps)
    {
        _gates.AddWeightGradients(tape.Sums[0], firstStep, steps);
        _candidate.AddWeightGradients(tape.Sums[1], firstStep, steps);
    }

    /// <summary>
    /// Computes, from dL/dh', the gradients dL/dn and of the sum of z, side by side, and the part of dL/dh that passes neither.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void BlendBack(LayerTape tape, int step, int tile, int row)
    {
        int unit = tile * TLane.Width;
        float* gradient = tape.StateGradients + row * (nint)tape.StateFloats + unit, hidden = tape.HiddenGradients + row * (nint)tape.HiddenFloats + unit;
        (TLane np, TLane nq) = Activation.Tanh(TLane.Load(CandidateOf(tape, step, tile, row)));
        (TLane zp, TLane zq) = Activation.Tanh(TLane.Load(GatesOf(tape, step, tile, row) + TLane.Width));
        TLane n = np / nq, t = zp / zq, half = TLane.Broadcast(0.5f), one = TLane.Broadcast(1f);   // z = 1/2 + t/2
        TLane z = TLane.MultiplyAdd(half, t, half), dh = TLane.Load(gradient);
        TLane.Store(dh * (one - z), hidden);
        TLane.Store(dh * (TLane.Load(tape.States(step) + row * (nint)tape.StateFloats + unit) - n) * (half * (one - t * t)), hidden + Padded);
        TLane.Store(dh * z, gradient);
    }

    private static float* GatesOf(LayerTape tape, int step, int tile, int row) => tape.Sums[0].Frames(step) + (tile * (nint)tape.Rows + row) * GateFrame;

    private static float* CandidateOf(LayerTape tape, int step, int tile, int row) => tape.Sums[1].Frames(step) + (tile * (nint)tape.Rows + row) * CandidateFrame;
}
