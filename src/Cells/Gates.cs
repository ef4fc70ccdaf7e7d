using System.Runtime.CompilerServices;

namespace StreamRnn.Cells;

/// <summary>
/// What distinguishes one cell from another: how the sums of a unit become its next state. A unit's sums are its frame: one lane per
/// chain of fused multiply-adds, in the order of the cell's gates.
/// </summary>
/// <typeparam name="TLane">The vector type; one lane holds as many units.</typeparam>
/// <typeparam name="TPanel">One lane per gate.</typeparam>
internal unsafe interface IGates<TLane, TPanel>
    where TLane : struct, ILane<TLane>
    where TPanel : struct, IPanel<TPanel, TLane>
{
    /// <summary>Sums per unit: one per gate, and one more where the recurrent part of the last gate is kept apart.</summary>
    static abstract int Chains { get; }

    /// <summary>What the weights and biases of a gate are multiplied by when they are packed: 1/2 for a sigmoid, see <see cref="Activation"/>.</summary>
    static abstract float Scale(int gate);

    /// <summary>Between the last input and the first hidden value of every sum: the place to part the two.</summary>
    /// <param name="sums">Bias and inputs so far.</param>
    /// <param name="bias">[Chains] lanes.</param>
    /// <param name="frame">[Chains] lanes; chains beyond the gates may be written already.</param>
    static virtual TPanel Turn(TPanel sums, float* bias, float* frame) => sums;

    /// <summary>From the sums of one lane of units to their next state.</summary>
    /// <param name="frame">[Chains] lanes.</param>
    /// <param name="h">One lane, replaced.</param>
    /// <param name="c">One lane, replaced; unused by cells that have only h.</param>
    static abstract void Update(float* frame, float* h, float* c);

    /// <summary>
    /// The way back through <see cref="Update"/>, for one lane of units. Gate values are worked out from the sums again, by the same
    /// fractions.
    /// </summary>
    /// <param name="frame">[Chains] lanes, as the way forward left them.</param>
    /// <param name="before">h and, <paramref name="padded"/> floats on, c before the step.</param>
    /// <param name="after">The same after it.</param>
    /// <param name="gradient">dL/d<paramref name="after"/>; on return the part of dL/d<paramref name="before"/> that does not pass the sums.</param>
    /// <param name="padded">Floats from h to c.</param>
    /// <param name="sums">
    /// [Chains] lanes, <paramref name="step"/> floats apart: dL/dsum, of gates before <see cref="Scale"/>. Those the hidden values have a
    /// part in come first, in the order of gates, but the parted one before all others; those of the inputs are the last ones.
    /// </param>
    /// <param name="step">Floats from one chain to the next.</param>
    static abstract void Backward(float* frame, float* before, float* after, float* gradient, nint padded, float* sums, nint step);
}

/// <summary>The lanes of one tile of units, one per gate: sums, or one row of weights.</summary>
internal unsafe interface IPanel<TSelf, TLane>
    where TSelf : struct, IPanel<TSelf, TLane>
    where TLane : struct, ILane<TLane>
{
    static abstract int Lanes { get; }

    static abstract TSelf Load(float* source);

    static abstract void Store(TSelf panel, float* destination);

    /// <summary>weights * x + sums, each lane.</summary>
    static abstract TSelf MultiplyAdd(TSelf weights, TLane x, TSelf sums);
}

internal readonly unsafe struct Panel1<TLane>(TLane a) : IPanel<Panel1<TLane>, TLane> where TLane : struct, ILane<TLane>
{
    private readonly TLane _a = a;

    public static int Lanes => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel1<TLane> Load(float* source) => new(TLane.Load(in *source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Panel1<TLane> panel, float* destination) => TLane.Store(panel._a, ref *destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel1<TLane> MultiplyAdd(Panel1<TLane> weights, TLane x, Panel1<TLane> sums) =>
        new(TLane.MultiplyAdd(weights._a, x, sums._a));
}

internal readonly unsafe struct Panel2<TLane>(TLane a, TLane b) : IPanel<Panel2<TLane>, TLane> where TLane : struct, ILane<TLane>
{
    private readonly TLane _a = a, _b = b;

    public static int Lanes => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel2<TLane> Load(float* source) => new(TLane.Load(in *source), TLane.Load(in source[TLane.Width]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Panel2<TLane> panel, float* destination)
    {
        TLane.Store(panel._a, ref *destination);
        TLane.Store(panel._b, ref destination[TLane.Width]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel2<TLane> MultiplyAdd(Panel2<TLane> weights, TLane x, Panel2<TLane> sums) =>
        new(TLane.MultiplyAdd(weights._a, x, sums._a), TLane.MultiplyAdd(weights._b, x, sums._b));
}

internal readonly unsafe struct Panel3<TLane>(TLane a, TLane b, TLane c) : IPanel<Panel3<TLane>, TLane> where TLane : struct, ILane<TLane>
{
    public readonly TLane A = a, B = b, C = c;

    public static int Lanes => 3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel3<TLane> Load(float* source) =>
        new(TLane.Load(in *source), TLane.Load(in source[TLane.Width]), TLane.Load(in source[2 * TLane.Width]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Panel3<TLane> panel, float* destination)
    {
        TLane.Store(panel.A, ref *destination);
        TLane.Store(panel.B, ref destination[TLane.Width]);
        TLane.Store(panel.C, ref destination[2 * TLane.Width]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel3<TLane> MultiplyAdd(Panel3<TLane> weights, TLane x, Panel3<TLane> sums) =>
        new(TLane.MultiplyAdd(weights.A, x, sums.A), TLane.MultiplyAdd(weights.B, x, sums.B), TLane.MultiplyAdd(weights.C, x, sums.C));
}

internal readonly unsafe struct Panel4<TLane>(TLane a, TLane b, TLane c, TLane d) : IPanel<Panel4<TLane>, TLane>
    where TLane : struct, ILane<TLane>
{
    private readonly TLane _a = a, _b = b, _c = c, _d = d;

    public static int Lanes => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel4<TLane> Load(float* source) => new(
        TLane.Load(in *source), TLane.Load(in source[TLane.Width]),
        TLane.Load(in source[2 * TLane.Width]), TLane.Load(in source[3 * TLane.Width]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Panel4<TLane> panel, float* destination)
    {
        TLane.Store(panel._a, ref *destination);
        TLane.Store(panel._b, ref destination[TLane.Width]);
        TLane.Store(panel._c, ref destination[2 * TLane.Width]);
        TLane.Store(panel._d, ref destination[3 * TLane.Width]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel4<TLane> MultiplyAdd(Panel4<TLane> weights, TLane x, Panel4<TLane> sums) => new(
        TLane.MultiplyAdd(weights._a, x, sums._a), TLane.MultiplyAdd(weights._b, x, sums._b),
        TLane.MultiplyAdd(weights._c, x, sums._c), TLane.MultiplyAdd(weights._d, x, sums._d));
}
