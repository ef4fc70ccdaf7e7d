using System.Globalization;
using StreamRnn.Cells.Kernels;
using StreamRnn.Detection;
using StreamRnn.Trainer.Evaluation;
using StreamRnn.Trainer.Fit;

namespace StreamRnn.Trainer.Recipes;

/// <summary>Fits the constants of a <see cref="StreamEncoder"/> to training rows, and encodes series with it.</summary>
internal static class StreamFit
{
    private const double Day = 86_400e9, Week = 7 * Day, Year = 365.2425 * Day;   // nanoseconds

    /// <summary>A tap farther back makes a stream's memory long: 16 bytes a row.</summary>
    private const int FarthestTap = 1100;

    /// <summary>Most rows of a year that get taps of their own: beyond, the calendar is enough, and a stream should not wait for a year of memory.</summary>
    private const int LongestYear = 60;

    /// <summary>Constants fitted to one part of each series.</summary>
    /// <param name="series">Of the same kind: their constants are common.</param>
    /// <param name="rows">Of each series, what may be seen.</param>
    /// <exception cref="InvalidDataException">There is nothing to learn: the values never change.</exception>
    public static StreamEncoding Fit(IReadOnlyList<Series> series, IReadOnlyList<RowRange> rows, int lags, IReadOnlyList<int> horizons,
        IReadOnlyList<double> levels)
    {
        double logarithmFrom = LogarithmFrom(series, rows);
        double[][] measured = [.. series.Zip(rows, (s, range) =>
            Array.ConvertAll(s.Values[range.Start..range.End], value => logarithmFrom > 0 ? Elementary.Log(value) : value))];
        (double center, double scale) = Moments(measured.SelectMany(values => values));
        (_, double change) = Moments(measured.SelectMany(values => values.Zip(values.Skip(1), (before, after) => after - before)));
        if (!(change > 0))
        {
            string first = series[0].Values[rows[0].Start].ToString(CultureInfo.InvariantCulture);
            throw new InvalidDataException($"{series[0].Place}: {(scale > 0 ? $"every change within the {rows[0].Count} rows of the training part is the same"
                : $"all {rows[0].Count} values of the training part are {first}")}; there is nothing to learn. Choose another column with --value-column.");
        }

