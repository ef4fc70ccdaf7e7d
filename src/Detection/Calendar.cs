using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;

namespace StreamRnn.Detection;

/// <summary>Position of an instant in the day and in the week, UTC. Times are nanoseconds since 1970.</summary>
internal static class Calendar
{
    public const int FeatureCount = 2 * (DayHarmonics + WeekHarmonics);

    private const int DayHarmonics = 4;
    private const int WeekHarmonics = 2;
    private const long Day = 86_400_000_000_000;
    private const long Week = 7 * Day;
    private const long Year = 31_556_952_000_000_000;   // 365.2425 days, the Gregorian mean

    /// <summary>Index of the time among <see cref="SeasonProfile.SlotCount"/> equal parts of the day.</summary>
    public static int Slot(long time) => (int)(Phase(time, Day) / (Day / SeasonProfile.SlotCount));

    /// <summary>Sines and cosines of 1 to 4 times the time of day and of 1 to 2 times the time of week.</summary>
    public static void Features(long time, Span<float> features)
    {
        OfDay(time, features[..(2 * DayHarmonics)]);
        OfWeek(time, features.Slice(2 * DayHarmonics, 2 * WeekHarmonics));
    }

    /// <summary>Sines and cosines of 1, 2, ... times the time of day; returns how many numbers.</summary>
    public static int OfDay(long time, Span<float> features) => Of(time, Day, features);

    /// <summary>Sines and cosines of 1, 2, ... times the time of week; returns how many numbers.</summary>
    public static int OfWeek(long time, Span<float> features) => Of(time, Week, features);

    /// <summary>Sines and cosines of 1, 2, ... times the time of year; returns how many numbers.</summary>
    public static int OfYear(long time, Span<float> features) => Of(time, Year, features);

    private static int Of(long time, long period, Span<float> features)
    {
        Harmonics((double)Phase(time, period) / period, features);
        return features.Length;
    }

    private static void Harmonics(double turns, Span<float> features)
    {
        (double sin, double cos) = Elementary.SinCos(turns);
        (double s, double c) = (sin, cos);
        for (int i = 0; i < features.Length; i += 2)
        {
            (features[i], features[i + 1]) = ((float)s, (float)c);
            (s, c) = (s * cos + c * sin, c * cos - s * sin);   // one turn of the angle further
        }
    }

    private static long Phase(long time, long period)
    {
        long phase = time % period;
        return phase < 0 ? phase + period : phase;
    }
}
