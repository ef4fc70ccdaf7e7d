using StreamRnn.Trainer.Evaluation;

namespace StreamRnn.Trainer.Tests;

public class BaselinesTests
{
    private const long Hour = 3_600_000_000_000;

    [Fact]
    public void Persistence_bridges_gaps_and_knows_nothing_of_the_first_rows()
    {
        double[] values = [1, double.NaN, 3, 4, 5];
        Assert.Equal([double.NaN, 1, 1, 3, 4], Baselines.Persistence(values));
        Assert.Equal([double.NaN, double.NaN, double.NaN, 1, 1], Baselines.Persistence(values, horizon: 3));
        Assert.Equal([double.NaN], Baselines.Persistence([7], horizon: 1));
    }

    [Fact]
    public void The_seasonal_naive_forecast_never_uses_a_row_within_the_horizon()
    {
        double[] values = [0, 1, 2, 3, 4, 5, 6, 7];
        Assert.Equal([double.NaN, double.NaN, double.NaN, 0, 1, 2, 3, 4], Baselines.SeasonalNaive(values, period: 3));
        Assert.Equal([double.NaN, double.NaN, double.NaN, double.NaN, double.NaN, double.NaN, 0, 1], Baselines.SeasonalNaive(values, period: 3, horizon: 4));
    }

    [Fact]
    public void An_autoregression_finds_the_weights_a_series_was_made_with()
    {
        double[] values = SecondOrder(5000);
        Autoregression fitted = Autoregression.Fit(values, lags: 2)!;

        // The largest of ten seeds was 0.03 off, as 1/sqrt(5000) suggests.
        Assert.Equal(0.6, fitted.Weights[0], tolerance: 0.05);
        Assert.Equal(0.3, fitted.Weights[1], tolerance: 0.05);
        double[] forecasts = fitted.Forecast(values);
        Assert.Equal(10 + fitted.Weights[0] * (values[98] - 10) + fitted.Weights[1] * (values[97] - 10), forecasts[99], tolerance: 0.2);
    }

    [Fact]
    public void A_forecast_does_not_depend_on_the_rows_it_is_for()
    {
        double[] values = SecondOrder(400);
        Autoregression fitted = Autoregression.Fit(values.AsSpan(0, 200), lags: 8, horizon: 3)!;
        double[] before = fitted.Forecast(values);
        values.AsSpan(300).Fill(1e6);

        Assert.Equal(before[..303], fitted.Forecast(values)[..303]);
        Assert.NotEqual(before[303], fitted.Forecast(values)[303]);
    }

    [Fact]
    public void Few_rows_get_few_lags_and_too_few_none()
    {
        Assert.Equal(9, Autoregression.Fit(SecondOrder(40), lags: 48)!.Lags);
        Assert.Null(Autoregression.Fit([1, 2, 3], lags: 1));
        Assert.Null(Autoregression.Fit([], lags: 1));
    }

    [Fact]
    public void Constant_values_and_gaps_are_forecast_finitely()
    {
        double[] constant = new double[100];
        Array.Fill(constant, 21.5);
        Assert.Equal(21.5, Autoregression.Fit(constant, lags: 4)!.Forecast(constant)[50], precision: 12);

        double[] gaps = SecondOrder(200);
        for (int row = 0; row < gaps.Length; row += 7)
            gaps[row] = double.NaN;
        double[] forecasts = Autoregression.Fit(gaps, lags: 4)!.Forecast(gaps);
        Assert.All(forecasts.Skip(10), forecast => Assert.True(double.IsFinite(forecast)));
    }

    [Theory]
    [InlineData(Hour, 24, 24)]
    [InlineData(Hour, 168, 168)]
    [InlineData(24 * Hour, 7, 7)]
    [InlineData(31 * 24 * Hour, 12, 12)]
    [InlineData(Hour / 3600, 17, 17)]   // no day fits: found in the values
    public void The_period_is_found_from_the_times_or_else_the_values(long step, int period, int expected)
    {
        long[] times = [.. Enumerable.Range(0, 600).Select(row => row * step)];
        double[] values = [.. Enumerable.Range(0, 600).Select(row => Math.Sin(2 * Math.PI * (row % period) / period) + row % period * 0.1)];
        Assert.Equal(expected, SeasonPeriod.Find(times, values));
    }

    [Fact]
    public void A_line_and_a_constant_have_no_season()
    {
        long[] times = [.. Enumerable.Range(0, 300).Select(row => row * 1_000_000_000L)];
        Assert.Equal(0, SeasonPeriod.Find(times, [.. Enumerable.Range(0, 300).Select(row => (double)row)]));
        Assert.Equal(0, SeasonPeriod.Find(times, new double[300]));
        Assert.Equal(0, SeasonPeriod.Find([], []));
    }

    /// <summary>y = 10 + 0.6 (y1 - 10) + 0.3 (y2 - 10) + noise of standard deviation 1, seed 7.</summary>
    private static double[] SecondOrder(int rows)
    {
        Random random = new(7);
        double[] values = new double[rows];
        for (int row = 0; row < rows; row++)
        {
            double noise = Enumerable.Range(0, 12).Sum(_ => random.NextDouble()) - 6;
            values[row] = 10 + noise + (row > 1 ? 0.6 * (values[row - 1] - 10) + 0.3 * (values[row - 2] - 10) : 0);
        }

        return values;
    }
}
