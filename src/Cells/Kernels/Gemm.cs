using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace StreamRnn.Cells.Kernels;

/// <summary>
/// C += A B for the backward pass. Every element of C is one ordered chain of fused multiply-adds over k that continues from the value in
/// C: neither blocks of rows, panels of lanes nor cutting k into several calls changes a bit.
/// </summary>
/// <remarks>
/// A panel of up to four lanes of B and C, six rows at a time: 24 accumulators, 4 weights and a broadcast in 32 registers; three rows in
/// 16. A panel of B that fits the first cache level is read from there by all rows. Rows of B had better not lie a multiple of 4 KiB apart.
/// </remarks>
internal static unsafe class Gemm<TLane> where TLane : struct, ILane<TLane>
{
    private const MethodImplOptions Kernel = MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining;

    private static bool HasManyRegisters => TLane.Width == 16 || AdvSimd.IsSupported || Vector512.IsHardwareAccelerated;

    /// <param name="c">[m, n], rows ldc floats apart; added to.</param>
    /// <param name="ldc">Floats from one row of C to the next.</param>
    /// <param name="m">Rows of A and C.</param>
    /// <param name="n">Columns of B and C, a multiple of the lane.</param>
    /// <param name="k">Columns of A and rows of B.</param>
    /// <param name="a">A[i, k] lies at a[i * rowStep + k * step]: rowStep 1 reads A transposed.</param>
    /// <param name="rowStep">Floats from one row of A to the next.</param>
    /// <param name="step">Floats from one column of A to the next.</param>
    /// <param name="b">[k, n], rows ldb floats apart.</param>
    /// <param name="ldb">Floats from one row of B to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(float* c, nint ldc, nint m, nint n, nint k, float* a, nint rowStep, nint step, float* b, nint ldb)
    {
        if (m <= 0 || k <= 0)
            return;
        nint lanes = n / TLane.Width, panels = (lanes + 3) / 4;
        for (nint panel = 0; panel < panels; panel++)
        {
            nint first = lanes * panel / panels, count = lanes * (panel + 1) / panels - first, column = first * TLane.Width;
            switch (count)
            {
                case 4: Panel<Panel4<TLane>>(c + column, ldc, m, k, a, rowStep, step, b + column, ldb); break;
                case 3: Panel<Panel3<TLane>>(c + column, ldc, m, k, a, rowStep, step, b + column, ldb); break;
                case 2: Panel<Panel2<TLane>>(c + column, ldc, m, k, a, rowStep, step, b + column, ldb); break;
                default: Panel<Panel1<TLane>>(c + column, ldc, m, k, a, rowStep, step, b + column, ldb); break;
            }
        }
    }

    [MethodImpl(Kernel)]
    private static void Panel<TPanel>(float* c, nint ldc, nint m, nint k, float* a, nint rowStep, nint step, float* b, nint ldb)
        where TPanel : struct, IPanel<TPanel, TLane>
    {
        nint end = k * step;
        for (nint left = m, block; left > 0; left -= block, c += block * ldc, a += block * rowStep)
        {
            block = Block(left);
            if (block == 6)
                SixRows<TPanel>(c, ldc, a, rowStep, step, end, b, ldb);
            else if (block == 4)
                FourRows<TPanel>(c, ldc, a, rowStep, step, end, b, ldb);
            else if (block == 3)
                ThreeRows<TPanel>(c, ldc, a, rowStep, step, end, b, ldb);
            else
                OneRow<TPanel>(c, a, step, end, b, ldb);
        }
    }

    /// <summary>Six rows wherever fours and a three can finish what they leave: a single row waits for its own sums.</summary>
    private static nint Block(nint left)
    {
        if (!HasManyRegisters)
            return left >= 3 ? 3 : 1;
        return left >= 6 && left is not (7 or 8 or 11) ? 6 : left >= 4 ? 4 : left == 3 ? 3 : 1;
    }

