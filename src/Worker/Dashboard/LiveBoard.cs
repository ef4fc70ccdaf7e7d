using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;
using StreamRnn.Detection;
using StreamRnn.Engine.Publish;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Worker.Dashboard;

/// <summary>
/// The latest values of every stream and the anomalies as they come, for a page or a terminal. Written by the publisher, read by any
/// thread; nothing allocates after a stream's first forecast.
/// </summary>
/// <param name="capacity">Streams kept, the first ones; the rest are only counted. Each takes <see cref="BytesPerStream"/>.</param>
internal sealed class LiveBoard(StreamDirectory directory, int capacity) : IForecastSink
{
    /// <summary>Points kept of each stream, for its small curve.</summary>
    public const int CurveLength = 60;

    /// <summary>Anomalies kept.</summary>
    public const int KeptAnomalies = 50;

    private readonly Lock _lock = new();
    private readonly Queue<AnomalyLine> _anomalies = new();
    private StreamLine?[] _lines = new StreamLine?[Math.Min(capacity, 64)];
    private int _shown;
    private long _forecastCount;
    private long _anomalyCount;

    /// <summary>Memory of one stream: its curve, its latest verdict, its place.</summary>
    public static int BytesPerStream => (CurveLength * Unsafe.SizeOf<CurvePoint>()) + Unsafe.SizeOf<Verdict>() + 128;

    public string Name => "board";

    /// <summary>Callback for every anomaly, on the publisher's thread.</summary>
    public Action<AnomalyLine>? AnomalyFound { get; set; }

    public long AnomalyCount => Interlocked.Read(ref _anomalyCount);

    public long ForecastCount => Interlocked.Read(ref _forecastCount);

    public void Write(ReadOnlySpan<Forecast> forecasts)
    {
        lock (_lock)
        {
            foreach (ref readonly Forecast forecast in forecasts)
            {
                if (forecast.Stream < capacity)
                    LineOf(forecast.Stream).Add(forecast.Time, forecast.Value, forecast.Verdict);
                if (forecast.Verdict.Alarm)
                    Note(new AnomalyLine(directory.Name(forecast.Stream), forecast.Time, forecast.Value, forecast.Verdict));
            }
            _forecastCount += forecasts.Length;
        }
    }

    public void Complete()
    {
    }

    /// <summary>Copies the present content, so that drawing blocks no writer.</summary>
    public BoardView Read(BoardQuery query)
    {
        char[] name = ArrayPool<char>.Shared.Rent(StreamDirectory.MaximumNameBytes);
        lock (_lock)
        {
            int matching = 0;
            PriorityQueue<int, (double Rank, int Order)> best = new();
            for (int stream = 0; stream < _lines.Length; stream++)
            {
                if (_lines[stream] is not StreamLine line || !IsNamed(stream, query.Search, name))
                    continue;
                matching++;
                best.Enqueue(stream, (query.BySurprise ? line.RecentSurprise : 0, -stream));
                if (best.Count > query.Top)
                    best.Dequeue();
            }

            StreamRow[] rows = new StreamRow[best.Count];
            for (int i = rows.Length - 1; i >= 0; i--)
            {
                int stream = best.Dequeue();
                rows[i] = _lines[stream]!.Copy(directory.Name(stream));
            }
            ArrayPool<char>.Shared.Return(name);
            return new BoardView(rows, [.. _anomalies], matching, _shown);
        }
    }

    private bool IsNamed(int stream, string search, char[] buffer) =>
        search.Length == 0
        || buffer.AsSpan(0, Encoding.UTF8.GetChars(directory.Utf8Name(stream), buffer)).Contains(search, StringComparison.OrdinalIgnoreCase);

    private StreamLine LineOf(int stream)
    {
        if (stream >= _lines.Length)
            Array.Resize(ref _lines, Math.Min(capacity, Math.Max(stream + 1, _lines.Length * 2)));
        if (_lines[stream] is StreamLine known)
            return known;
        _shown++;
        return _lines[stream] = new StreamLine();
    }

    private void Note(AnomalyLine anomaly)
    {
        _anomalyCount++;
        if (_anomalies.Count == KeptAnomalies)
            _anomalies.Dequeue();
        _anomalies.Enqueue(anomaly);
        AnomalyFound?.Invoke(anomaly);
    }

    /// <summary>One stream, as the publisher left it.</summary>
    private sealed class StreamLine
    {
        // A peak is half forgotten after 14 ticks: an order by the last tick alone would change with each.
        private const double Fading = 0.95;

        private readonly CurvePoint[] _curve = new CurvePoint[CurveLength];
        private long _time;
        private Verdict _verdict;

        public double RecentSurprise { get; private set; }

        public void Add(long time, double value, in Verdict verdict)
        {
            _curve[(int)((verdict.N - 1) % CurveLength)] = new CurvePoint(value, verdict.Forecast, verdict.Alarm);
            (_time, _verdict) = (time, verdict);
            RecentSurprise = Math.Max(verdict.Surprise, RecentSurprise * Fading);
        }

        public StreamRow Copy(string name)
        {
            int count = (int)Math.Min(_verdict.N, CurveLength);
            CurvePoint[] curve = new CurvePoint[count];
            for (int i = 0; i < count; i++)
                curve[i] = _curve[(int)((_verdict.N - count + i) % CurveLength)];
            return new StreamRow(name, _time, curve[^1].Value, _verdict, curve);
        }
    }
}

/// <summary>Query for streams to show.</summary>
/// <param name="Top">At most so many.</param>
/// <param name="Search">Part of the name, in any case; empty for all.</param>
/// <param name="BySurprise">Those with the most recent surprise first, else in order of arrival.</param>
internal sealed record BoardQuery(int Top, string Search = "", bool BySurprise = false);

/// <param name="Matching">Streams that match, shown or not.</param>
/// <param name="Kept">Streams of which there is something to show.</param>
internal sealed record BoardView(IReadOnlyList<StreamRow> Streams, IReadOnlyList<AnomalyLine> Anomalies, int Matching, int Kept);

/// <summary>The latest of one stream.</summary>
/// <param name="Time">Event time, nanoseconds since 1970 UTC.</param>
/// <param name="Curve">The last points, oldest first.</param>
internal sealed record StreamRow(string Name, long Time, double Value, Verdict Verdict, IReadOnlyList<CurvePoint> Curve);

/// <summary>A value beside what was predicted for it; NaN where nothing was.</summary>
internal readonly record struct CurvePoint(double Value, double Forecast, bool Alarm);

/// <summary>One anomaly, with what it is made of.</summary>
internal sealed record AnomalyLine(string Stream, long Time, double Value, Verdict Verdict)
{
    /// <summary>The kind of evidence that weighed most, in nats.</summary>
    public (string Kind, float Nats) Strongest
    {
        get
        {
            Evidence evidence = Verdict.Evidence;
            return new (string, float)[]
            {
                ("level", evidence.Level), ("drift", evidence.Drift), ("shock", evidence.Shock),
                ("season", evidence.Season), ("quiet", evidence.Quiet), ("record", evidence.Record),
            }.MaxBy(channel => channel.Item2);
        }
    }
}
