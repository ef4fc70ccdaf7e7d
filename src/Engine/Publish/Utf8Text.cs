using System.Buffers.Text;

namespace StreamRnn.Engine.Publish;

/// <summary>Numbers and times as outputs write them: UTF-8, invariant, the shortest digits that read back as the same value.</summary>
public static class Utf8Text
{
    /// <summary>Bytes that any number or time fits into.</summary>
    public const int MaxLength = 40;

    private const long NanosecondsPerSecond = 1_000_000_000;
    private const int SecondsPerDay = 86_400;

    /// <summary>Days from 0000-03-01 to 1970-01-01 in the proleptic Gregorian calendar.</summary>
    private const int EpochDay = 719_468;

    /// <returns>Bytes written. The value must be finite. The same text as the platform's.</returns>
    public static int Write(double value, Span<byte> to)
    {
        // Counters, set points and codes are whole numbers. The sign of -0 has no integer.
        long whole = (long)value;
        if (whole == value && Math.Abs(value) < 1e15 && (whole != 0 || !double.IsNegative(value)))
            return Write(whole, to);
        return value == 0 ? WriteMinusZero(to) : ShortestDecimal.Write(value < 0, ShortestDecimal.Of(value), precision: 17, to);
    }

    /// <inheritdoc cref="Write(double, Span{byte})"/>
    public static int Write(float value, Span<byte> to)
    {
        int whole = (int)value;
        if (whole == value && Math.Abs(value) < 1e6f && (whole != 0 || !float.IsNegative(value)))
            return Write((long)whole, to);
        return value == 0 ? WriteMinusZero(to) : ShortestDecimal.Write(value < 0, ShortestDecimal.Of(value), precision: 9, to);
    }

    public static int Write(long value, Span<byte> to)
    {
        Utf8Formatter.TryFormat(value, to, out int written);
        return written;
    }

    /// <summary>ISO 8601, UTC, with as many digits of the second's fraction as needed: <c>2026-01-01T00:00:00.25Z</c>.</summary>
    /// <param name="time">Nanoseconds since 1970 UTC.</param>
    public static int WriteTime(long time, Span<byte> to)
    {
        long seconds = FloorDivide(time, NanosecondsPerSecond);
        int fraction = (int)(time - (seconds * NanosecondsPerSecond));
        int day = (int)FloorDivide(seconds, SecondsPerDay);
        int second = (int)(seconds - ((long)day * SecondsPerDay));

        (int year, int month, int dayOfMonth) = Date(day);
        WriteTwo(year / 100, to);
        WriteTwo(year % 100, to[2..]);
        to[4] = (byte)'-';
        WriteTwo(month, to[5..]);
        to[7] = (byte)'-';
        WriteTwo(dayOfMonth, to[8..]);
        to[10] = (byte)'T';
        WriteTwo(second / 3600, to[11..]);
        to[13] = (byte)':';
        WriteTwo(second / 60 % 60, to[14..]);
        to[16] = (byte)':';
        WriteTwo(second % 60, to[17..]);

        int length = 19;
        if (fraction > 0)
        {
            to[length++] = (byte)'.';
            for (int unit = (int)NanosecondsPerSecond / 10; fraction > 0; unit /= 10)
            {
                to[length++] = (byte)('0' + (fraction / unit));
                fraction %= unit;
            }
        }
        to[length++] = (byte)'Z';
        return length;
    }

    /// <summary>Civil date of a day since 1970: years counted from 1 March, so that the leap day is the last of its year.</summary>
    private static (int Year, int Month, int Day) Date(int day)
    {
        const int DaysPerEra = 146_097;   // 400 years
        int shifted = day + EpochDay;
        int era = (int)FloorDivide(shifted, DaysPerEra);
        int dayOfEra = shifted - (era * DaysPerEra);
        int yearOfEra = (dayOfEra - (dayOfEra / 1460) + (dayOfEra / 36_524) - (dayOfEra / 146_096)) / 365;
        int dayOfYear = dayOfEra - ((365 * yearOfEra) + (yearOfEra / 4) - (yearOfEra / 100));
        int marchMonth = ((5 * dayOfYear) + 2) / 153;
        int month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
        return ((era * 400) + yearOfEra + (month <= 2 ? 1 : 0), month, dayOfYear - (((153 * marchMonth) + 2) / 5) + 1);
    }

    private static int WriteMinusZero(Span<byte> to)
    {
        "-0"u8.CopyTo(to);
        return 2;
    }

    private static void WriteTwo(int value, Span<byte> to)
    {
        to[1] = (byte)('0' + (value % 10));
        to[0] = (byte)('0' + (value / 10));
    }

    private static long FloorDivide(long value, long by)
    {
        long quotient = value / by;
        return value % by < 0 ? quotient - 1 : quotient;
    }
}
