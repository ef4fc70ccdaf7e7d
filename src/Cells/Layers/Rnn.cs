using System.Runtime.CompilerServices;
using StreamRnn.Cells.Kernels;

namespace StreamRnn.Cells.Layers;

/// <summary>
/// The vanilla recurrent cell (Elman, 1990).
///   h' = tanh(a)
/// where a = W x + b + U h + d.
/// </summary>
internal readonly unsafe struct Rnn<TLane> : IGates<TLane, Panel1<TLane>> where TLane : struct, ILane<TLane>
{
    public static int Chains => 1;

    public static bool HasCell => false;

    public static float Scale(int gate) => 1f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane Next(Panel1<TLane> sums, float* frame, float* h, float* c)
    {
        (TLane p, TLane q) = Activation.Tanh(sums.A);
        return p / q;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Update(float* frame, float* h, float* c) => TLane.Store(Next(Panel1<TLane>.Load(frame), frame, h, c), h);

    /// <remarks>It has none.</remarks>
    /// <inheritdoc/>
    public static void Gates(float* frame, float* gates, nint step)
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Backward(float* frame, float* before, float* after, float* gradient, nint padded, float* sums, nint step)
    {
        TLane.Store(TLane.Load(in *gradient) * Activation.TanhSlope(TLane.Load(in *frame)), ref *sums);
        TLane.Store(TLane.Zero, ref *gradient);
    }
}
