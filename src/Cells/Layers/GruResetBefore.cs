using System.Runtime.CompilerServices;
using StreamRnn.Cells.Kernels;

namespace StreamRnn.Cells.Layers;

/// <summary>
/// Gated recurrent unit in the reset-before form (Cho et al., arXiv:1406.1078 version 1; Keras with reset_after=False, ONNX with
/// linear_before_reset=0). Gate order r, z, n.
///   r = sigmoid(a_r + q_r)    z = sigmoid(a_z + q_z)    n = tanh(W x + b + U (r h) + d)    h' = n + z (h - n)
/// where a = W x + b and q = U h + d. Every sum of n needs every r, so the layer is two in a row over the same inputs: the gates,
/// and a vanilla cell whose h is r h.
/// </summary>
internal sealed unsafe class GruResetBefore<TLane> : RecurrentLayer where TLane : struct, ILane<TLane>
{
    private readonly Recurrent<TLane, ResetGates<TLane>, Panel2<TLane>> _gates;
    private readonly Recurrent<TLane, Rnn<TLane>, Panel1<TLane>> _candidate;
    private readonly int _paddedHidden;

    /// <inheritdoc cref="RecurrentLayer.Create"/>
    public GruResetBefore(ReadOnlySpan<float> parameters, LayerSlots slots, int paddedHidden)
    {
        int hidden = slots.RecurrentWeights.Columns;
        _gates = new(parameters, slots.Part(0, 2 * hidden), paddedHidden);
        _candidate = new(parameters, slots.Part(2 * hidden, hidden), paddedHidden);
        _paddedHidden = paddedHidden;
    }

    public override int WorkFloats(int rows) =>
        checked(InnerFloats(rows) + rows * 2 * _paddedHidden + PinnedFloats.WholeLines(rows * sizeof(nint) / sizeof(float)));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void StepMany(nint* inputs, nint* states, int count, float* work, bool backwards)
    {
        float* gated = work + InnerFloats(count);
        nint* addresses = (nint*)(gated + count * (nint)(2 * _paddedHidden));
        for (int row = 0; row < count; row++, gated += 2 * _paddedHidden)
        {
            addresses[row] = (nint)gated;
            Copy((float*)states[row], gated);
        }

        _gates.StepMany(inputs, addresses, count, work, backwards);
        _candidate.StepMany(inputs, addresses, count, work, backwards);
        for (int row = 0; row < count; row++)
            Blend((float*)addresses[row], (float*)states[row]);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void StepOne(float* x, float* state, float* work, bool backwards)
    {
        float* gated = work + InnerFloats(1);
        Copy(state, gated);
        _gates.StepOne(x, gated, work, backwards);
        _candidate.StepOne(x, gated, work, backwards);
        Blend(gated, state);
    }

    public override void Gates(float* x, float* state, float* work, float* gates)
    {
        float* gated = work + InnerFloats(1);
        Copy(state, gated);
        _gates.Gates(x, gated, work, gates);
        _gates.StepOne(x, gated, work, backwards: false);
        _candidate.StepOne(x, gated, work, backwards: false);
        Copy(gated, gates + 2 * _paddedHidden);
    }

    /// <summary>h' = (1 - z) n + z h, one lane of units.</summary>
    /// <param name="n">One lane.</param>
    /// <param name="z">One lane of its sums, as <see cref="ResetGates{TLane}"/> leave them.</param>
    /// <param name="h">One lane, replaced.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Blend(float* n, float* z, float* h)
    {
        (TLane zp, TLane zq) = Activation.Tanh(TLane.Load(z));
        TLane.Store(TLane.MultiplyAdd(zq + zp, TLane.Load(h), (zq - zp) * TLane.Load(n)) / (zq + zq), h);
    }

    private void Copy(float* from, float* to)
    {
        for (int i = 0; i < _paddedHidden; i += TLane.Width)
            TLane.Store(TLane.Load(from + i), to + i);
    }

    private void Blend(float* gated, float* h)
    {
        for (int i = 0; i < _paddedHidden; i += TLane.Width)
            Blend(gated + i, gated + _paddedHidden + i, h + i);
    }

    private int InnerFloats(int rows) => Math.Max(_gates.WorkFloats(rows), _candidate.WorkFloats(rows));
}

/// <summary>The gates r and z of a reset-before unit: h becomes r h, and c the sum of z.</summary>
internal readonly unsafe struct ResetGates<TLane> : IGates<TLane, Panel2<TLane>> where TLane : struct, ILane<TLane>
{
    public static int Chains => 2;

    public static bool HasCell => true;

    public static float Scale(int gate) => 0.5f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane Next(Panel2<TLane> sums, float* frame, float* h, float* c)
    {
        (TLane p, TLane q) = Activation.Tanh(sums.A);
        TLane.Store(sums.B, c);
        return (q + p) * TLane.Load(h) / (q + q);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Update(float* frame, float* h, float* c) => TLane.Store(Next(Panel2<TLane>.Load(frame), frame, h, c), h);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Gates(float* frame, float* gates, nint step)
    {
        TLane.Store(Activation.Sigmoid(TLane.Load(frame)), gates);
        TLane.Store(Activation.Sigmoid(TLane.Load(frame + TLane.Width)), gates + step);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Backward(float* frame, float* before, float* after, float* gradient, nint padded, float* sums, nint step)
    {
        TLane one = TLane.Broadcast(1f), half = TLane.Broadcast(0.5f), quarter = TLane.Broadcast(0.25f);
        (TLane p, TLane q) = Activation.Tanh(TLane.Load(frame));
        TLane t = p / q;   // r = 1/2 + t/2
        TLane gradientOfReset = TLane.Load(gradient);
        TLane.Store(gradientOfReset * TLane.Load(before) * (quarter * (one - t * t)), sums);
        TLane.Store(half * TLane.Load(gradient + padded), sums + step);
        TLane.Store(gradientOfReset * TLane.MultiplyAdd(half, t, half), gradient);
        TLane.Store(TLane.Zero, gradient + padded);
    }
}
