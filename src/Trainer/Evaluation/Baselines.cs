namespace StreamRnn.Trainer.Evaluation;

/// <summary>
/// Forecasts that need no model. Entry t of a result is the forecast of row t made from the rows up to t - horizon; NaN where nothing is
/// known yet. A gap (NaN) in the values is bridged by the last value before it.
/// </summary>
internal static class Baselines
{
    /// <summary>The value stays as it is.</summary>
    public static double[] Persistence(ReadOnlySpan<double> values, int horizon = 1) => Shifted(values, horizon);

    /// <summary>The value is what it was in the same place of the last whole season.</summary>
    /// <param name="period">Rows of a season.</param>
    public static double[] SeasonalNaive(ReadOnlySpan<double> values, int period, int horizon = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(period);
        return Shifted(values, (horizon + period - 1) / period * period);
    }

    /// <summary>The values with every gap filled by the last value before it; NaN before the first.</summary>
    internal static double[] Bridge(ReadOnlySpan<double> values)
    {
        double[] bridged = values.ToArray();
        for (int row = 1; row < bridged.Length; row++)
        {
            if (double.IsNaN(bridged[row]))
                bridged[row] = bridged[row - 1];
        }

        return bridged;
    }

    private static double[] Shifted(ReadOnlySpan<double> values, int rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        double[] forecasts = new double[values.Length];
        Array.Fill(forecasts, double.NaN);
        if (rows < values.Length)
            Bridge(values[..^rows]).CopyTo(forecasts, rows);
        return forecasts;
    }
}
