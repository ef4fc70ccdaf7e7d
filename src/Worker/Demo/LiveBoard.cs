using StreamRnn.Detection;
using StreamRnn.Ingest;
using StreamRnn.Worker.Publish;

namespace StreamRnn.Worker.Demo;

/// <summary>
/// What a person watching wants to know: the latest of every stream and the anomalies as they come. Written by the publisher, read by
/// whoever draws.
/// </summary>
public sealed class LiveBoard(StreamDirectory directory) : IForecastSink
{
    /// <summary>Streams shown one by one; the rest are counted.</summary>
    public const int ShownStreams = 24;

    /// <summary>Values kept of a shown stream, for its small curve.</summary>
    public const int CurveLength = 24;

    private const int KeptAnomalies = 10;

    private readonly Lock _lock = new();
    private readonly List<StreamLine> _streams = [];
    private readonly Dictionary<int, StreamLine> _lineOf = [];
    private readonly Queue<AnomalyLine> _anomalies = new();
    private long _forecastCount;
    private long _anomalyCount;

    public string Name => "board";

    /// <summary>Called for every anomaly, on the publisher's thread.</summary>
    public Action<AnomalyLine>? AnomalyFound { get; set; }

    public long AnomalyCount => Interlocked.Read(ref _anomalyCount);

    public long ForecastCount => Interlocked.Read(ref _forecastCount);

    public void Write(ReadOnlySpan<Forecast> forecasts)
    {
        lock (_lock)
        {
            foreach (ref readonly Forecast forecast in forecasts)
            {
                Note(in forecast);
                if (forecast.Verdict.Alarm)
                    Note(new AnomalyLine(directory.Name(forecast.Stream), forecast.Time, forecast.Value, forecast.Verdict));
            }
            _forecastCount += forecasts.Length;
        }
    }

    public void Complete()
    {
    }

    /// <summary>Copies of what there is to show, so that drawing holds nobody up.</summary>
    public (IReadOnlyList<StreamLine> Streams, IReadOnlyList<AnomalyLine> Anomalies) Read()
    {
        lock (_lock)
            return ([.. _streams.Select(line => line.Copy())], [.. _anomalies]);
    }

    private void Note(in Forecast forecast)
    {
        if (!_lineOf.TryGetValue(forecast.Stream, out StreamLine? line))
        {
            if (_streams.Count == ShownStreams)
                return;
            line = new StreamLine(directory.Name(forecast.Stream));
            _lineOf.Add(forecast.Stream, line);
            _streams.Add(line);
        }
        line.Add(forecast.Time, forecast.Value, forecast.Verdict);
    }

    private void Note(AnomalyLine anomaly)
    {
        _anomalyCount++;
        if (_anomalies.Count == KeptAnomalies)
            _anomalies.Dequeue();
        _anomalies.Enqueue(anomaly);
        AnomalyFound?.Invoke(anomaly);
    }
}

/// <summary>The latest of one stream.</summary>
public sealed class StreamLine(string name)
{
    private double[] _curve = new double[LiveBoard.CurveLength];

    public string Name { get; } = name;

    public long Time { get; private set; }

    public double Value { get; private set; }

    public Verdict Verdict { get; private set; }

    /// <summary>The last values, oldest first.</summary>
    public IEnumerable<double> Curve
    {
        get
        {
            int count = (int)Math.Min(Verdict.N, _curve.Length);
            return Enumerable.Range(0, count).Select(i => _curve[(int)((Verdict.N - count + i) % _curve.Length)]);
        }
    }

    internal void Add(long time, double value, in Verdict verdict)
    {
        _curve[(int)((verdict.N - 1) % _curve.Length)] = value;
        (Time, Value, Verdict) = (time, value, verdict);
    }

    internal StreamLine Copy()
    {
        var copy = (StreamLine)MemberwiseClone();
        copy._curve = [.. _curve];
        return copy;
    }
}

/// <summary>One anomaly, with what it is made of.</summary>
public sealed record AnomalyLine(string Stream, long Time, double Value, Verdict Verdict);
