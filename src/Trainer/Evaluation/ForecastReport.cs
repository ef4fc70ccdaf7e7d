using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace StreamRnn.Trainer.Evaluation;

/// <summary>Rows that a report scores, and the settings of its baselines.</summary>
public sealed record ReportOptions
{
    /// <summary>First row scored. Season, autoregression and the scale of MASE are taken from the rows before it.</summary>
    public int From { get; init; }

    /// <summary>Row after the last one scored; null is the end.</summary>
    public int? To { get; init; }

    /// <summary>Rows from the last known value to the forecast one.</summary>
    public int Horizon { get; init; } = 1;

    /// <summary>Rows of a season; null finds it, 0 is none.</summary>
    public int? Period { get; init; }

    /// <summary>Lags of the autoregression; fewer are taken where the rows before the scored ones are few.</summary>
    public int Lags { get; init; } = 48;
}

/// <summary>
/// Forecasts beside persistence, the seasonal naive forecast and an autoregression, all scored on exactly the same rows: those with a value
/// for which every one of them has a forecast.
/// </summary>
public sealed class ForecastReport
{
    private ForecastReport(int from, int to, int period, int left, IReadOnlyList<ForecastScore> scores) =>
        (From, To, Period, LeftOut, Scores) = (from, to, period, left, scores);

    public int From { get; }

    /// <summary>Row after the last one scored.</summary>
    public int To { get; }

    /// <summary>Rows of a season; 0 where there is none.</summary>
    public int Period { get; }

    /// <summary>Rows scored.</summary>
    public int Count => Scores[0].Count;

    /// <summary>Rows from <see cref="From"/> to <see cref="To"/> that are not scored: gaps, or without one of the forecasts.</summary>
    public int LeftOut { get; }

    /// <summary>The models in the order given, then the baselines: persistence first.</summary>
    public IReadOnlyList<ForecastScore> Scores { get; }

    /// <param name="times">[rows] nanoseconds since 1970.</param>
    /// <param name="values">[rows]; NaN is a gap.</param>
    public static ForecastReport Of(ReadOnlySpan<long> times, ReadOnlySpan<double> values, IReadOnlyList<SeriesForecast> models, ReportOptions options)
    {
        int to = Math.Min(options.To ?? values.Length, values.Length);
        int from = Math.Min(options.From, to);
        ReadOnlySpan<double> before = values[..from];
        double[] stayed = Baselines.Persistence(values, options.Horizon);
        List<SeriesForecast> all = [.. models, new("persistence", stayed)];

        int period = options.Period ?? SeasonPeriod.Find(times[..from], before);
        if (period > 0)
            all.Add(new($"seasonal naive ({period})", Baselines.SeasonalNaive(values, period, options.Horizon)));
        if (Autoregression.Fit(before, options.Lags, options.Horizon) is Autoregression fitted)
            all.Add(new($"AR({fitted.Lags})", fitted.Forecast(values)));

        double scale = MeanError(before, stayed);
        ForecastScore[] scores = [.. all.Select(forecast => new ForecastScore(forecast.Name, scale))];
        int left = 0;
        for (int row = from; row < to; row++)
        {
            if (double.IsNaN(values[row]) || all.Exists(forecast => double.IsNaN(forecast.Values[row])))
            {
                left++;
                continue;
            }

            for (int i = 0; i < scores.Length; i++)
                scores[i].Add(values[row], all[i].Values[row], stayed[row], all[i].Lower?[row] ?? double.NaN, all[i].Upper?[row] ?? double.NaN);
        }

        return new ForecastReport(from, to, period, left, scores);
    }

    /// <summary>A table, one line each, without an end of line after the last.</summary>
    public string Text(string title)
    {
        StringBuilder text = new(string.Create(CultureInfo.InvariantCulture, $"{title}: {Count:n0} of the rows {From} to {To - 1} scored, {From:n0} before them to learn from"));
        text.Append(CultureInfo.InvariantCulture, $"\n  {"forecast",-24} {"MSE",10} {"RMSE",10} {"MAE",10} {"MASE",8} {"skill",8} {"coverage",9}");
        foreach (ForecastScore score in Scores)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n  {score.Name,-24} {Number(score.Mse, "G5"),10} {Number(score.Rmse, "G5"),10} {Number(score.Mae, "G5"),10} ")
                .Append(CultureInfo.InvariantCulture, $"{Number(score.Mase, "0.000"),8} {Number(score.Skill, "0.000"),8} {Number(score.Coverage, "0.0%"),9}");
        }

        if (Period == 0)
            text.Append("\n  no season shows in the rows before: there is no seasonal naive forecast");
        if (!Scores.Any(score => score.Name.StartsWith("AR(", StringComparison.Ordinal)))
            text.Append("\n  the rows before are too few for an autoregression");
        return text.ToString();
    }

    /// <summary>The report as JSON; unknown numbers are null.</summary>
    public JsonObject Json() => new()
    {
        ["rows"] = Count,
        ["from"] = From,
        ["to"] = To,
        ["leftOut"] = LeftOut,
        ["period"] = Period,
        ["forecasts"] = new JsonArray([.. Scores.Select(score => (JsonNode)new JsonObject
        {
            ["name"] = score.Name,
            ["mse"] = Known(score.Mse),
            ["rmse"] = Known(score.Rmse),
            ["mae"] = Known(score.Mae),
            ["mase"] = Known(score.Mase),
            ["rmseOfPersistence"] = Known(score.RmseRatio),
            ["maeOfPersistence"] = Known(score.MaeRatio),
            ["skill"] = Known(score.Skill),
            ["coverage"] = Known(score.Coverage),
        })]),
    };

    private static double? Known(double number) => double.IsFinite(number) ? number : null;

    private static double MeanError(ReadOnlySpan<double> values, double[] forecasts)
    {
        double sum = 0;
        int count = 0;
        for (int row = 0; row < values.Length; row++)
        {
            double error = Math.Abs(values[row] - forecasts[row]);
            if (!double.IsNaN(error))
                (sum, count) = (sum + error, count + 1);
        }

        return count > 0 ? sum / count : double.NaN;
    }

    private static string Number(double number, string format) => double.IsFinite(number) ? number.ToString(format, CultureInfo.InvariantCulture) : "-";
}
