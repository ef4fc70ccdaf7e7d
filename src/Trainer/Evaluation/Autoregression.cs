using StreamRnn.Trainer.Fit;

namespace StreamRnn.Trainer.Evaluation;

/// <summary>
/// The linear forecast of a value from the ones before it, fitted once by ridge regression on the rows it is given:
///   (y_t - m) / s = b + sum over i of w_i (y_(t - horizon - i) - m) / s, with mean m and standard deviation s of those rows.
/// A gap (NaN) is bridged by the last value before it where it is a lag, and is never a target.
/// </summary>
internal sealed class Autoregression
{
    /// <summary>
    /// Weight of the squared weights beside the sum of squared errors, in units of the standardised values. Enough to keep two lags that say
    /// the same apart, too little to bias a fit on a hundred rows.
    /// </summary>
    private const double Ridge = 0.1;

    /// <summary>Training rows a weight needs at least; fewer weights are fitted where there are not so many.</summary>
    private const int RowsPerWeight = 4;

    private readonly double _mean, _scale, _bias;
    private readonly double[] _weights;

    private Autoregression(double mean, double scale, double[] solution, int horizon)
    {
        (_mean, _scale, _bias, Horizon) = (mean, scale, solution[^1], horizon);
        _weights = solution[..^1];
    }

    /// <summary>Values each forecast is made from.</summary>
    public int Lags => _weights.Length;

    /// <summary>Rows from the last known value to the forecast one.</summary>
    public int Horizon { get; }

    /// <summary>Weights on values less their mean, the newest lag first.</summary>
    public IReadOnlyList<double> Weights => _weights;

    /// <summary>Fits the weights.</summary>
    /// <param name="training">Values to learn from, in order; rows to be scored must not be among them.</param>
    /// <param name="lags">Number of lags wanted; at most a quarter of the training rows is taken.</param>
    /// <returns>Null where the rows are too few for one lag.</returns>
    public static Autoregression? Fit(ReadOnlySpan<double> training, int lags, int horizon = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(lags);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(horizon);
        int known = training.Length - training.Count(double.NaN);
        lags = Math.Min(lags, (known - horizon) / RowsPerWeight);
        if (lags < 1)
            return null;

        (double mean, double scale) = Moments(training, known);
        double[] bridged = Baselines.Bridge(training);
        double[] features = new double[lags + 1];
        double[] gram = new double[features.Length * features.Length];
        double[] moments = new double[features.Length];
        int targets = 0;
        for (int row = lags + horizon - 1; row < training.Length; row++)
        {
            if (double.IsNaN(training[row]) || double.IsNaN(bridged[row - horizon - lags + 1]))
                continue;
            targets++;
            for (int lag = 0; lag < lags; lag++)
                features[lag] = (bridged[row - horizon - lag] - mean) / scale;
            features[lags] = 1;
            Accumulate(features, (training[row] - mean) / scale, gram, moments);
        }

        if (targets < lags)
            return null;
        for (int lag = 0; lag < lags; lag++)
            gram[lag * features.Length + lag] += Ridge;
        Cholesky.Solve(gram, moments);
        return new Autoregression(mean, scale, moments, horizon);
    }

    /// <summary>Entry t is the forecast of row t from the rows up to t - horizon; NaN where they are too few.</summary>
    public double[] Forecast(ReadOnlySpan<double> values)
    {
        double[] bridged = Baselines.Bridge(values);
        double[] forecasts = new double[values.Length];
        Array.Fill(forecasts, double.NaN);
        for (int row = Lags + Horizon - 1; row < forecasts.Length; row++)
        {
            double sum = _bias;
            for (int lag = 0; lag < Lags; lag++)
                sum += _weights[lag] * ((bridged[row - Horizon - lag] - _mean) / _scale);
            forecasts[row] = _mean + _scale * sum;
        }

        return forecasts;
    }

    private static (double Mean, double Scale) Moments(ReadOnlySpan<double> training, int known)
    {
        double mean = 0, squared = 0;
        foreach (double value in training)
            mean += double.IsNaN(value) ? 0 : value / known;
        foreach (double value in training)
            squared += double.IsNaN(value) ? 0 : (value - mean) * (value - mean) / known;
        return (mean, squared > 0 ? Math.Sqrt(squared) : 1);
    }

    /// <summary>Adds one row to the lower triangle of X'X and to X'y.</summary>
    private static void Accumulate(double[] features, double target, double[] gram, double[] moments)
    {
        for (int i = 0; i < features.Length; i++)
        {
            double feature = features[i];
            Span<double> row = gram.AsSpan(i * features.Length, i + 1);
            for (int j = 0; j < row.Length; j++)
                row[j] += feature * features[j];
            moments[i] += feature * target;
        }
    }
}
