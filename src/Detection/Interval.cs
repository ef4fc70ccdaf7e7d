namespace StreamRnn.Detection;

/// <summary>
/// The 5 % and 95 % quantiles of the one-step error by online conformal tracking (Gibbs and Candes, arXiv:2106.00170, on the quantile
/// itself): a miss widens a side by 19 times what a hit narrows it, so in the long run one row in twenty falls outside on each side,
/// whatever the errors do.
/// </summary>
internal struct Interval
{
    private const float Miss = 0.05f;
    private const float Step = 0.1f;     // of the mean absolute error, per row
    private const float Memory = 200;    // rows of that mean

    private float _low, _high, _size;

    /// <summary>Lower end, relative to the forecast; in z.</summary>
    public readonly float Low => _low;

    /// <summary>Upper end, relative to the forecast; in z.</summary>
    public readonly float High => _high;

    /// <summary>Learns from one error.</summary>
    /// <param name="error">Observed minus forecast, in z.</param>
    /// <param name="errors">Errors seen before this one.</param>
    public void Learn(float error, long errors)
    {
        _size += Math.Max(1f / (errors + 1), 1 / Memory) * (Math.Abs(error) - _size);
        float step = Step * _size;
        _high = Math.Max(_high + step * (error > _high ? 1 - Miss : -Miss), 0);
        _low = Math.Min(_low + step * (error < _low ? Miss - 1 : Miss), 0);
    }
}
