using StreamRnn.Ingest;
using StreamRnn.Worker.Publish;

namespace StreamRnn.Worker.Engine;

/// <summary>
/// The shards and the publisher behind them. A stream belongs to shard <c>stream % shards</c>: one stream, one shard, one order. What has
/// been accepted is stepped or still queued, and every stepped tick gives one forecast.
/// </summary>
public sealed class StreamEngine
{
    private readonly Shard[] _shards;
    private readonly Publisher _publisher;

    /// <param name="queueCapacity">Ticks one shard may hold.</param>
    /// <param name="publishCapacity">Forecasts that may wait for the sinks.</param>
    public StreamEngine(ModelMap models, int shards, int queueCapacity, int publishCapacity, WhenFull whenFull,
        params IReadOnlyList<IForecastSink> sinks)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(shards);
        Models = models;
        Forecasts = new ForecastQueue(publishCapacity, shards, whenFull);
        _publisher = new Publisher(Forecasts, sinks);
        _shards = [.. Enumerable.Range(0, shards).Select(index => new Shard(index, shards, queueCapacity, models, Forecasts))];
        Queues = [.. _shards.Select(shard => shard.Ticks)];
    }

    public ModelMap Models { get; }

    /// <summary>Where ticks go in: a stream's queue is <c>stream % Count</c>.</summary>
    public IReadOnlyList<TickQueue> Queues { get; }

    public ForecastQueue Forecasts { get; }

    /// <summary>Ticks stepped so far.</summary>
    public long Stepped => _shards.Sum(shard => shard.Stepped);

    /// <summary>Forecasts handed to the sinks so far.</summary>
    public long Published => _publisher.Published;

    /// <summary>Streams that have a state; a moment's value.</summary>
    public int StreamCount => _shards.Sum(shard => shard.StreamCount);

    /// <summary>Bytes of state held; a moment's value.</summary>
    public long StateBytes => _shards.Sum(shard => shard.StateBytes);

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
