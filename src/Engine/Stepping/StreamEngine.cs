using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Intake;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Stepping;

/// <summary>
/// The shards and the publisher behind them. A stream belongs to shard <c>stream % shards</c>: one stream, one shard, one order. What has
/// been accepted is stepped or still queued, or its stream's rule holds it, or drops it and says so; every stepped tick gives one forecast.
/// </summary>
public sealed class StreamEngine
{
    private readonly Shard[] _shards;
    private readonly Publisher _publisher;

    public StreamEngine(StreamModels models, EngineCapacity capacity, WorkerMetrics metrics, params IReadOnlyList<IForecastSink> sinks)
        : this(models, capacity, metrics, traces: null, NoLog.Instance, publishAfter: -1, sinks)
    {
    }

    /// <param name="traces">Receives the steps of traced ticks; null where no tick is traced.</param>
    /// <param name="log">Says what is durable; nothing leaves before.</param>
    /// <param name="publishAfter">Outputs up to this position of the log have been published by an earlier run; -1 where there was none.</param>
    public StreamEngine(StreamModels models, EngineCapacity capacity, WorkerMetrics metrics, TickTraces? traces, ITickLog log, long publishAfter,
        params IReadOnlyList<IForecastSink> sinks)
    {
        Models = models;
        Forecasts = new ForecastQueue(capacity.Forecasts, capacity.Shards, capacity.WhenFull, metrics, log);
        _publisher = new Publisher(Forecasts, metrics, log, publishAfter, sinks);
        Rows = new RowExchange(capacity.Shards);
        _shards = [.. Enumerable.Range(0, capacity.Shards).Select(index => new Shard(index, capacity, models, Forecasts, _publisher, Rows, metrics, traces,
            keepsHeld: log.IsKept))];
        Inboxes = [.. _shards.Select(shard => shard.Ticks)];

        metrics.ObserveQueues([.. Inboxes.Select(inbox => (Func<int>)(() => inbox.Count))]);
        metrics.ObserveState(() => StateBytes);
    }

    public StreamModels Models { get; }

    /// <summary>The ways into the shards: that of a stream is <c>stream % Count</c>.</summary>
    public IReadOnlyList<TickInbox> Inboxes { get; }

    public ForecastQueue Forecasts { get; }

    /// <summary>Ticks stepped so far.</summary>
    public long Stepped => _shards.Sum(shard => shard.Stepped);

    /// <summary>Ticks that are held until older ones cannot come any more; a moment's value.</summary>
    public long Held => _shards.Sum(shard => shard.Held);

    /// <summary>Ticks that were held and stepped early, for want of room.</summary>
    public long ReleasedEarly => _shards.Sum(shard => shard.ReleasedEarly);

    /// <summary>Callback for each tick that a rule drops, on the shards' threads. Set before the start.</summary>
    public DropReport? Dropped
    {
        get => _shards[0].Dropped;
        set
        {
            foreach (Shard shard in _shards)
                shard.Dropped = value;
        }
    }

    /// <summary>Forecasts handed to the sinks so far.</summary>
    public long Published => _publisher.Published;

    /// <summary>Streams that have a state; a moment's value.</summary>
    public int StreamCount => _shards.Sum(shard => shard.StreamCount);

    /// <summary>Streams whose state is in memory; a momentary value.</summary>
    public int InMemoryCount => _shards.Sum(shard => shard.InMemoryCount);

    /// <summary>Bytes that saving every state would write; a moment's value.</summary>
    internal long RowBytes => _shards.Sum(shard => shard.RowBytes);

    /// <summary>Bytes the next incremental snapshot will write; a momentary value.</summary>
    internal long ChangedRowBytes => _shards.Sum(shard => shard.ChangedRowBytes);

    /// <summary>Bytes of state held in memory; a moment's value.</summary>
    public long StateBytes => _shards.Sum(shard => shard.StateBytes);

    /// <summary>Receives the position of a barrier when every output of the ticks before it has been handed to the sinks.</summary>
    public Action<long>? BarrierReached
    {
        get => _publisher.BarrierReached;
        set => _publisher.BarrierReached = value;
    }

    /// <summary>Average time that a shard has spent stepping so far.</summary>
    public TimeSpan Busy => _shards.Aggregate(TimeSpan.Zero, (sum, shard) => sum + shard.Busy) / _shards.Length;

    /// <summary>Hand-over of the states to be saved.</summary>
    internal RowExchange Rows { get; }

    /// <summary>Restores a stream's state, before the start.</summary>
    /// <param name="kind">Index into the kinds of <see cref="Models"/>.</param>
    /// <param name="row">As it was saved.</param>
    public void Restore(int stream, int kind, ReadOnlySpan<float> row) => _shards[stream % _shards.Length].Restore(stream, kind, row);

    public void Start()
    {
        _publisher.Start();
        foreach (Shard shard in _shards)
            shard.Start();
    }

    /// <summary>Ends intake and waits until every accepted tick has been stepped and its forecast handed to the sinks.</summary>
    public void Drain()
    {
        foreach (Shard shard in _shards)
            shard.Ticks.Complete();
        foreach (Shard shard in _shards)
            shard.Join();
        _publisher.Join();
    }
}

/// <summary>Capacity of the engine, and its policy when full.</summary>
/// <param name="Shards">Loops, each with a thread of its own.</param>
/// <param name="Ticks">Ticks that may wait for one shard. More rides out longer bursts and makes the oldest forecast later.</param>
/// <param name="Forecasts">Forecasts that may wait for the sinks.</param>
public sealed record EngineCapacity(int Shards, int Ticks = 4096, int Forecasts = 16_384, WhenFull WhenFull = WhenFull.Wait)
{
    /// <summary>Store of the states beyond the memory bound; null without a bound.</summary>
    public ColdStore? Cold { get; init; }
}
