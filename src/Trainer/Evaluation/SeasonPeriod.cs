namespace StreamRnn.Trainer.Evaluation;

/// <summary>Finds how many rows a season takes.</summary>
internal static class SeasonPeriod
{
    private const double Day = 86_400e9;   // nanoseconds

    private static readonly double[] Seasons = [Day, 7 * Day, 365.2425 * Day];

    /// <summary>
    /// Largest distance of a season from a whole number of rows, as a share: 31 days, the usual month, are a twelfth of a year within 2 %.
    /// </summary>
    private const double Tolerance = 0.03;

    /// <summary>Autocorrelation a season has at least where the times suggest none.</summary>
    private const double Correlated = 0.3;

    /// <summary>Share of the rows that a season may take at most, so that there is something to see it repeated in.</summary>
    private const double LongestShare = 0.8;

    /// <summary>Longest season that is looked for in the values alone.</summary>
    private const int LongestByValues = 1000;

    /// <summary>
    /// The day, week or year whose repetition forecasts these rows best, by the usual distance of the times; where none of them takes from two to
    /// most of these rows, the lag at which the values resemble themselves most.
    /// </summary>
    /// <param name="times">Nanoseconds since 1970 of the rows below, one each.</param>
    /// <param name="values">The training rows; NaN is a gap.</param>
    /// <returns>Rows; 0 where there is no season.</returns>
    public static int Find(ReadOnlySpan<long> times, ReadOnlySpan<double> values)
    {
        int best = 0;
        double bestError = double.PositiveInfinity;
        double step = UsualStep(times);
        foreach (double season in step > 0 ? Seasons : [])
        {
            double rows = Math.Round(season / step);
            if (rows < 2 || rows > LongestShare * values.Length || Math.Abs(season / step - rows) > Tolerance * rows)
                continue;
            double error = MeanError(values, Baselines.SeasonalNaive(values, (int)rows));
            if (error < bestError)
                (best, bestError) = ((int)rows, error);
        }

        return best > 0 ? best : ByAutocorrelation(Baselines.Bridge(values));
    }

    /// <summary>The median of the distances that are not 0.</summary>
    private static double UsualStep(ReadOnlySpan<long> times)
    {
        List<long> steps = [];
        for (int row = 1; row < times.Length; row++)
        {
            if (times[row] > times[row - 1])
                steps.Add(times[row] - times[row - 1]);
        }

        steps.Sort();
        return steps.Count == 0 ? 0 : steps[steps.Count / 2];
    }

    private static double MeanError(ReadOnlySpan<double> values, double[] forecasts)
    {
        double sum = 0;
        int count = 0;
        for (int row = 0; row < forecasts.Length; row++)
        {
            double error = Math.Abs(values[row] - forecasts[row]);
            if (!double.IsNaN(error))
                (sum, count) = (sum + error, count + 1);
        }

        return sum / count;
    }

    /// <summary>The lag with the highest correlation beyond the first at which it has stopped falling.</summary>
    private static int ByAutocorrelation(double[] values)
    {
        int first = Array.FindIndex(values, value => !double.IsNaN(value));
        ReadOnlySpan<double> known = first < 0 ? [] : values.AsSpan(first);
        double mean = 0, variance = 0;
        foreach (double value in known)
            mean += value / known.Length;
        foreach (double value in known)
            variance += (value - mean) * (value - mean);

        int best = 0;
        double highest = Correlated, before = 1;
        bool falling = true;
        for (int lag = 1; lag <= Math.Min(known.Length / 3, LongestByValues); lag++)
        {
            double sum = 0;
            for (int row = lag; row < known.Length; row++)
                sum += (known[row] - mean) * (known[row - lag] - mean);
            double correlation = sum / variance;   // biased: of multiples of a season the season itself is highest
            falling &= correlation < before;
            if (!falling && correlation > highest)
                (best, highest) = (lag, correlation);
            before = correlation;
        }

        return best;
    }
}
