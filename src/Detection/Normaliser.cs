namespace StreamRnn.Detection;

/// <summary>
/// Running centre and scale of one stream: z = asinh((x - mean) / scale), where scale is the mean absolute deviation. Near the centre z
/// is linear; a value a million times farther out is only 15 away, so nothing has to be cut off.
/// </summary>
internal struct Normaliser
{
    /// <summary>Rows after which the averages forget exponentially.</summary>
    private const double Memory = 8000;

    /// <summary>Values beyond are taken for this one, so that no difference or square of scales overflows.</summary>
    private const double Largest = 1e300;

    private double _mean;
    private double _scale;

    /// <summary>The value as the detector computes with it.</summary>
    public static double Clamp(double value) => Math.Min(Math.Max(value, -Largest), Largest);

    /// <summary>Normalises a value and then learns from it.</summary>
    /// <param name="value">Clamped.</param>
    /// <param name="row">Rows seen before this one.</param>
    public float Normalise(double value, long row)
    {
        if (row == 0)
            _mean = value;
        double deviation = value - _mean;
        double size = Math.Abs(deviation);
        double scale = _scale == 0 ? size : _scale;
        double z = scale <= 1e-12 * Math.Abs(_mean) ? 0 : Elementary.Asinh(Clamp(deviation / scale));

        if (row > 20 && _scale > 0)
            deviation = Math.Min(Math.Max(deviation, -6 * _scale), 6 * _scale);
        double rate = Math.Max(1.0 / (row + 1), 1 / Memory);
        _mean += rate * deviation;
        _scale += rate * (Math.Abs(deviation) - _scale);
        return (float)z;
    }

    /// <summary>From z back to a value; finite for every z.</summary>
    public readonly double Denormalise(double z) =>
        Math.Min(Math.Max(_mean + _scale * Elementary.Sinh(z), -double.MaxValue), double.MaxValue);
}
