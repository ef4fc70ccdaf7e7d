using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace StreamRnn.Engine;

/// <summary>Format of a length of time: <c>250ms</c>, <c>15s</c>, <c>5m</c>, <c>1h</c>, <c>2d</c> or <c>00:00:15</c>.</summary>
public static class Duration
{
    public const string Forms = "250ms, 15s, 5m, 1h, 2d or 00:00:15";

    public static bool TryParse([NotNullWhen(true)] string? text, out TimeSpan duration)
    {
        duration = default;
        if (string.IsNullOrEmpty(text))
            return false;
        if (text.Contains(':'))
            return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out duration) && duration >= TimeSpan.Zero;

        ReadOnlySpan<char> suffix = text.AsSpan().TrimStart("0123456789.");
        ReadOnlySpan<char> number = text.AsSpan(0, text.Length - suffix.Length);
        if (!double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double count))
            return false;

        long unit = suffix switch
        {
            "ms" => TimeSpan.TicksPerMillisecond,
            "s" => TimeSpan.TicksPerSecond,
            "m" => TimeSpan.TicksPerMinute,
            "h" => TimeSpan.TicksPerHour,
            "d" => TimeSpan.TicksPerDay,
            _ => 0,
        };
        double ticks = count * unit;
        if (unit == 0 || ticks > TimeSpan.MaxValue.Ticks / 2)
            return false;
        duration = TimeSpan.FromTicks((long)Math.Round(ticks));
        return true;
    }
}
