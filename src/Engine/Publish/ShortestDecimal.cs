using System.Buffers.Text;
using System.Numerics;

namespace StreamRnn.Engine.Publish;

/// <summary>
/// The shortest decimal that reads back as the same binary number, and of those the closest: Raffaello Giulietti, "The Schubfach way to
/// render doubles" (2020). Three multiplications by a power of ten of 128 bits, about half the time of the platform's formatting.
/// </summary>
internal static class ShortestDecimal
{
    private const int SmallestPower = -292;
    private const int LargestPower = 324;

    /// <summary>10^k 2^-(floor(log2 10^k) - 127), rounded up, for every k that a double can ask for.</summary>
    private static readonly UInt128[] Powers = [.. Enumerable.Range(SmallestPower, LargestPower - SmallestPower + 1).Select(Power)];

    /// <param name="value">Finite and not 0; its sign is ignored.</param>
    /// <returns>value = Digits 10^Exponent; the digits may end in zeros.</returns>
    public static (ulong Digits, int Exponent) Of(double value)
    {
        ulong bits = BitConverter.DoubleToUInt64Bits(value);
        ulong fraction = bits & ((1UL << 52) - 1);
        int biased = (int)(bits >> 52) & 0x7FF;
        return biased == 0 ? Of(fraction, -1074, false) : Of(fraction | (1UL << 52), biased - 1075, fraction == 0 && biased > 1);
    }

    /// <inheritdoc cref="Of(double)"/>
    public static (ulong Digits, int Exponent) Of(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        uint fraction = bits & ((1U << 23) - 1);
        int biased = (int)(bits >> 23) & 0xFF;
        return biased == 0 ? Of(fraction, -149, false) : Of(fraction | (1U << 23), biased - 150, fraction == 0 && biased > 1);
    }

    /// <summary>Digits as the platform writes them: <c>21.5</c>, <c>0.0001</c>, and beyond <paramref name="precision"/> digits <c>1E+16</c>.</summary>
    /// <returns>Bytes written.</returns>
    public static int Write(bool negative, (ulong Digits, int Exponent) number, int precision, Span<byte> to)
    {
        Span<byte> digits = stackalloc byte[20];
        Utf8Formatter.TryFormat(number.Digits, digits, out int count);
        int point = count + number.Exponent;   // digits before the point
        count = digits[..count].LastIndexOfAnyExcept((byte)'0') + 1;
        digits = digits[..count];

        int at = 0;
        if (negative)
            to[at++] = (byte)'-';
        if (point > precision || point < -3)
            return at + WriteScientific(digits, point - 1, to[at..]);
        if (point <= 0)
        {
            to[at++] = (byte)'0';
            to[at++] = (byte)'.';
            to.Slice(at, -point).Fill((byte)'0');
            digits.CopyTo(to[(at - point)..]);
            return at - point + count;
        }
        if (point >= count)
        {
            digits.CopyTo(to[at..]);
            to.Slice(at + count, point - count).Fill((byte)'0');
            return at + point;
        }
        digits[..point].CopyTo(to[at..]);
        to[at + point] = (byte)'.';
        digits[point..].CopyTo(to[(at + point + 1)..]);
        return at + count + 1;
    }

    private static int WriteScientific(ReadOnlySpan<byte> digits, int exponent, Span<byte> to)
    {
        int at = 0;
        to[at++] = digits[0];
        if (digits.Length > 1)
        {
            to[at++] = (byte)'.';
            digits[1..].CopyTo(to[at..]);
            at += digits.Length - 1;
        }
        to[at++] = (byte)'E';
        to[at++] = (byte)(exponent < 0 ? '-' : '+');
        int size = Math.Abs(exponent);
        if (size < 10)
            to[at++] = (byte)'0';
        Utf8Formatter.TryFormat(size, to[at..], out int written);
        return at + written;
    }

    /// <summary>The number c 2^q.</summary>
    /// <param name="lowerIsCloser">A power of two, whose neighbour below is half as far as the one above.</param>
    private static (ulong Digits, int Exponent) Of(ulong c, int q, bool lowerIsCloser)
    {
        // k = floor(log10 2^q), or of 3/4 2^q: at that scale the rounding interval holds at least one whole number.
        int k = ((q * 1_262_611) - (lowerIsCloser ? 524_031 : 0)) >> 22;
        int shift = q + ((-k * 1_741_647) >> 19) + 1;
        UInt128 power = Powers[-k - SmallestPower];

        // Value and both ends of its rounding interval, times 4, scaled by 10^-k and rounded to odd.
        ulong value = RoundToOdd(power, (4 * c) << shift);
        ulong odd = c & 1;   // the ends belong to the interval where c is even
        ulong lower = RoundToOdd(power, ((4 * c) - (lowerIsCloser ? 1UL : 2UL)) << shift) + odd;
        ulong upper = RoundToOdd(power, ((4 * c) + 2) << shift) - odd;

        ulong whole = value / 4;
        if (whole >= 10)
        {
            ulong tens = whole / 10;
            bool downFits = lower <= 40 * tens;
            bool upFits = (40 * tens) + 40 <= upper;
            if (downFits != upFits)
                return (upFits ? tens + 1 : tens, k + 1);
        }

        bool floorFits = lower <= 4 * whole;
        bool ceilingFits = (4 * whole) + 4 <= upper;
        if (floorFits != ceilingFits)
            return (ceilingFits ? whole + 1 : whole, k);
        ulong middle = (4 * whole) + 2;
        return (value > middle || (value == middle && (whole & 1) != 0) ? whole + 1 : whole, k);
    }

    /// <summary>floor(power factor / 2^128), its last bit set where anything was cut off.</summary>
    private static ulong RoundToOdd(UInt128 power, ulong factor)
    {
        ulong carried = Math.BigMul((ulong)power, factor, out _);
        ulong high = Math.BigMul((ulong)(power >> 64), factor, out ulong low);
        low += carried;
        high += low < carried ? 1UL : 0;
        return high | (low > 1 ? 1UL : 0);
    }

    private static UInt128 Power(int k)
    {
        BigInteger power = BigInteger.Pow(10, Math.Abs(k));
        int bits = (int)power.GetBitLength();
        (BigInteger quotient, BigInteger rest) = k < 0
            ? BigInteger.DivRem(BigInteger.One << (127 + bits), power)
            : bits > 128 ? BigInteger.DivRem(power, BigInteger.One << (bits - 128)) : (power << (128 - bits), BigInteger.Zero);
        return (UInt128)(rest.IsZero ? quotient : quotient + 1);
    }
}
