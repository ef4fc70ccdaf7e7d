using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Intake;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Engine.Publish;

/// <summary>
/// Behind the shards: takes block after block, gives it to every sink, then tells the sources. Outputs and acknowledgements leave
/// together, and only here. It has a thread of its own; but while nothing waits, a shard that has nothing else to do publishes itself,
/// which saves a wake-up for every tick of a quiet stream. Nothing leaves before its ticks are durable, and it is the publisher that waits
/// for that, never a shard.
/// </summary>
/// <param name="publishAfter">Outputs up to this position of the log have been published by an earlier run.</param>
internal sealed class Publisher(
    ForecastQueue queue, WorkerMetrics metrics, ITickLog log, long publishAfter, params IReadOnlyList<IForecastSink> sinks)
{
    private readonly IForecastSink[] _sinks = [.. sinks];
    private readonly Lock _publishing = new();
    private readonly List<PacketLedger> _due = [];   // under the lock
    private Thread? _thread;
    private long _published;
    private int _barrierShards;
    private IForecastSink? _ended;   // under the lock

    /// <summary>Forecasts handed to the sinks so far.</summary>
    public long Published => Volatile.Read(ref _published);

    /// <summary>
    /// Told where the journal was cut when every output of what lies before has been handed to the sinks. Called by the publisher's thread.
    /// </summary>
    public Action<long>? BarrierReached { get; set; }

    public void Start()
    {
        _thread = new Thread(Run) { Name = "publisher", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Waits until the shards have finished and the last forecast has been handed over.</summary>
    public void Join() => _thread?.Join();

    /// <summary>Publishes a shard's block on the shard's thread and empties it, if that may wait and neither overtakes nor holds up another.</summary>
    public bool TryPublish(ForecastBlock block)
    {
        if (!queue.MayWait || block.LastPosition > log.DurablePosition || !_publishing.TryEnter())
            return false;
        try
        {
            if (queue.Count > 0)
                return false;
            Publish(block);
            block.Clear();
            return true;
        }
        finally
        {
            _publishing.Exit();
        }
    }

    private void Run()
    {
        while (queue.WaitToTake())
        {
            ForecastBlock block;
            lock (_publishing)   // before it is taken: a shard that finds nothing waiting must not overtake this block
            {
                block = queue.Take();
                Publish(block);
                if (_ended is null && block.Barrier > 0 && ++_barrierShards == queue.Producers)
                {
                    _barrierShards = 0;
                    BarrierReached?.Invoke(block.Barrier);
                }
            }
            queue.Return(block);
        }

        foreach (IForecastSink sink in _sinks.Where(sink => sink != _ended))
            sink.Complete();
    }

    /// <summary>
    /// Hands a block to the sinks and tells its sources. After a sink has ended for good, blocks are let go: a tick without outputs is not
    /// acknowledged, and comes again after the next start.
    /// </summary>
    private void Publish(ForecastBlock block)
    {
        if (_ended is not null)
            return;
        log.WaitUntilDurable(block.LastPosition);
        ReadOnlySpan<Forecast> owed = block.Forecasts;
        while (!owed.IsEmpty && owed[0].Position <= publishAfter)
            owed = owed[1..];
        foreach (IForecastSink sink in _sinks)
        {
            ReadOnlySpan<Forecast> due = sink.TakesRepeats ? block.Forecasts : owed;
            if (due.IsEmpty)
                continue;
            if (!TryWrite(sink, due))
                return;
            metrics.ForecastsPublished(sink.Name, due.Length);
        }
        AckBatch batch = new(_due);
        block.Complete(ref batch);
        batch.Send();
        Count(block.Forecasts);
    }

    private bool TryWrite(IForecastSink sink, ReadOnlySpan<Forecast> due)
    {
        try
        {
            sink.Write(due);
            return true;
        }
        catch (ObjectDisposedException)
        {
            _ended = sink;
            return false;
        }
    }

    private void Count(ReadOnlySpan<Forecast> forecasts)
    {
        int anomalies = 0;
        foreach (ref readonly Forecast forecast in forecasts)
        {
            anomalies += forecast.Verdict.Alarm ? 1 : 0;
            metrics.ForecastReady(forecast.ReceivedAt);
        }
        if (anomalies > 0)
            metrics.AnomaliesFound(anomalies);
        Volatile.Write(ref _published, _published + forecasts.Length);
    }
}