        long interval = UsualInterval(series, rows);
        double span = rows.Zip(series, (range, s) => (double)(s.Times[range.End - 1] - s.Times[range.Start])).Max();
        int count = rows.Max(range => range.Count);
        var constants = new StreamEncoding
        {
            LogarithmFrom = logarithmFrom,
            Center = center,
            Scale = scale,
            Change = change,
            Interval = interval,
            Lags = Math.Clamp(Math.Min(lags, count / 8), 1, lags),
            Taps = Taps(series[0], rows[0], interval, count),
            DayHarmonics = interval <= Day / 4 && span >= 3 * Day ? 4 : 0,
            WeekHarmonics = interval <= Week / 4 && span >= 3 * Week ? 3 : 0,
            YearHarmonics = interval <= Year / 4 && span >= 1.5 * Year ? interval < 7 * Day ? 2 : 4 : 0,
            Horizons = [.. horizons],
            Levels = [.. levels],
        };
        return WithHighway(constants, series, rows);
    }

    /// <summary>Every row as the network sees it, with targets where the rows ahead are known.</summary>
    public static Sequence Encode(StreamEncoder encoder, Series series)
    {
        int[] horizons = encoder.Constants.Horizons;
        var sequence = new Sequence(encoder.InputCount, new float[series.Count * encoder.InputCount], horizons.Length,
            new float[series.Count * horizons.Length]);
        float[] memory = new float[encoder.MemoryFloats];
        for (int t = 0; t < series.Count; t++)
        {
            encoder.Encode(memory, series.Times[t], series.Values[t], sequence.Inputs.AsSpan(t * encoder.InputCount, encoder.InputCount));
            for (int h = 0; h < horizons.Length; h++)
                sequence.Targets[t * horizons.Length + h] = t + horizons[h] < series.Count
                    ? encoder.Target(memory, series.Values[t], series.Values[t + horizons[h]], h)
                    : float.NaN;
        }
        return sequence;
    }

    private static StreamEncoding WithHighway(StreamEncoding constants, IReadOnlyList<Series> series, IReadOnlyList<RowRange> rows)
    {
        int[] horizons = constants.Horizons;
        var blank = new StreamEncoder(constants with { Residual = new double[horizons.Length] });
        constants = constants with
        {
            Highway = new double[horizons.Length * (blank.FeatureCount + 1)],
            Young = new double[blank.YoungCount + 1],
            Residual = [.. horizons.Select(_ => 1.0)],
        };
        var encoder = new StreamEncoder(constants);
        var full = new Ridge(encoder.FeatureCount, horizons.Length);
        var young = new Ridge(encoder.YoungCount, 1);
        Walk(encoder, series, rows, (features, changes, progress, isYoung) =>
        {
            young.Add(features[..encoder.YoungCount], changes[..1], progress);
            if (!isYoung)
                full.Add(features, changes, progress);
        });

        constants = constants with
        {
            Highway = [.. Enumerable.Range(0, horizons.Length).SelectMany(full.Solve)],
            Young = young.Solve(0),
        };
        encoder = new StreamEncoder(constants);
        double[] squares = new double[horizons.Length];
        double youngSquares = 0;
        int count = 0, all = 0;
        Walk(encoder, series, rows, (features, changes, _, isYoung) =>
        {
            double error = changes[0] - encoder.YoungForecast(features);
            (youngSquares, all) = (youngSquares + error * error, all + 1);
            if (isYoung)
                return;
            count++;
            for (int h = 0; h < horizons.Length; h++)
            {
                error = changes[h] - encoder.HighwayForecast(features, h);
                squares[h] += error * error;
            }
        });
        return constants with
        {
            Residual = [.. squares.Select(square => Math.Max(Math.Sqrt(square / Math.Max(count, 1)), 1e-6))],
            YoungResidual = Math.Max(Math.Sqrt(youngSquares / all), 1e-6),
        };
    }

    private delegate void Visit(ReadOnlySpan<float> features, ReadOnlySpan<double> changes, double progress, bool isYoung);

    /// <summary>Visits the rows whose farthest target still lies within their range.</summary>
    private static void Walk(StreamEncoder encoder, IReadOnlyList<Series> series, IReadOnlyList<RowRange> rows, Visit visit)
    {
        int[] horizons = encoder.Constants.Horizons;
        float[] features = new float[encoder.FeatureCount], inputs = new float[encoder.InputCount];
        double[] changes = new double[horizons.Length];
        double total = rows.Sum(range => range.Count), before = 0;
        for (int s = 0; s < series.Count; s++)
        {
            float[] memory = new float[encoder.MemoryFloats];
            double[] values = series[s].Values;
            for (int t = rows[s].Start; t + horizons[^1] < rows[s].End; t++)
            {
                encoder.Encode(memory, series[s].Times[t], values[t], inputs, features);
                for (int h = 0; h < horizons.Length; h++)
                    changes[h] = encoder.ChangeOf(values[t], values[t + horizons[h]]);
                visit(features, changes, (before + t - rows[s].Start) / total, encoder.IsYoung(t - rows[s].Start + 1));
            }
            before += rows[s].Count;
        }
    }

    /// <summary>Days, weeks and short years that are a whole number of rows; where there are none, the season that the values show.</summary>
    private static int[] Taps(Series series, RowRange rows, long interval, int count)
    {
        List<int> taps = [];
        foreach (double season in (ReadOnlySpan<double>)[Day, Week, Year])
        {
            double length = Math.Round(season / interval);
            if (length >= 4 && Math.Abs(season / interval - length) <= 0.03 * length && (season < Year || length <= LongestYear))
                taps.AddRange([(int)length, 2 * (int)length]);
        }
        if (taps.Count == 0)
        {
            int found = SeasonPeriod.Find(series.Times.AsSpan(rows.Start, rows.Count), series.Values.AsSpan(rows.Start, rows.Count));
            taps.AddRange(found >= 4 ? [found, 2 * found] : []);
        }
        return [.. taps.Where(tap => tap <= FarthestTap && tap + 4 <= count / 4).Distinct().Order()];
    }

    /// <summary>
    /// The smallest training value where logarithms suit the series, else 0. They suit where all values are positive, their level moves
    /// considerably, and the size of the changes moves with it: over stretches of rows the changes vary less as a share of the level than
    /// in absolute terms.
    /// </summary>
    private static double LogarithmFrom(IReadOnlyList<Series> series, IReadOnlyList<RowRange> rows)
    {
        const int Stretches = 8;
        const double LevelMoves = 1.5;
        double smallest = series.Zip(rows).Min(pair => pair.First.Values[pair.Second.Start..pair.Second.End].Min());
        if (!(smallest > 0))
            return 0;
        List<double> levels = [], sizes = [], shares = [];
        foreach ((Series s, RowRange range) in series.Zip(rows))
        {
            for (int i = 0; i < Stretches; i++)
            {
                double[] values = s.Values[Border(range, i)..Border(range, i + 1)];
                double level = values.DefaultIfEmpty(smallest).Average();
                double size = values.Zip(values.Skip(1), (before, after) => Math.Abs(after - before)).DefaultIfEmpty(0).Average();
                if (size > 0)
                {
                    levels.Add(level);
                    sizes.Add(Elementary.Log(size));
                    shares.Add(Elementary.Log(size / level));
                }
            }
        }
        return levels.Count > 1 && levels.Max() > LevelMoves * levels.Min() && Moments(shares).Deviation < Moments(sizes).Deviation ? smallest : 0;

        static int Border(RowRange range, int stretch) => range.Start + (int)((long)range.Count * stretch / Stretches);
    }

    private static long UsualInterval(IReadOnlyList<Series> series, IReadOnlyList<RowRange> rows)
    {
        long[] intervals = [.. series.Zip(rows).SelectMany(pair => Enumerable.Range(pair.Second.Start + 1, pair.Second.Count - 1)
            .Select(t => pair.First.Times[t] - pair.First.Times[t - 1])).Where(interval => interval > 0).Order()];
        return intervals.Length == 0 ? 1_000_000_000 : intervals[intervals.Length / 2];
    }

    /// <summary>Mean and deviation, one number after the other; NaN counts for nothing.</summary>
    private static (double Mean, double Deviation) Moments(IEnumerable<double> numbers)
    {
        double mean = 0, squares = 0;
        long count = 0;
        foreach (double number in numbers.Where(number => !double.IsNaN(number)))
        {
            double before = number - mean;   // Welford
            mean += before / ++count;
            squares += before * (number - mean);
        }
        return (mean, count > 0 ? Math.Sqrt(squares / count) : 0);
    }
}
