namespace StreamRnn.Detection;

/// <summary>
/// Deviation of the mean of the last few values: its z-score against the mean and variance of that same window mean over the whole history.
/// Slow departures that no single value shows add up here.
/// </summary>
internal struct WindowMean
{
    /// <summary>Rows from which outliers among the window means are cut to <see cref="OutlierSigmas"/> before they are learned.</summary>
    private const int WarmUp = 50;
    private const float OutlierSigmas = 4;
    private const float FlatSigma = 1e-9f;

    private double _sum;   // of the window; in double a million rows of adding and subtracting leave no trace
    private float _mean, _variance;
    private int _next;

    /// <summary>Takes in a value, then the z-score of the window mean; 0 while that mean has never moved.</summary>
    /// <param name="window">The last values, as a ring; all zero at the start.</param>
    /// <param name="age">Rows seen before this one, capped.</param>
    public float Score(float value, Span<float> window, int age)
    {
        ref float oldest = ref window[_next];
        _sum += (double)value - oldest;
        oldest = value;
        _next = _next + 1 == window.Length ? 0 : _next + 1;

        float windowMean = (float)_sum / Math.Min(age + 1, window.Length);
        float deviation = windowMean - _mean;
        float sigma = MathF.Sqrt(_variance);
        if (age >= WarmUp && sigma >= FlatSigma)
            deviation = Math.Min(Math.Max(deviation, -OutlierSigmas * sigma), OutlierSigmas * sigma);
        float rate = 1f / (age + 1);
        _mean += rate * deviation;
        _variance = (1 - rate) * (_variance + rate * deviation * deviation);

        sigma = MathF.Sqrt(_variance);
        return sigma < FlatSigma ? 0 : (windowMean - _mean) / sigma;
    }
}
