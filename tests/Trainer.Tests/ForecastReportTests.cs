using StreamRnn.Trainer.Evaluation;

namespace StreamRnn.Trainer.Tests;

public class ForecastReportTests
{
    private static readonly double[] Values = [.. Enumerable.Range(0, 100).Select(row => Math.Sin(row / 3.0) + row % 5)];
    private static readonly long[] Times = [.. Enumerable.Range(0, 100).Select(row => row * 1_000_000_000L)];

    [Fact]
    public void Every_forecast_is_scored_on_the_rows_that_all_of_them_have()
    {
        double[] forecasts = [.. Values];
        (forecasts[60], forecasts[61]) = (double.NaN, double.NaN);
        double[] values = [.. Values];
        values[70] = double.NaN;

        ForecastReport report = ForecastReport.Of(Times, values, [new SeriesForecast("truth", forecasts)], new ReportOptions { From = 50, To = 90, Period = 5, Lags = 4 });

        Assert.Equal(["truth", "persistence", "seasonal naive (5)", "AR(4)"], report.Scores.Select(score => score.Name));
        Assert.All(report.Scores, score => Assert.Equal(37, score.Count));
        Assert.Equal((50, 90, 3), (report.From, report.To, report.LeftOut));
        Assert.Equal((0.0, 1.0), (report.Scores[0].Rmse, report.Scores[0].Skill));
        Assert.Equal((0.0, 1.0), (report.Scores[1].Skill, report.Scores[1].RmseRatio));
        double expected = Enumerable.Range(1, 49).Average(row => Math.Abs(Values[row] - Values[row - 1]));
        Assert.Equal(expected, report.Scores[0].Scale, precision: 12);
    }

    [Fact]
    public void Nothing_is_learned_from_the_rows_that_are_scored()
    {
        double[] changed = [.. Values];
        changed[99] = 1e9;
        ReportOptions options = new() { From = 50, To = 99 };

        Assert.Equal(ForecastReport.Of(Times, Values, [], options).Text("a"), ForecastReport.Of(Times, changed, [], options).Text("a"));
    }

    [Fact]
    public void Without_rows_before_the_scored_ones_there_is_persistence_alone_and_no_scale()
    {
        ForecastReport report = ForecastReport.Of(Times, Values, [], new ReportOptions());
        Assert.Equal("persistence", Assert.Single(report.Scores).Name);
        Assert.True(double.IsNaN(report.Scores[0].Mase));
        Assert.Null((double?)report.Json()["forecasts"]![0]!["mase"]);
    }

    [Fact]
    public void A_value_that_never_changes_has_no_skill_and_no_infinity()
    {
        double[] constant = new double[100];
        ForecastReport report = ForecastReport.Of(Times, constant, [], new ReportOptions { From = 50 });
        Assert.Null((double?)report.Json()["forecasts"]![0]!["skill"]);
        Assert.DoesNotContain("NaN", report.Text("constant"));
        Assert.DoesNotContain("∞", report.Text("constant"));
    }
}
