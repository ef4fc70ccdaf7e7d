using System.Runtime.CompilerServices;

namespace StreamRnn.Cells;

/// <summary>
/// tanh as an odd rational function, kept as numerator and denominator so that a cell can merge the divisions of one update.
/// The logistic function is sigma(z) = 1/2 + 1/2 tanh(z/2); cells keep the weights of their sigmoid gates halved, which is exact, so that
/// it is (Q + P) / 2Q of the same fraction.
/// </summary>
internal static class Activation
{
    /// <summary>Beyond this |x| the function is constant.</summary>
    public const float Limit = 9f;

    // Minimax in absolute error on [0, 9]: x P(x^2) / Q(x^2), error 1.9e-8 before rounding (Lawson's iteration in 40 digits).
    private const float P0 = 0.99999990674992488f, P1 = 0.13373176505854254f, P2 = 0.0034865547289151766f,
        P3 = 2.0471318782546724e-5f, P4 = 1.3183422682404143e-8f;
    private const float Q1 = 0.46706473483063419f, Q2 = 0.025841880853849927f, Q3 = 0.00032713379654260908f,
        Q4 = 7.702353566312385e-7f;

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
}
