using System.Diagnostics;
using System.Diagnostics.Metrics;
using StreamRnn.Ingest.Faults;

namespace StreamRnn.Engine.Telemetry;

/// <summary>
/// All counters and measurements of the worker, in one meter. Methods are named after events and take counts, so that a loop calls once per
/// batch; none allocates. Tags are few and bounded: shard, reason, sink, link; never a stream, a topic or a message.
/// </summary>
/// <remarks>
/// The sums close: received = stepped + waiting in the shards + held + late + repeated, those held at the start taken for received, stepped = published + dropped + waiting for the sinks, per sink. A tick
/// refused for another reason is not a received one. Links and broker have sums of their own, see there.
/// </remarks>
public sealed partial class WorkerMetrics : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string Name = "StreamRnn.Worker";

    // A step takes microseconds, a wait in a queue microseconds to seconds, and both tails matter.
    private static readonly double[] StepSeconds =
        [1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 5e-2, 0.1];
    private static readonly double[] LatencySeconds =
        [1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];

    private static readonly KeyValuePair<string, object?>[] Reasons = ReasonsOf<TickFault>();

    private readonly Meter _meter;
    private readonly bool _ownsMeter;
    private readonly Counter<long> _stepped;
    private readonly Counter<long> _published;
    private readonly Counter<long> _dropped;
    private readonly Counter<long> _anomalies;
    private readonly Counter<long> _connects;
    private readonly Counter<long> _recordingLost;
    private readonly Counter<long> _recordingLate;
    private readonly Histogram<double> _step;
    private readonly Histogram<double> _queueWait;
    private readonly Histogram<double> _latency;

    // Boxed once: a tag with an int would allocate at every call.
    private KeyValuePair<string, object?>[] _shards = [];

    /// <summary>Metrics for a process that has no service provider: a replay, a benchmark, a test.</summary>
    public WorkerMetrics() : this(new Meter(Name)) => _ownsMeter = true;

    public WorkerMetrics(IMeterFactory factory) : this(factory.Create(Name))
    {
    }

    private WorkerMetrics(Meter meter)
    {
        _meter = meter;
        _stepped = meter.CreateCounter<long>("streamrnn.ticks.stepped", "{tick}", "Ticks stepped, by shard.");
        _published = meter.CreateCounter<long>("streamrnn.forecasts.published", "{forecast}", "Forecasts handed over, by sink.");
        _dropped = meter.CreateCounter<long>("streamrnn.forecasts.dropped", "{forecast}", "Forecasts given up, by sink and reason.");
        _anomalies = meter.CreateCounter<long>("streamrnn.anomalies", "{anomaly}", "Forecasts whose score crossed the alarm line.");
        _connects = meter.CreateCounter<long>("streamrnn.connects", "{connect}", "Connections made, by link; a steady rise is a broken link.");
        _recordingLost = meter.CreateCounter<long>("streamrnn.recording.lost", "{tick}", "Ticks that the recording lacks because its disk could not be written.");
        _recordingLate = meter.CreateCounter<long>("streamrnn.recording.late", "{recording}", "Recordings that could not begin with a stream's first tick.");
        _step = meter.CreateHistogram("streamrnn.step.duration", "s", "Time to step one micro-batch, by shard.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = StepSeconds });
        _queueWait = meter.CreateHistogram("streamrnn.queue.wait", "s",
            "From the arrival of a packet until a shard takes the tick, one tick of each taking.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = LatencySeconds });
        _latency = meter.CreateHistogram("streamrnn.forecast.latency", "s",
            "From the arrival of a packet until its forecast is handed to the sinks.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = LatencySeconds });
    }

    /// <summary>True if there is a listener for durations; without one no stamp is taken.</summary>
    public bool MeasuresTime => _latency.Enabled || _step.Enabled || _queueWait.Enabled;

    /// <summary>A stopwatch stamp for the methods below, or 0 where nobody listens.</summary>
    public long Stamp() => MeasuresTime ? Stopwatch.GetTimestamp() : 0;

    /// <summary>A shard took ticks off its queue.</summary>
    /// <param name="oldestReceivedAt">Stamp of the first of them; 0 where none was taken.</param>
    public void TicksTaken(int shard, long oldestReceivedAt)
    {
        if (oldestReceivedAt != 0)
            _queueWait.Record(Stopwatch.GetElapsedTime(oldestReceivedAt).TotalSeconds, Shard(shard));
    }

    /// <summary>A shard stepped a micro-batch.</summary>
    /// <param name="startedAt">From <see cref="Stamp"/> before the step.</param>
    public void StepCompleted(int shard, int ticks, long startedAt)
    {
        _stepped.Add(ticks, Shard(shard));
        if (startedAt != 0)
            _step.Record(Stopwatch.GetElapsedTime(startedAt).TotalSeconds, Shard(shard));
    }

    /// <summary>Forecasts were handed to a sink.</summary>
    public void ForecastsPublished(string sink, int count) => _published.Add(count, Tag("sink", sink));

    /// <summary>Forecasts were given up.</summary>
    /// <param name="sink">A fixed name; <c>queue</c> where it never got as far as a sink.</param>
    /// <param name="reason">A fixed name in snake case.</param>
    public void ForecastsDropped(string sink, string reason, int count) => _dropped.Add(count, Tag("sink", sink), Tag("reason", reason));

    /// <summary>One forecast has been handed to the sinks.</summary>
    /// <param name="receivedAt">Stamp of its packet's arrival; 0 where none was taken.</param>
    public void ForecastReady(long receivedAt)
    {
        if (receivedAt != 0)
            _latency.Record(Stopwatch.GetElapsedTime(receivedAt).TotalSeconds);
    }

    /// <summary>Scores crossed the alarm line.</summary>
    public void AnomaliesFound(int count) => _anomalies.Add(count);

    /// <summary>Ticks could not be recorded.</summary>
    public void RecordingLost(long ticks) => _recordingLost.Add(ticks);

    /// <summary>Recordings were begun in the middle of a stream.</summary>
    public void RecordingsBegunLate(int count) => _recordingLate.Add(count);

    /// <summary>A link to a broker was made or made again.</summary>
    public void Connected(string link) => _connects.Add(1, Tag("link", link));

    /// <summary>Shows what the intake has counted itself.</summary>
    /// <param name="received">Ticks decoded, checked and handed to a shard.</param>
    /// <param name="refused">Ticks refused for a reason; a packet without one readable tick counts as one.</param>
    public void ObserveIntake(Func<long> received, Func<TickFault, long> refused)
    {
        _meter.CreateObservableCounter("streamrnn.ticks.received", received, "{tick}", "Ticks taken in: decoded, checked and handed to a shard.");
        _meter.CreateObservableCounter("streamrnn.ticks.refused",
            () => Enum.GetValues<TickFault>().Skip(1).Select(fault => new Measurement<long>(refused(fault), Reasons[(int)fault])),
            "{tick}", "Ticks that were refused, by reason; a packet without one readable tick counts as one.");
    }

    /// <summary>Shows what is written to the data directory.</summary>
    /// <param name="logBytes">Bytes written to the input log.</param>
    /// <param name="commits">Frames written to it and flushed.</param>
    /// <param name="isFull">Whether the disk is full and intake stands still.</param>
    /// <param name="snapshots">Snapshots written, their bytes, and those given up.</param>
    public void ObserveDurability(Func<long> logBytes, Func<long> commits, Func<bool> isFull, (Func<long> Written, Func<long> Bytes, Func<long> Failed) snapshots)
    {
        _meter.CreateObservableCounter("streamrnn.log.written", logBytes, "By", "Bytes written to the input log.");
        _meter.CreateObservableCounter("streamrnn.log.commits", commits, "{commit}", "Frames written to the input log and flushed to the disk.");
        _meter.CreateObservableGauge("streamrnn.log.full", () => isFull() ? 1 : 0, "{disk}", "1 while the disk of the data directory is full and intake stands still, else 0.");
        _meter.CreateObservableCounter("streamrnn.snapshots.written", snapshots.Written, "{snapshot}", "Snapshots of the states written.");
        _meter.CreateObservableCounter("streamrnn.snapshots.size", snapshots.Bytes, "By", "Bytes written to snapshots.");
        _meter.CreateObservableCounter("streamrnn.snapshots.failed", snapshots.Failed, "{snapshot}", "Snapshots given up: the log is kept and the next one is tried.");
    }

    /// <summary>Shows how many streams have their state in memory and on the disk, and how many rows have gone and come back.</summary>
    /// <param name="inMemory">Streams whose state is in memory.</param>
    /// <param name="streams">Streams in all.</param>
    /// <param name="evicted">States moved to the disk, and their bytes.</param>
    /// <param name="returned">States that came back, and their bytes.</param>
    public void ObserveColdRows(
        Func<int> inMemory, Func<int> streams, (Func<long> Rows, Func<long> Bytes) evicted, (Func<long> Rows, Func<long> Bytes) returned)
    {
        _meter.CreateObservableGauge("streamrnn.streams.in_memory", inMemory, "{stream}", "Streams whose state is in memory.");
        _meter.CreateObservableGauge("streamrnn.streams.on_disk", () => streams() - inMemory(), "{stream}", "Idle streams whose state is on the disk until their next tick.");
        _meter.CreateObservableCounter("streamrnn.rows.evicted", evicted.Rows, "{row}", "States moved to the disk because others were needed in memory.");
        _meter.CreateObservableCounter("streamrnn.rows.evicted.size", evicted.Bytes, "By", "Bytes of states moved to the disk.");
        _meter.CreateObservableCounter("streamrnn.rows.returned", returned.Rows, "{row}", "States that came back from the disk for a tick.");
        _meter.CreateObservableCounter("streamrnn.rows.returned.size", returned.Bytes, "By", "Bytes of states that came back from the disk.");
    }

    /// <summary>Shows packets that were recognised as repeats.</summary>
    public void ObserveRepeats(Func<long> packets) =>
        _meter.CreateObservableCounter("streamrnn.packets.repeated", packets, "{packet}", "Packets that had been taken in before: acknowledged again, not stepped again.");

    /// <summary>Shows what rules hold back.</summary>
    /// <param name="held">Ticks that wait for older ones.</param>
    /// <param name="early">Ticks that could not wait as long as they should have.</param>
    public void ObserveHeld(Func<long> held, Func<long> early)
    {
        _meter.CreateObservableGauge("streamrnn.ticks.held", held, "{tick}", "Ticks held until older ones cannot come any more.");
        _meter.CreateObservableCounter("streamrnn.ticks.released_early", early, "{tick}", "Ticks held and stepped before their bound had passed, because LateCapacity was reached.");
    }

    /// <summary>Shows how many streams there are.</summary>
    public void ObserveStreams(Func<int> count) =>
        _meter.CreateObservableGauge("streamrnn.streams", count, "{stream}", "Streams that have been seen.");

    /// <summary>Shows the bytes of state held for the streams.</summary>
    public void ObserveState(Func<long> bytes) =>
        _meter.CreateObservableGauge("streamrnn.state.size", bytes, "By", "Memory of the streams' states.");

    /// <summary>Shows how many ticks wait for each shard.</summary>
    /// <param name="depths">One per shard, in order.</param>
    public void ObserveQueues(IReadOnlyList<Func<int>> depths)
    {
        _shards = [.. Enumerable.Range(0, depths.Count).Select(shard => Tag("shard", shard))];
        _meter.CreateObservableGauge("streamrnn.queue.depth",
            () => depths.Select((depth, shard) => new Measurement<int>(depth(), Shard(shard))), "{tick}", "Ticks that wait, by shard.");
    }

    /// <summary>Shows whether a link to a broker stands.</summary>
    public void ObserveConnection(string link, Func<bool> connected) =>
        _meter.CreateObservableGauge("streamrnn.connection.state", () => new Measurement<int>(connected() ? 1 : 0, Tag("link", link)),
            "{connection}", "1 while the link stands and its subscriptions are acknowledged, else 0.");

    // A meter from a factory is the factory's to dispose.
    public void Dispose()
    {
        if (_ownsMeter)
            _meter.Dispose();
    }

    private static KeyValuePair<string, object?> Tag(string key, object value) => new(key, value);

    private KeyValuePair<string, object?> Shard(int shard) => shard < _shards.Length ? _shards[shard] : Tag("shard", shard);
}
