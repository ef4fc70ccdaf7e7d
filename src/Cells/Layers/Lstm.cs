using System.Runtime.CompilerServices;
using StreamRnn.Cells.Kernels;

namespace StreamRnn.Cells.Layers;

/// <summary>
/// Long short-term memory (Hochreiter and Schmidhuber, 1997) with a forget gate (Gers et al., 2000). Gate order i, f, g, o.
///   i, f, o = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o)    g = tanh(a_g)
///   c' = f c + i g    h' = o tanh(c')
/// where a = W x + b + U h + d.
/// </summary>
/// <remarks>With each gate a fraction (see <see cref="Activation"/>), c' and h' take one division each.</remarks>
internal readonly unsafe struct Lstm<TLane> : IGates<TLane, Panel4<TLane>> where TLane : struct, ILane<TLane>
{
    public static int Chains => 4;

    public static bool HasCell => true;

    public static float Scale(int gate) => gate == 2 ? 1f : 0.5f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane Next(Panel4<TLane> sums, float* frame, float* h, float* c)
    {
        (TLane ip, TLane iq) = Activation.Tanh(sums.A);
        (TLane fp, TLane fq) = Activation.Tanh(sums.B);
        (TLane gp, TLane gq) = Activation.Tanh(sums.C);
        (TLane op, TLane oq) = Activation.Tanh(sums.D);

        // f c + i g = ((fq + fp) c iq gq + (iq + ip) gp fq) / (2 fq iq gq)
        TLane igq = iq * gq;
        TLane kept = (fq + fp) * TLane.Load(c);
        TLane added = (iq + ip) * gp * fq;
        TLane next = TLane.MultiplyAdd(kept, igq, added) / ((fq + fq) * igq);
        TLane.Store(next, c);

        (TLane cp, TLane cq) = Activation.Tanh(next);
        return (oq + op) * cp / ((oq + oq) * cq);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Update(float* frame, float* h, float* c) => TLane.Store(Next(Panel4<TLane>.Load(frame), frame, h, c), h);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Gates(float* frame, float* gates, nint step)
    {
        TLane.Store(Activation.Sigmoid(TLane.Load(frame)), gates);
        TLane.Store(Activation.Sigmoid(TLane.Load(frame + TLane.Width)), gates + step);
        (TLane gp, TLane gq) = Activation.Tanh(TLane.Load(frame + 2 * TLane.Width));
        TLane.Store(gp / gq, gates + 2 * step);
        TLane.Store(Activation.Sigmoid(TLane.Load(frame + 3 * TLane.Width)), gates + 3 * step);
    }

    /// <remarks>Three divisions, each for one or two of the five fractions: more of them would wait for one another, fewer cost more products.</remarks>
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Backward(float* frame, float* before, float* after, float* gradient, nint padded, float* sums, nint step)
    {
        (TLane ip, TLane iq) = Activation.Tanh(TLane.Load(in *frame));
        (TLane fp, TLane fq) = Activation.Tanh(TLane.Load(in frame[TLane.Width]));
        (TLane gp, TLane gq) = Activation.Tanh(TLane.Load(in frame[2 * TLane.Width]));
        (TLane op, TLane oq) = Activation.Tanh(TLane.Load(in frame[3 * TLane.Width]));
        (TLane cp, TLane cq) = Activation.Tanh(TLane.Load(in after[padded]));
        TLane one = TLane.Broadcast(1f), half = TLane.Broadcast(0.5f), quarter = TLane.Broadcast(0.25f);
        TLane tanhC = cp / cq, ofIf = one / (iq * fq), ofGo = one / (gq * oq);
        TLane ti = ip * (ofIf * fq), tf = fp * (ofIf * iq), g = gp * (ofGo * oq), to = op * (ofGo * gq);   // i, f, o = 1/2 + t/2

        TLane dh = TLane.Load(in *gradient);
        TLane o = TLane.MultiplyAdd(half, to, half), f = TLane.MultiplyAdd(half, tf, half), i = TLane.MultiplyAdd(half, ti, half);
        TLane dc = TLane.MultiplyAdd(dh * o, one - tanhC * tanhC, TLane.Load(in gradient[padded]));
        TLane.Store(TLane.Zero, ref *gradient);
        TLane.Store(dc * f, ref gradient[padded]);

        TLane quarterDc = quarter * dc;   // i (1 - i) = (1 - ti^2) / 4
        TLane.Store(quarterDc * g * (one - ti * ti), ref *sums);
        TLane.Store(quarterDc * TLane.Load(in before[padded]) * (one - tf * tf), ref sums[step]);
        TLane.Store(dc * i * (one - g * g), ref sums[2 * step]);
        TLane.Store(quarter * dh * tanhC * (one - to * to), ref sums[3 * step]);
    }
}
