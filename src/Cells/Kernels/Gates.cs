using System.Runtime.CompilerServices;

namespace StreamRnn.Cells.Kernels;

/// <summary>
/// Gate policy of a cell: how the sums of a unit become its next state. A unit's sums are its frame: one lane per chain of fused
/// multiply-adds, in the order of the cell's gates.
/// </summary>
/// <typeparam name="TLane">The vector type; one lane holds as many units.</typeparam>
/// <typeparam name="TPanel">One lane per gate.</typeparam>
internal unsafe interface IGates<TLane, TPanel>
    where TLane : struct, ILane<TLane>
    where TPanel : struct, IPanel<TPanel, TLane>
{
    /// <summary>Sums per unit: one per gate, and one more where the recurrent part of the last gate is kept apart.</summary>
    static abstract int Chains { get; }

    /// <summary>True if a unit's state has c besides h.</summary>
    static abstract bool HasCell { get; }

    /// <summary>
    /// Factor by which a gate's weights and biases are multiplied when they are packed: 1/2 for a sigmoid, see <see cref="Activation"/>.
    /// </summary>
    static abstract float Scale(int gate);

    /// <summary>Between the last input and the first hidden value of every sum: the place to part the two.</summary>
    /// <param name="sums">Bias and inputs so far.</param>
    /// <param name="bias">[Chains] lanes.</param>
    /// <param name="frame">[Chains] lanes; chains beyond the gates may be written already.</param>
    static virtual TPanel Turn(TPanel sums, float* bias, float* frame) => sums;

    /// <summary>Computes the next h of one lane of units from their sums.</summary>
    /// <param name="sums">One lane per gate.</param>
    /// <param name="frame">[Chains] lanes, of which those beyond the gates are read.</param>
    /// <param name="h">One lane.</param>
    /// <param name="c">One lane, replaced; unused by cells that have only h.</param>
    static abstract TLane Next(TPanel sums, float* frame, float* h, float* c);

    /// <summary>The same, in place and with all sums in the frame.</summary>
    static abstract void Update(float* frame, float* h, float* c);

    /// <summary>Computes the gates used by <see cref="Update"/>, for inspection, with the same fractions.</summary>
    /// <param name="frame">[Chains] lanes.</param>
    /// <param name="gates">One lane for each gate in the cell's order, <paramref name="step"/> floats apart; overwritten.</param>
    /// <param name="step">Floats from one gate to the next.</param>
    static abstract void Gates(float* frame, float* gates, nint step);

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

    /// <summary>weights * x + sums, each lane; for weights that several rows share.</summary>
    static abstract TSelf MultiplyAdd(TSelf weights, TLane x, TSelf sums);

    /// <summary>weights * x + sums, each lane; for weights that are used once, as operands straight from memory.</summary>
    static abstract TSelf MultiplyAdd(float* weights, TLane x, TSelf sums);

    /// <summary>weights * x + sums for three rows, one lane of weights at a time: twelve sums, three values and a weight fit 16 registers.</summary>
    static abstract void MultiplyAdd(float* weights, TLane x0, TLane x1, TLane x2, ref TSelf sums0, ref TSelf sums1, ref TSelf sums2);
}

internal unsafe struct Panel1<TLane>(TLane a) : IPanel<Panel1<TLane>, TLane> where TLane : struct, ILane<TLane>
{
    public TLane A = a;

    public static int Lanes => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel1<TLane> Load(float* source) => new(TLane.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Panel1<TLane> panel, float* destination) => TLane.Store(panel.A, destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel1<TLane> MultiplyAdd(Panel1<TLane> weights, TLane x, Panel1<TLane> sums) =>
        new(TLane.MultiplyAdd(x, weights.A, sums.A));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel1<TLane> MultiplyAdd(float* weights, TLane x, Panel1<TLane> sums) =>
        new(TLane.MultiplyAdd(weights, 0, x, sums.A));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyAdd(
        float* weights, TLane x0, TLane x1, TLane x2, ref Panel1<TLane> sums0, ref Panel1<TLane> sums1, ref Panel1<TLane> sums2)
    {
        TLane w = TLane.Load(weights);
        (sums0.A, sums1.A, sums2.A) = (TLane.MultiplyAdd(x0, w, sums0.A), TLane.MultiplyAdd(x1, w, sums1.A), TLane.MultiplyAdd(x2, w, sums2.A));
    }
}

internal unsafe struct Panel2<TLane>(TLane a, TLane b) : IPanel<Panel2<TLane>, TLane> where TLane : struct, ILane<TLane>
{
    public TLane A = a, B = b;

    public static int Lanes => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel2<TLane> Load(float* source) => new(TLane.Load(source), TLane.Load(source + TLane.Width));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Panel2<TLane> panel, float* destination)
    {
        TLane.Store(panel.A, destination);
        TLane.Store(panel.B, destination + TLane.Width);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel2<TLane> MultiplyAdd(Panel2<TLane> weights, TLane x, Panel2<TLane> sums) =>
        new(TLane.MultiplyAdd(x, weights.A, sums.A), TLane.MultiplyAdd(x, weights.B, sums.B));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel2<TLane> MultiplyAdd(float* weights, TLane x, Panel2<TLane> sums) =>
        new(TLane.MultiplyAdd(weights, 0, x, sums.A), TLane.MultiplyAdd(weights, 1, x, sums.B));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyAdd(
        float* weights, TLane x0, TLane x1, TLane x2, ref Panel2<TLane> sums0, ref Panel2<TLane> sums1, ref Panel2<TLane> sums2)
    {
        TLane w = TLane.Load(weights);
        (sums0.A, sums1.A, sums2.A) = (TLane.MultiplyAdd(x0, w, sums0.A), TLane.MultiplyAdd(x1, w, sums1.A), TLane.MultiplyAdd(x2, w, sums2.A));
        w = TLane.Load(weights + TLane.Width);
        (sums0.B, sums1.B, sums2.B) = (TLane.MultiplyAdd(x0, w, sums0.B), TLane.MultiplyAdd(x1, w, sums1.B), TLane.MultiplyAdd(x2, w, sums2.B));
    }
}

internal unsafe struct Panel3<TLane>(TLane a, TLane b, TLane c) : IPanel<Panel3<TLane>, TLane> where TLane : struct, ILane<TLane>
{
    public TLane A = a, B = b, C = c;

