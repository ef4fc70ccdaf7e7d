using System.Runtime.CompilerServices;

namespace StreamRnn.Cells.Kernels;

/// <summary>
/// The elementary functions that scores and heads need, from + - * / sqrt and fused multiply-add alone, so that their bits are those of IEEE 754
/// and not of a C library or a CPU. Arguments are finite.
/// </summary>
/// <remarks>
/// Largest differences from the C library (itself within one unit in the last place) over 200,000 random arguments per range, in units
/// in the last place: Exp 1, Log 1, Asinh 2, Sinh 2; SinCos 7e-16 absolute, most of it the library's rounded argument. The tests hold
/// them to within one more.
/// </remarks>
public static class Elementary
{
    public const double Ln2 = 0.693147180559945309417;

    private const double Ln2High = 6.93147180369123816490e-01;   // 33 bits, so that k * Ln2High is exact
    private const double Ln2Low = 1.90821492927058770002e-10;

    /// <summary>e^x. Saturates at e^-708 and e^709 instead of reaching zero or infinity.</summary>
    public static double Exp(double x)
    {
        x = Math.Min(Math.Max(x, -708), 709);
        double k = Math.Round(x * 1.44269504088896340736);
        double r = Math.FusedMultiplyAdd(k, -Ln2Low, Math.FusedMultiplyAdd(k, -Ln2High, x));

        // Taylor to r^13 on |r| <= ln2 / 2: the next term is below 5e-18. Even and odd powers are two chains that run side by side.
        double r2 = r * r;
        double even = Horner(r2, 1.0 / 479001600, 1.0 / 3628800, 1.0 / 40320, 1.0 / 720, 1.0 / 24, 0.5);
        double odd = Horner(r2, 1.0 / 6227020800, 1.0 / 39916800, 1.0 / 362880, 1.0 / 5040, 1.0 / 120, 1.0 / 6);
        double tail = Math.FusedMultiplyAdd(r2, even, r * r2 * odd);
        return (1 + (r + tail)) * PowerOfTwo((int)k);
    }

    /// <summary>ln x for a positive normal x.</summary>
    public static double Log(double x)
    {
        const long SqrtHalf = 0x3FE6A09E667F3BCD;
        long bits = BitConverter.DoubleToInt64Bits(x);
        long k = (bits - SqrtHalf) >> 52;
        double m = BitConverter.Int64BitsToDouble(bits - (k << 52));   // in [sqrt(1/2), sqrt(2))
        return Math.FusedMultiplyAdd(k, Ln2High, Log1pSmall(m - 1) + k * Ln2Low);
    }

    /// <summary>asinh x = ln(x + sqrt(x^2 + 1)), odd.</summary>
    public static double Asinh(double x)
    {
        double a = Math.Abs(x);
        double result;
        if (a > 1e8)
        {
            result = Log(a) + Ln2;   // 1 / (4 x^2) is below the last bit
        }
        else
        {
            double square = a * a;
            double y = a + square / (1 + Math.Sqrt(1 + square));
            result = y < 0.41 ? Log1pSmall(y) : Log(1 + y);
        }

        return x < 0 ? -result : result;
    }

    /// <summary>sinh x, odd; saturates with <see cref="Exp"/>.</summary>
    public static double Sinh(double x)
    {
        double a = Math.Abs(x);
        if (a < 1)
        {
            double square = x * x;
            double series = Horner(square, 1.0 / 355687428096000, 1.0 / 1307674368000, 1.0 / 6227020800, 1.0 / 39916800, 1.0 / 362880,
                1.0 / 5040, 1.0 / 120, 1.0 / 6);
            return Math.FusedMultiplyAdd(x * square, series, x);
        }

        double e = Exp(a);
        double result = 0.5 * (e - 1 / e);
        return x < 0 ? -result : result;
    }

    /// <summary>1 / (1 + e^-x), exactly one half at 0.</summary>
    public static double Sigmoid(double x) => 1 / (1 + Exp(-x));

    /// <summary>Sine and cosine of 2 pi turns, for turns in [0, 1].</summary>
    public static (double Sin, double Cos) SinCos(double turns)
    {
        double quarter = Math.Round(turns * 4);
        double x = (turns - quarter * 0.25) * (2 * Math.PI);   // exact difference; |x| <= pi / 4
        double x2 = x * x;
        double sin = Math.FusedMultiplyAdd(x * x2, Horner(x2, 1.0 / 355687428096000, -1.0 / 1307674368000, 1.0 / 6227020800, -1.0 / 39916800,
            1.0 / 362880, -1.0 / 5040, 1.0 / 120, -1.0 / 6), x);
        double cos = Math.FusedMultiplyAdd(x2, Horner(x2, 1.0 / 20922789888000, -1.0 / 87178291200, 1.0 / 479001600, -1.0 / 3628800,
            1.0 / 40320, -1.0 / 720, 1.0 / 24, -0.5), 1);
        return ((int)quarter & 3) switch
        {
            0 => (sin, cos),
            1 => (cos, -sin),
            2 => (-sin, -cos),
            _ => (-cos, sin),
        };
    }

    /// <summary>ln(1 + y) for y in [sqrt(1/2) - 1, sqrt(2) - 1] as 2 atanh(s), s = y / (2 + y): no digits are lost near 0.</summary>
    private static double Log1pSmall(double y)
    {
        double s = y / (2 + y);
        double s2 = s * s;
        double series = Horner(s2, 2.0 / 21, 2.0 / 19, 2.0 / 17, 2.0 / 15, 2.0 / 13, 2.0 / 11, 2.0 / 9, 2.0 / 7, 2.0 / 5, 2.0 / 3);

        // 2 s = y - s y, so the leading term is y itself and the rounding of s counts only in the correction.
        return y - s * (y - s2 * series);
    }

    private static double PowerOfTwo(int k) => BitConverter.Int64BitsToDouble((long)(k + 1023) << 52);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Horner(double x, double c5, double c4, double c3, double c2, double c1, double c0)
    {
        double sum = Math.FusedMultiplyAdd(c5, x, c4);
        sum = Math.FusedMultiplyAdd(sum, x, c3);
        sum = Math.FusedMultiplyAdd(sum, x, c2);
        sum = Math.FusedMultiplyAdd(sum, x, c1);
        return Math.FusedMultiplyAdd(sum, x, c0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Horner(double x, double c7, double c6, double c5, double c4, double c3, double c2, double c1, double c0) =>
        Math.FusedMultiplyAdd(Math.FusedMultiplyAdd(Horner(x, c7, c6, c5, c4, c3, c2), x, c1), x, c0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Horner(double x, double c9, double c8, double c7, double c6, double c5, double c4, double c3, double c2, double c1,
        double c0) => Math.FusedMultiplyAdd(Math.FusedMultiplyAdd(Horner(x, c9, c8, c7, c6, c5, c4, c3, c2), x, c1), x, c0);
}
