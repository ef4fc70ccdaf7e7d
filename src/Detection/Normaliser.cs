using StreamRnn.Cells.Kernels;

namespace StreamRnn.Detection;

/// <summary>
/// Running centre and scale of one stream: z = asinh((x - mean) / scale), where scale is the mean absolute deviation. Near the centre z
/// is linear; a value a million times farther out is only 15 away, so nothing has to be cut off.
/// </summary>
internal struct Normaliser
{
    /// <summary>Rows after which the averages forget exponentially.</summary>
    private const double Memory = 8000;

    /// <summary>Values beyond are clamped to this one, so that no difference or square of scales overflows.</summary>
    private const double Largest = 1e300;

    /// <summary>Rows from which outliers are cut before they are learned.</summary>
    private const int WarmUp = 20;
    private const double OutlierScales = 6;

    /// <summary>
    /// Outliers in a row after which they are none: the stream has moved for good, and its centre and scale start afresh. Without this an old
    /// stream needs 9000 rows to forecast as well as a new one after a step of 30 scales, with it 1500. No recording of the Numenta benchmark
    /// has 200 in a row; with 50 it would lose 0.3 points.
    /// </summary>
    private const int AwayRows = 200;

    private double _mean, _scale;
    private long _start;   // row of the last fresh start
    private int _away;     // outliers in a row

    /// <summary>The value as the detector computes with it.</summary>
    public static double Clamp(double value) => Math.Min(Math.Max(value, -Largest), Largest);

    /// <summary>Normalises a value and then learns from it.</summary>
    /// <param name="value">Clamped.</param>
    /// <param name="row">Rows seen before this one.</param>
    public float Normalise(double value, long row)
    {
        if (row == 0 || _away >= AwayRows)
            (_mean, _scale, _start, _away) = (value, 0, row, 0);
        double deviation = value - _mean;
        double size = Math.Abs(deviation);
        double scale = _scale == 0 ? size : _scale;
        double z = scale <= 1e-12 * Math.Abs(_mean) ? 0 : Elementary.Asinh(Clamp(deviation / scale));

        long age = row - _start;
        bool far = age > WarmUp && _scale > 0 && size > OutlierScales * _scale;
        _away = far ? _away + 1 : 0;
        if (far)
            deviation = Math.CopySign(OutlierScales * _scale, deviation);
        double rate = Math.Max(1.0 / (age + 1), 1 / Memory);
        _mean += rate * deviation;
        _scale += rate * (Math.Abs(deviation) - _scale);
        return (float)z;
    }

    /// <summary>The z of a value by what has been learned so far.</summary>
    /// <param name="value">Clamped.</param>
    public readonly float ToZ(double value)
    {
        double deviation = value - _mean;
        double scale = _scale == 0 ? Math.Abs(deviation) : _scale;
        return scale <= 1e-12 * Math.Abs(_mean) ? 0 : (float)Elementary.Asinh(Clamp(deviation / scale));
    }

    /// <summary>Maps z back to a value; finite for every z.</summary>
    public readonly double Denormalise(double z) => Finite(_mean + _scale * Elementary.Sinh(z));

    /// <summary>The nearest finite value.</summary>
    public static double Finite(double value) => Math.Min(Math.Max(value, -double.MaxValue), double.MaxValue);
}
