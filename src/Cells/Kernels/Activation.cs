using System.Runtime.CompilerServices;
using StreamRnn.Cells.Layers;

namespace StreamRnn.Cells.Kernels;

/// <summary>
/// tanh as an odd rational function, kept as numerator and denominator so that a cell can merge the divisions of one update.
/// The logistic function is sigma(z) = 1/2 + 1/2 tanh(z/2); cells keep the weights of their sigmoid gates halved, which is exact, so that
/// it is (Q + P) / 2Q of the same fraction.
/// </summary>
internal static class Activation
{
    /// <summary>
    /// Beyond this |x| the function is constant. 1 - tanh(8) = 2.3e-7 leaves room for rounding: no |tanh| exceeds 1, so that a gate never
    /// amplifies and a state kept for years cannot creep away.
    /// </summary>
    public const float Limit = 8f;

    // Minimax in absolute error on [0, 8]: x P(x^2) / Q(x^2), error 5.9e-9 before rounding (Lawson's iteration in 40 digits).
    private const float P0 = 0.999999970237f, P1 = 0.134382672167f, P2 = 0.00356424578091f, P3 = 2.17746978845e-5f, P4 = 1.50637792649e-8f;
    private const float Q1 = 0.467715880727f, Q2 = 0.0261363584876f, Q3 = 0.000339932497232f, Q4 = 8.45447704288e-7f;

    /// <summary>tanh(x) = numerator / denominator.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (TLane Numerator, TLane Denominator) Tanh<TLane>(TLane x) where TLane : struct, ILane<TLane>
    {
        x = TLane.Max(TLane.Min(x, TLane.Broadcast(Limit)), TLane.Broadcast(-Limit));
        TLane u = x * x;
        TLane p = TLane.MultiplyAdd(TLane.Broadcast(P4), u, TLane.Broadcast(P3));
        TLane q = TLane.MultiplyAdd(TLane.Broadcast(Q4), u, TLane.Broadcast(Q3));
        p = TLane.MultiplyAdd(p, u, TLane.Broadcast(P2));
        q = TLane.MultiplyAdd(q, u, TLane.Broadcast(Q2));
        p = TLane.MultiplyAdd(p, u, TLane.Broadcast(P1));
        q = TLane.MultiplyAdd(q, u, TLane.Broadcast(Q1));
        p = TLane.MultiplyAdd(p, u, TLane.Broadcast(P0));
        q = TLane.MultiplyAdd(q, u, TLane.Broadcast(1f));
        return (x * p, q);
    }

    /// <summary>The logistic function of twice x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane Sigmoid<TLane>(TLane half) where TLane : struct, ILane<TLane>
    {
        (TLane p, TLane q) = Tanh(half);
        return (q + p) / (q + q);
    }

    /// <summary>
    /// d tanh(x) / dx = 4 e / (1 + e)^2 with e = exp(-2 |x|): 1 - tanh^2 has no digits left where tanh is near 1, and a cell of one tanh
    /// has no other way for its gradient. Relative error below 5e-6 for |x| up to 16, beyond which it is constant.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane TanhSlope<TLane>(TLane x) where TLane : struct, ILane<TLane>
    {
        // exp(-y) as its Taylor series to y^11 for y = |x| / 16 <= 1, and then to the 32nd power.
        TLane y = TLane.Broadcast(-1f / 16) * TLane.Min(TLane.Abs(x), TLane.Broadcast(16f));
        TLane e = TLane.Broadcast(1f / 39916800);
        e = TLane.MultiplyAdd(e, y, TLane.Broadcast(1f / 3628800));
        e = TLane.MultiplyAdd(e, y, TLane.Broadcast(1f / 362880));
        e = TLane.MultiplyAdd(e, y, TLane.Broadcast(1f / 40320));
        e = TLane.MultiplyAdd(e, y, TLane.Broadcast(1f / 5040));
        e = TLane.MultiplyAdd(e, y, TLane.Broadcast(1f / 720));
        e = TLane.MultiplyAdd(e, y, TLane.Broadcast(1f / 120));
        e = TLane.MultiplyAdd(e, y, TLane.Broadcast(1f / 24));
        e = TLane.MultiplyAdd(e, y, TLane.Broadcast(1f / 6));
        e = TLane.MultiplyAdd(e, y, TLane.Broadcast(0.5f));
        e = TLane.MultiplyAdd(e, y, TLane.Broadcast(1f));
        e = TLane.MultiplyAdd(e, y, TLane.Broadcast(1f));
        for (int i = 0; i < 5; i++)
            e *= e;
        TLane sum = TLane.Broadcast(1f) + e;
        return TLane.Broadcast(4f) * e / (sum * sum);
    }

    /// <summary>Applies the activation of a dense layer to one lane of its sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane Dense<TLane>(DenseActivation activation, TLane sum) where TLane : struct, ILane<TLane>
    {
        switch (activation)
        {
            case DenseActivation.Relu:
                return TLane.Max(sum, TLane.Zero);
            case DenseActivation.Tanh:
                (TLane p, TLane q) = Tanh(sum);
                return p / q;
            case DenseActivation.Sigmoid:
                return Sigmoid(TLane.Broadcast(0.5f) * sum);
            default:
                return sum;
        }
    }

    /// <summary>dy/dsum of the same, from y.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float DenseSlope(DenseActivation activation, float y) => activation switch
    {
        DenseActivation.Relu => y > 0 ? 1 : 0,
        DenseActivation.Tanh => 1 - y * y,
        DenseActivation.Sigmoid => y * (1 - y),
        _ => 1,
    };
}
