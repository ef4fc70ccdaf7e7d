namespace StreamRnn.Detection;

/// <summary>
/// All that one stream's scoring remembers, adaptive heads and recurrent state apart. Lives in the stream's state row, so it holds plain
/// numbers only and starts as all zero.
/// </summary>
internal struct Detector
{
    /// <summary>
    /// Where a stream stops ageing: rates, resting times and the -0.5 ln t of the evidence stay as they are from here on, so that a stream
    /// that runs for years stays as alert as in its first weeks.
    /// </summary>
    public const int OldestAge = 30_000;

    /// <summary>Errors from which their quantiles are told.</summary>
    private const int IntervalWarmUp = 20;

    private long _rows, _time;
    private double _forecast, _lower, _upper;
    private float _z, _forecastZ;
    private Normaliser _normaliser;
    private RecordRule _record;
    private AlarmGate _gate;
    private Interval _interval;
    private EvidenceChannels _channels;

    /// <summary>Rows seen before the one being stepped.</summary>
    public readonly long Rows => _rows;

    /// <summary>The time at which the next value is due, if it comes as far behind this one as this one behind the last.</summary>
    public long ExpectedTime { get; private set; }

    /// <summary>Takes in a value.</summary>
    /// <returns>z, its difference to the z before, and the error of the forecast made for it, 0 without one.</returns>
    public (float Z, float Difference, float Error) Observe(long time, double value)
    {
        if (_rows == 0)
            _time = time;
        ExpectedTime = time + Math.Max(time - _time, 0);
        _time = time;

        float before = _z;
        _z = _normaliser.Normalise(Normaliser.Clamp(value), _rows);
        return _rows == 0 ? (_z, 0, 0) : (_z, _z - before, _z - _forecastZ);
    }

    /// <summary>Says how unusual the value just taken in was.</summary>
    public void Judge(double value, float error, float farError, ref Verdict verdict)
    {
        int age = (int)Math.Min(_rows, OldestAge);
        verdict.N = _rows + 1;
        verdict.Forecast = _rows > 0 ? _forecast : double.NaN;
        (verdict.Lower, verdict.Upper) = _rows > IntervalWarmUp ? (_lower, _upper) : (double.NaN, double.NaN);

        if (_rows > 0)
            _interval.Learn(error, _rows - 1);
        _channels.Score(_z, error, farError, Calendar.Slot(_time), age, ref verdict.Evidence);
        verdict.Evidence.Record = 6 * _record.Score(Normaliser.Clamp(value), _rows);

        ref Evidence evidence = ref verdict.Evidence;
        verdict.Surprise = evidence.Level + evidence.Drift + evidence.Shock + evidence.Season + evidence.Quiet + evidence.Record;
        double gated = verdict.Surprise - 0.5 * Elementary.Log(age + 1);
        verdict.Score = _gate.Score(gated, _rows, age, out verdict.Alarm, out verdict.Muted);
    }

    /// <summary>Remembers the forecast of the next value and ends the row.</summary>
    public void Expect(float forecastZ, ref Verdict verdict)
    {
        _forecastZ = forecastZ;
        _forecast = _normaliser.Denormalise(forecastZ);
        _lower = _normaliser.Denormalise(forecastZ + _interval.Low);
        _upper = _normaliser.Denormalise(forecastZ + _interval.High);
        verdict.Next = _forecast;
        _rows++;
    }
}
