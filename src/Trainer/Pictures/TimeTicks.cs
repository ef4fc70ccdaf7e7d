using System.Globalization;

namespace StreamRnn.Trainer.Pictures;

/// <summary>Round times of an axis in seconds since 1970 UTC, at most eight of them.</summary>
internal static class TimeTicks
{
    private const int Most = 8;
    private const double Day = 86_400;

    private static readonly double[] Steps =
        [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 3 * 3600, 6 * 3600, 12 * 3600, Day, 2 * Day, 5 * Day, 10 * Day, 20 * Day];

    private static readonly int[] MonthSteps = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200];

    public static IEnumerable<(double, string)> Between(double from, double to)
    {
        double fewest = (to - from) / Most;
        double step = Array.Find(Steps, step => step >= fewest);
        if (step == 0)
            return Months(from, to, Array.Find(MonthSteps, months => months * 30.4375 * Day >= fewest) is int months and > 0 ? months : 12_000);
        string format = step < 60 ? "HH:mm:ss" : step < Day ? "MM-dd HH:mm" : "yyyy-MM-dd";
        return Multiples(from, to, step).Select(tick => (tick, Label(tick, format)));
    }

    private static IEnumerable<double> Multiples(double from, double to, double step)
    {
        for (double tick = Math.Ceiling(from / step); tick * step <= to; tick++)
            yield return tick * step;
    }

    private static IEnumerable<(double, string)> Months(double from, double to, int step)
    {
        for (int month = (At(from).Year - 1) * 12 / step * step; month < 9999 * 12; month += step)
        {
            double tick = (new DateTime(month / 12 + 1, month % 12 + 1, 1) - DateTime.UnixEpoch).TotalSeconds;
            if (tick > to)
                yield break;
            if (tick >= from)
                yield return (tick, Label(tick, step < 12 ? "yyyy-MM" : "yyyy"));
        }
    }

    private static DateTime At(double seconds) => DateTime.UnixEpoch.AddSeconds(seconds);

    private static string Label(double seconds, string format) => At(seconds).ToString(format, CultureInfo.InvariantCulture);
}
