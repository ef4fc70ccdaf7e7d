using System.Globalization;

namespace StreamRnn.Ingest.Ticks;

/// <summary>The unit of a time that is a number.</summary>
public enum TimeUnit
{
    /// <summary>Seconds below 1e11, then milliseconds below 1e14, microseconds below 1e17, else nanoseconds: all four read 1973 to 5138
    /// the same way, as far as 64 bits reach.</summary>
    ByMagnitude,
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

/// <summary>
/// Event times: nanoseconds since 1970 UTC in 64 bits, which hold the years 1678 to 2261. Read from ISO 8601 text (also with a space for
/// the T, a date alone, a month alone) and from numbers; nothing is rounded through a double.
/// </summary>
public static class EventTime
{
    public const long NanosecondsPerSecond = 1_000_000_000;
    private const int FirstYear = 1678;
    private const int LastYear = 2261;

    /// <summary>The present.</summary>
    public static long Now(TimeProvider clock) => FromUtc(clock.GetUtcNow().UtcDateTime);

    /// <param name="utc">Between 1678 and 2261.</param>
    public static long FromUtc(DateTime utc) => (utc.Ticks - DateTime.UnixEpoch.Ticks) * TimeSpan.NanosecondsPerTick;

    /// <summary>Reads text or a number, whichever it is.</summary>
    /// <param name="zone">Of text that names none.</param>
    public static bool TryParse(ReadOnlySpan<byte> text, TimeZoneInfo zone, TimeUnit unit, out long time) =>
        TryParseText(text, zone, out time) || TryParseNumber(text, unit, out time);

    /// <summary>Reads a decimal number, with fraction and exponent if need be.</summary>
    public static bool TryParseNumber(ReadOnlySpan<byte> text, TimeUnit unit, out long time)
    {
        time = 0;
        if (!decimal.TryParse(text, NumberStyles.Float & ~NumberStyles.AllowLeadingWhite & ~NumberStyles.AllowTrailingWhite,
            CultureInfo.InvariantCulture, out decimal number))
            return false;

        decimal magnitude = Math.Abs(number);
        long nanoseconds = unit switch
        {
            TimeUnit.Seconds => NanosecondsPerSecond,
            TimeUnit.Milliseconds => 1_000_000,
            TimeUnit.Microseconds => 1_000,
            TimeUnit.Nanoseconds => 1,
            _ => magnitude < 1e11m ? NanosecondsPerSecond : magnitude < 1e14m ? 1_000_000 : magnitude < 1e17m ? 1_000 : 1,
        };
        if (magnitude >= (decimal)long.MaxValue / nanoseconds)
            return false;
        time = (long)decimal.Round(number * nanoseconds);
        return true;
    }

    /// <summary>
    /// Reads <c>yyyy-MM[-dd[(T| )HH:mm[:ss[(.|,)f...]][Z|(+|-)HH[[:]mm]]]]</c>, with - or / between the parts of the date.
    /// </summary>
    /// <param name="zone">Of text that names none; an hour that a change of clocks repeats is read as standard time.</param>
    public static bool TryParseText(ReadOnlySpan<byte> text, TimeZoneInfo zone, out long time)
    {
        time = 0;
        if (!TryDigits(ref text, 4, out int year) || year is < FirstYear or > LastYear)
            return false;
        if (text.IsEmpty || text[0] is not ((byte)'-' or (byte)'/'))
            return false;
        byte separator = text[0];
        int day = 1, hour = 0, minute = 0, second = 0;
        long fraction = 0;
        if (!TryAfter(ref text, separator, 2, out int month) || month is < 1 or > 12)
            return false;
        if (!text.IsEmpty && !TryAfter(ref text, separator, 2, out day))
            return false;
        if (day < 1 || day > DateTime.DaysInMonth(year, month))
            return false;

        if (!text.IsEmpty)
        {
            if (text[0] is not ((byte)'T' or (byte)'t' or (byte)' '))
                return false;
            text = text[1..];
            if (!TryDigits(ref text, 2, out hour) || !TryAfter(ref text, (byte)':', 2, out minute) || hour > 23 || minute > 59)
                return false;
            if (text is [(byte)':', ..] && (!TryAfter(ref text, (byte)':', 2, out second) || second > 60 || !TryFraction(ref text, out fraction)))
                return false;
        }

        var local = new DateTime(year, month, day, hour, minute, 0);
        if (!TryOffset(text, local, zone, out long offsetMinutes))
            return false;
        time = FromUtc(local) + (second - 60 * offsetMinutes) * NanosecondsPerSecond + fraction;
        return true;
    }

    /// <summary>The offset written in what is left of the text, or the zone's where nothing is left.</summary>
    private static bool TryOffset(ReadOnlySpan<byte> text, DateTime local, TimeZoneInfo zone, out long minutes)
    {
        minutes = 0;
        if (text.IsEmpty)
        {
            minutes = zone == TimeZoneInfo.Utc ? 0 : (long)zone.GetUtcOffset(local).TotalMinutes;
            return true;
        }
        if (text is [(byte)'Z' or (byte)'z'])
            return true;

        if (text[0] is (byte)' ')   // "2026-01-01 00:00:00 +01:00", as some databases export it
            text = text[1..];
        if (text.IsEmpty || text[0] is not ((byte)'+' or (byte)'-'))
            return false;
        int sign = text[0] == (byte)'-' ? -1 : 1, offsetMinute = 0;
        text = text[1..];
        if (!TryDigits(ref text, 2, out int offsetHour))
            return false;
        if (text is [(byte)':', ..])
            text = text[1..];
        if (!text.IsEmpty && !TryDigits(ref text, 2, out offsetMinute))
            return false;
        minutes = sign * (60 * offsetHour + offsetMinute);
        return text.IsEmpty && offsetHour <= 23 && offsetMinute <= 59;
    }

    private static bool TryAfter(ref ReadOnlySpan<byte> text, byte separator, int digits, out int number)
    {
        number = 0;
        if (text.IsEmpty || text[0] != separator)
            return false;
        text = text[1..];
        return TryDigits(ref text, digits, out number);
    }

    private static bool TryDigits(ref ReadOnlySpan<byte> text, int digits, out int number)
    {
        number = 0;
        if (text.Length < digits)
            return false;
        for (int i = 0; i < digits; i++)
        {
            int digit = text[i] - '0';
            if (digit is < 0 or > 9)
                return false;
            number = 10 * number + digit;
        }
        text = text[digits..];
        return true;
    }

    /// <summary>Reads a fraction of a second if there is one, in nanoseconds; further digits are cut off.</summary>
    private static bool TryFraction(ref ReadOnlySpan<byte> text, out long nanoseconds)
    {
        nanoseconds = 0;
        if (text.IsEmpty || text[0] is not ((byte)'.' or (byte)','))
            return true;
        text = text[1..];
        int digits = 0;
        for (long unit = NanosecondsPerSecond / 10; digits < text.Length && text[digits] is >= (byte)'0' and <= (byte)'9'; unit /= 10)
            nanoseconds += unit * (text[digits++] - '0');
        text = text[digits..];
        return digits > 0;
    }
}