    [MethodImpl(Kernel)]
    private static void SixRows<TPanel>(float* c, nint ldc, float* a, nint rowStep, nint step, nint end, float* b, nint ldb)
        where TPanel : struct, IPanel<TPanel, TLane>
    {
        float* a1 = a + rowStep, a2 = a1 + rowStep, a3 = a2 + rowStep, a4 = a3 + rowStep, a5 = a4 + rowStep;
        TPanel s0 = TPanel.Load(c), s1 = TPanel.Load(c + ldc), s2 = TPanel.Load(c + 2 * ldc);
        TPanel s3 = TPanel.Load(c + 3 * ldc), s4 = TPanel.Load(c + 4 * ldc), s5 = TPanel.Load(c + 5 * ldc);
        for (nint k = 0; k != end; k += step, b += ldb)
        {
            TPanel w = TPanel.Load(b);
            s0 = TPanel.MultiplyAdd(w, TLane.Broadcast(a[k]), s0);
            s1 = TPanel.MultiplyAdd(w, TLane.Broadcast(a1[k]), s1);
            s2 = TPanel.MultiplyAdd(w, TLane.Broadcast(a2[k]), s2);
            s3 = TPanel.MultiplyAdd(w, TLane.Broadcast(a3[k]), s3);
            s4 = TPanel.MultiplyAdd(w, TLane.Broadcast(a4[k]), s4);
            s5 = TPanel.MultiplyAdd(w, TLane.Broadcast(a5[k]), s5);
        }

        TPanel.Store(s0, c);
        TPanel.Store(s1, c + ldc);
        TPanel.Store(s2, c + 2 * ldc);
        TPanel.Store(s3, c + 3 * ldc);
        TPanel.Store(s4, c + 4 * ldc);
        TPanel.Store(s5, c + 5 * ldc);
    }

    [MethodImpl(Kernel)]
    private static void FourRows<TPanel>(float* c, nint ldc, float* a, nint rowStep, nint step, nint end, float* b, nint ldb)
        where TPanel : struct, IPanel<TPanel, TLane>
    {
        float* a1 = a + rowStep, a2 = a1 + rowStep, a3 = a2 + rowStep;
        TPanel s0 = TPanel.Load(c), s1 = TPanel.Load(c + ldc), s2 = TPanel.Load(c + 2 * ldc), s3 = TPanel.Load(c + 3 * ldc);
        for (nint k = 0; k != end; k += step, b += ldb)
        {
            TPanel w = TPanel.Load(b);
            s0 = TPanel.MultiplyAdd(w, TLane.Broadcast(a[k]), s0);
            s1 = TPanel.MultiplyAdd(w, TLane.Broadcast(a1[k]), s1);
            s2 = TPanel.MultiplyAdd(w, TLane.Broadcast(a2[k]), s2);
            s3 = TPanel.MultiplyAdd(w, TLane.Broadcast(a3[k]), s3);
        }

        TPanel.Store(s0, c);
        TPanel.Store(s1, c + ldc);
        TPanel.Store(s2, c + 2 * ldc);
        TPanel.Store(s3, c + 3 * ldc);
    }

    [MethodImpl(Kernel)]
    private static void ThreeRows<TPanel>(float* c, nint ldc, float* a, nint rowStep, nint step, nint end, float* b, nint ldb)
        where TPanel : struct, IPanel<TPanel, TLane>
    {
        float* a1 = a + rowStep, a2 = a1 + rowStep;
        TPanel s0 = TPanel.Load(c), s1 = TPanel.Load(c + ldc), s2 = TPanel.Load(c + 2 * ldc);
        for (nint k = 0; k != end; k += step, b += ldb)
            TPanel.MultiplyAdd(b, TLane.Broadcast(a[k]), TLane.Broadcast(a1[k]), TLane.Broadcast(a2[k]), ref s0, ref s1, ref s2);

        TPanel.Store(s0, c);
        TPanel.Store(s1, c + ldc);
        TPanel.Store(s2, c + 2 * ldc);
    }

    [MethodImpl(Kernel)]
    private static void OneRow<TPanel>(float* c, float* a, nint step, nint end, float* b, nint ldb)
        where TPanel : struct, IPanel<TPanel, TLane>
    {
        TPanel s = TPanel.Load(c);
        for (nint k = 0; k != end; k += step, b += ldb)
            s = TPanel.MultiplyAdd(b, TLane.Broadcast(a[k]), s);
        TPanel.Store(s, c);
    }
}