    public static int Lanes => 3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel3<TLane> Load(float* source) =>
        new(TLane.Load(source), TLane.Load(source + TLane.Width), TLane.Load(source + 2 * TLane.Width));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Panel3<TLane> panel, float* destination)
    {
        TLane.Store(panel.A, destination);
        TLane.Store(panel.B, destination + TLane.Width);
        TLane.Store(panel.C, destination + 2 * TLane.Width);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel3<TLane> MultiplyAdd(Panel3<TLane> weights, TLane x, Panel3<TLane> sums) =>
        new(TLane.MultiplyAdd(x, weights.A, sums.A), TLane.MultiplyAdd(x, weights.B, sums.B), TLane.MultiplyAdd(x, weights.C, sums.C));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel3<TLane> MultiplyAdd(float* weights, TLane x, Panel3<TLane> sums) => new(
        TLane.MultiplyAdd(weights, 0, x, sums.A),
        TLane.MultiplyAdd(weights, 1, x, sums.B),
        TLane.MultiplyAdd(weights, 2, x, sums.C));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyAdd(
        float* weights, TLane x0, TLane x1, TLane x2, ref Panel3<TLane> sums0, ref Panel3<TLane> sums1, ref Panel3<TLane> sums2)
    {
        TLane w = TLane.Load(weights);
        (sums0.A, sums1.A, sums2.A) = (TLane.MultiplyAdd(x0, w, sums0.A), TLane.MultiplyAdd(x1, w, sums1.A), TLane.MultiplyAdd(x2, w, sums2.A));
        w = TLane.Load(weights + TLane.Width);
        (sums0.B, sums1.B, sums2.B) = (TLane.MultiplyAdd(x0, w, sums0.B), TLane.MultiplyAdd(x1, w, sums1.B), TLane.MultiplyAdd(x2, w, sums2.B));
        w = TLane.Load(weights + 2 * TLane.Width);
        (sums0.C, sums1.C, sums2.C) = (TLane.MultiplyAdd(x0, w, sums0.C), TLane.MultiplyAdd(x1, w, sums1.C), TLane.MultiplyAdd(x2, w, sums2.C));
    }
}

internal unsafe struct Panel4<TLane>(TLane a, TLane b, TLane c, TLane d) : IPanel<Panel4<TLane>, TLane> where TLane : struct, ILane<TLane>
{
    public TLane A = a, B = b, C = c, D = d;

    public static int Lanes => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel4<TLane> Load(float* source) => new(
        TLane.Load(source), TLane.Load(source + TLane.Width), TLane.Load(source + 2 * TLane.Width), TLane.Load(source + 3 * TLane.Width));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Panel4<TLane> panel, float* destination)
    {
        TLane.Store(panel.A, destination);
        TLane.Store(panel.B, destination + TLane.Width);
        TLane.Store(panel.C, destination + 2 * TLane.Width);
        TLane.Store(panel.D, destination + 3 * TLane.Width);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel4<TLane> MultiplyAdd(Panel4<TLane> weights, TLane x, Panel4<TLane> sums) => new(
        TLane.MultiplyAdd(x, weights.A, sums.A), TLane.MultiplyAdd(x, weights.B, sums.B),
        TLane.MultiplyAdd(x, weights.C, sums.C), TLane.MultiplyAdd(x, weights.D, sums.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Panel4<TLane> MultiplyAdd(float* weights, TLane x, Panel4<TLane> sums) => new(
        TLane.MultiplyAdd(weights, 0, x, sums.A),
        TLane.MultiplyAdd(weights, 1, x, sums.B),
        TLane.MultiplyAdd(weights, 2, x, sums.C),
        TLane.MultiplyAdd(weights, 3, x, sums.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyAdd(
        float* weights, TLane x0, TLane x1, TLane x2, ref Panel4<TLane> sums0, ref Panel4<TLane> sums1, ref Panel4<TLane> sums2)
    {
        TLane w = TLane.Load(weights);
        (sums0.A, sums1.A, sums2.A) = (TLane.MultiplyAdd(x0, w, sums0.A), TLane.MultiplyAdd(x1, w, sums1.A), TLane.MultiplyAdd(x2, w, sums2.A));
        w = TLane.Load(weights + TLane.Width);
        (sums0.B, sums1.B, sums2.B) = (TLane.MultiplyAdd(x0, w, sums0.B), TLane.MultiplyAdd(x1, w, sums1.B), TLane.MultiplyAdd(x2, w, sums2.B));
        w = TLane.Load(weights + 2 * TLane.Width);
        (sums0.C, sums1.C, sums2.C) = (TLane.MultiplyAdd(x0, w, sums0.C), TLane.MultiplyAdd(x1, w, sums1.C), TLane.MultiplyAdd(x2, w, sums2.C));
        w = TLane.Load(weights + 3 * TLane.Width);
        (sums0.D, sums1.D, sums2.D) = (TLane.MultiplyAdd(x0, w, sums0.D), TLane.MultiplyAdd(x1, w, sums1.D), TLane.MultiplyAdd(x2, w, sums2.D));
    }
}
