using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;

namespace StreamRnn.Detection;

/// <summary>
/// Scoring state of one stream, without adaptive heads and recurrent state. Lies in the stream's state row, so it holds plain numbers only
/// and starts as all zero.
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

    private long _rows, _before, _headsSince, _time;
    private double _forecast, _lower, _upper;
    private float _z, _headZ, _stayZ, _forecastZ;
    private bool _ownInterval;
    private Normaliser _normaliser;
    private RecordRule _record;
    private AlarmGate _gate;
    private Interval _interval;
    private IntervalStretch _stretch;   // of an interval that the model states itself
    private ChangeHead _change;
    private EvidenceChannels _channels;

    /// <summary>Rows seen before the one being stepped.</summary>
    public readonly long Rows => _rows;

    /// <summary>The same, since the adaptive heads began.</summary>
    public readonly long HeadRows => _rows - _headsSince;

    /// <summary>The rows, and those that the stream saw before it began anew.</summary>
    public readonly long Steps => _before + _rows;

    /// <summary>The time at which the next value is due, if it comes as far behind this one as this one behind the last.</summary>
    public long ExpectedTime { get; private set; }

    /// <param name="steps">That the stream has made before.</param>
    public void Initialise(long steps)
    {
        _before = steps;
        _change.Initialise();
        _stretch.Initialise();
    }

    /// <summary>The heads begin anew at this row, behind another network: what was learned of their errors says nothing of the new ones.</summary>
    public void BeginHeads()
    {
        _headsSince = _rows;
        _change.Forget();
        _stretch.Initialise();
        _gate.Rest(_rows);
    }

    /// <summary>Takes in a value.</summary>
    /// <returns>z, its difference to the z before, and the error of the head's forecast for it, 0 without one.</returns>
    public (float Z, float Difference, float Error) Observe(long time, double value)
    {
        if (_rows == 0)
            _time = time;
        ExpectedTime = time + Math.Max(time - _time, 0);
        _time = time;

        float before = _z;
        _z = _normaliser.Normalise(Normaliser.Clamp(value), _rows);
        return _rows == 0 ? (_z, 0, 0) : (_z, _z - before, _z - _headZ);
    }

    /// <summary>Scores how unusual the latest value was.</summary>
    public void Judge(double value, float error, float farError, ref Verdict verdict)
    {
        int age = (int)Math.Min(_rows, OldestAge);
        verdict.N = Steps + 1;
        verdict.Forecast = _rows > 0 ? _forecast : double.NaN;
        (verdict.Lower, verdict.Upper) = _rows > IntervalWarmUp || _ownInterval ? (_lower, _upper) : (double.NaN, double.NaN);

        if (_rows > 0)
        {
            _interval.Learn(_z - _forecastZ, _rows - 1);
            if (_ownInterval)
                _stretch.Learn(value < _lower, value > _upper);
            _change.Learn(_z - _stayZ, _rows - 1);
        }
        _channels.Score(_z, error, farError, Calendar.Slot(_time), age, ref verdict.Evidence);
        verdict.Evidence.Record = 6 * _record.Score(Normaliser.Clamp(value), _rows);

        ref Evidence evidence = ref verdict.Evidence;
        verdict.Surprise = evidence.Level + evidence.Drift + evidence.Shock + evidence.Season + evidence.Quiet + evidence.Record;
        double gated = verdict.Surprise - 0.5 * Elementary.Log(age + 1);
        verdict.Score = _gate.Score(gated, _rows, age, out verdict.Alarm, out verdict.Muted);
    }

    /// <summary>Remembers the forecast of the next value and ends the row.</summary>
    /// <param name="value">The one just taken in.</param>
    /// <param name="headZ">The head's forecast of the next z.</param>
    /// <param name="isTrained">True if the head was trained for it: its forecast is then published unchanged.</param>
    public void Expect(double value, float headZ, bool isTrained, ref Verdict verdict)
    {
        _headZ = headZ;
        _stayZ = _normaliser.ToZ(Normaliser.Clamp(value));
        _forecastZ = isTrained ? headZ : _stayZ + _change.Expect(headZ - _stayZ);

        // z is a float: measured from the last value, a stream that stays is forecast to its last digit.
        double offset = isTrained ? 0 : value - _normaliser.Denormalise(_stayZ);
        _forecast = Normaliser.Finite(_normaliser.Denormalise(_forecastZ) + offset);
        _lower = Normaliser.Finite(_normaliser.Denormalise(_forecastZ + _interval.Low) + offset);
        _upper = Normaliser.Finite(_normaliser.Denormalise(_forecastZ + _interval.High) + offset);
        verdict.Next = _forecast;
        _rows++;
    }

    /// <summary>Remembers a trained model's forecast, which is published as it is, and ends the row.</summary>
    public void Expect(ValueForecast forecast, ref Verdict verdict)
    {
        _headZ = _forecastZ = _normaliser.ToZ(Normaliser.Clamp(forecast.Value));
        _forecast = Normaliser.Finite(forecast.Value);
        _ownInterval = !double.IsNaN(forecast.Lower);
        (_lower, _upper) = _ownInterval
            ? _stretch.Apply(forecast)
            : (_normaliser.Denormalise(_forecastZ + _interval.Low), _normaliser.Denormalise(_forecastZ + _interval.High));
        (_lower, _upper) = (Normaliser.Finite(_lower), Normaliser.Finite(_upper));
        verdict.Next = _forecast;
        _rows++;
    }
}
