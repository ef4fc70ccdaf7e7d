using System.Runtime.CompilerServices;
using StreamRnn.Cells.Kernels;

namespace StreamRnn.Cells.Layers;

/// <summary>
/// Gated recurrent unit (Cho et al., arXiv:1406.1078) in the reset-after form: r multiplies U h + d, not h. Gate order r, z, n.
///   r = sigmoid(a_r + q_r)    z = sigmoid(a_z + q_z)    n = tanh(a_n + r q_n)    h' = n + z (h - n)
/// where a = W x + b (input) and q = U h + d (recurrent). The sums of r and z run on from a into q; those of n stay apart.
/// </summary>
/// <remarks>With each gate a fraction (see <see cref="Activation"/>), r takes one division and h' the other.</remarks>
internal readonly unsafe struct Gru<TLane> : IGates<TLane, Panel3<TLane>> where TLane : struct, ILane<TLane>
{
    /// <summary>r, z, q_n, a_n in the frame; the biases of r, z, a_n, q_n.</summary>
    public static int Chains => 4;

    public static bool HasCell => false;

    public static float Scale(int gate) => gate == 2 ? 1f : 0.5f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel3<TLane> Turn(Panel3<TLane> sums, float* bias, float* frame)
    {
        TLane.Store(sums.C, frame + 3 * TLane.Width);
        return new(sums.A, sums.B, TLane.Load(bias + 3 * TLane.Width));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane Next(Panel3<TLane> sums, float* frame, float* h, float* c)
    {
        (TLane rp, TLane rq) = Activation.Tanh(sums.A);
        TLane r = (rq + rp) / (rq + rq);
        (TLane zp, TLane zq) = Activation.Tanh(sums.B);
        (TLane np, TLane nq) = Activation.Tanh(TLane.MultiplyAdd(r, sums.C, TLane.Load(frame + 3 * TLane.Width)));

        // (1 - z) n + z h = ((zq - zp) np + (zq + zp) h nq) / (2 zq nq)
        TLane kept = (zq + zp) * TLane.Load(h);
        return TLane.MultiplyAdd(kept, nq, (zq - zp) * np) / ((zq + zq) * nq);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Update(float* frame, float* h, float* c) => TLane.Store(Next(Panel3<TLane>.Load(frame), frame, h, c), h);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Gates(float* frame, float* gates, nint step)
    {
        TLane r = Activation.Sigmoid(TLane.Load(frame));
        TLane.Store(r, gates);
        TLane.Store(Activation.Sigmoid(TLane.Load(frame + TLane.Width)), gates + step);
        (TLane np, TLane nq) = Activation.Tanh(TLane.MultiplyAdd(r, TLane.Load(frame + 2 * TLane.Width), TLane.Load(frame + 3 * TLane.Width)));
        TLane.Store(np / nq, gates + 2 * step);
    }

    /// <remarks>Leaves dq_n, dr, dz, da_n: the first three belong to U and d, the last three to W and b.</remarks>
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Backward(float* frame, float* before, float* after, float* gradient, nint padded, float* sums, nint step)
    {
        TLane one = TLane.Broadcast(1f), half = TLane.Broadcast(0.5f), quarter = TLane.Broadcast(0.25f);
        (TLane rp, TLane rq) = Activation.Tanh(TLane.Load(in *frame));
        (TLane zp, TLane zq) = Activation.Tanh(TLane.Load(in frame[TLane.Width]));
        TLane reciprocal = one / (rq * zq), tr = rp * (reciprocal * zq), tz = zp * (reciprocal * rq);   // r, z = 1/2 + t/2
        TLane r = TLane.MultiplyAdd(half, tr, half), z = TLane.MultiplyAdd(half, tz, half);
        TLane q = TLane.Load(in frame[2 * TLane.Width]);
        (TLane np, TLane nq) = Activation.Tanh(TLane.MultiplyAdd(r, q, TLane.Load(in frame[3 * TLane.Width])));
        TLane n = np / nq;

        TLane dh = TLane.Load(in *gradient);
        TLane dn = dh * (one - z) * (one - n * n);
        TLane.Store(dh * z, ref *gradient);
        TLane.Store(dn * r, ref *sums);
        TLane.Store(dn * q * (quarter * (one - tr * tr)), ref sums[step]);
        TLane.Store(dh * (TLane.Load(in *before) - n) * (quarter * (one - tz * tz)), ref sums[2 * step]);
        TLane.Store(dn, ref sums[3 * step]);
    }
}
