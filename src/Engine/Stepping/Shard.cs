using System.Diagnostics;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Stepping;

/// <summary>
/// Thread that owns the streams s, s + shards, s + 2 shards, ...: takes the ticks that are ready, steps them in micro-batches, hands the
/// forecasts on. Nothing in it is locked and no timer fills a batch: while there is work it works, otherwise it blocks on its queue.
/// </summary>
internal sealed class Shard
{
    private readonly int _index;
    private readonly Thread _thread;
    private readonly StreamRows _rows;
    private readonly MicroBatch _batch;
    private readonly ForecastQueue _forecasts;
    private readonly Publisher _publisher;
    private readonly WorkerMetrics _metrics;
    private readonly TickTraces? _traces;
    private readonly bool _keepsHeld;
    private readonly TakenTicks _taken = new();
    private int _at;   // the first tick of the batch, among those taken
    private ForecastBlock _block;
    private long _stepped;
    private long _busyTicks;

    /// <param name="keepsHeld">Keeps the ticks held at the end for the next run; else they step then.</param>
    public Shard(
        int index, EngineCapacity capacity, StreamModels models, ForecastQueue forecasts, Publisher publisher, RowExchange rows, WorkerMetrics metrics,
        TickTraces? traces, bool keepsHeld)
    {
        (_index, _forecasts, _publisher, _metrics, _traces, _keepsHeld) = (index, forecasts, publisher, metrics, traces, keepsHeld);
        Ticks = new TickInbox(capacity.Ticks);
        _rows = new StreamRows(models, index, capacity.Shards, rows, capacity.Cold);
        _batch = new MicroBatch(_rows) { Dropped = (fault, tick) => Dropped?.Invoke(fault, _taken.Ticks[_at + tick].Stream, _taken.OriginOf(_at + tick).Position) };
        _block = forecasts.Rent();
        _thread = new Thread(Run) { Name = $"shard {index}", IsBackground = true };
    }

    /// <summary>Queue of the shard; completing it ends the shard once it is empty.</summary>
    public TickInbox Ticks { get; }

    /// <summary>Ticks stepped so far.</summary>
    public long Stepped => Volatile.Read(ref _stepped);

    /// <summary>Ticks that are held until older ones cannot come any more.</summary>
    public long Held => _rows.HeldCount;

    /// <summary>Ticks that were held and stepped early, for want of room.</summary>
    public long ReleasedEarly => _batch.ReleasedEarlyCount;

    /// <summary>Receives each dropped tick, on the shard's thread.</summary>
    public DropReport? Dropped { get; set; }

    public int StreamCount => _rows.StreamCount;

    public int InMemoryCount => _rows.InMemoryCount;

    public long RowBytes => _rows.RowBytes;

    public long ChangedRowBytes => _rows.ChangedRowBytes;

    public long StateBytes => _rows.StateBytes;

    /// <summary>Time spent stepping so far, an estimate of the time to step all of that again.</summary>
    public TimeSpan Busy => Stopwatch.GetElapsedTime(0, Volatile.Read(ref _busyTicks));

    public void Start() => _thread.Start();

    /// <summary>Restores a stream's state, before the start.</summary>
    public void Restore(int stream, int kind, ReadOnlySpan<float> row) => _rows.Restore(stream, kind, row);

    public void Join() => _thread.Join();

    private void Run()
    {
        try
        {
            StepAll();
        }
        catch (ColdRowsException e)
        {
            _rows.GiveUp(e);
            while (_taken.Read(Ticks))   // steps and acknowledges nothing more, and holds nobody up: the process ends
            {
            }
        }
        _forecasts.Complete();
    }

    private void StepAll()
    {
        while (_taken.Read(Ticks))
        {
            if (!_taken.Ticks.IsEmpty)
                _metrics.TicksTaken(_index, _taken.OriginOf(0).ReceivedAt);
            for (_at = 0; _at < _taken.Ticks.Length; _at += _batch.TakenCount)
                StepBatch(_taken.Ticks[_at..]);
            if (_taken.Control != TickBlockKind.Ticks)
                Obey();
            while (_rows.IsSaving && Ticks.IsEmpty)
                _rows.GoOnSaving();
            if (Ticks.IsEmpty && !_publisher.TryPublish(_block))
                Release();   // otherwise there is more to do at once, and a full block wakes the publisher less often
        }
        _rows.GoOnSaving(toTheEnd: true);
        if (!_keepsHeld)
            StepHeld(plan: null, position: 0);   // nothing comes any more
    }

    private void StepBatch(ReadOnlySpan<Tick> waiting)
    {
        bool traced = _traces?.Enabled == true;
        long busySince = Stopwatch.GetTimestamp();
        long startedAt = traced || _metrics.MeasuresTime ? busySince : 0;
        _batch.Fill(waiting);
        _batch.Step();
        Volatile.Write(ref _busyTicks, _busyTicks + Stopwatch.GetTimestamp() - busySince);
        if (traced)
            Trace(startedAt);
        Count(startedAt);
        _batch.CopyTo(_block, _taken, _at);
        _rows.GoOnSaving();
    }

    /// <summary>Counts the steps, and releases the block if there is no room for the next forecasts.</summary>
    private void Count(long startedAt)
    {
        _metrics.StepCompleted(_index, _batch.Count, startedAt);
        Volatile.Write(ref _stepped, _stepped + _batch.Count);
        if (_block.Room < Math.Max(_batch.Count, _batch.TakenCount))
            Release();
    }

    /// <summary>Steps held ticks, in the order they were held for.</summary>
    /// <param name="plan">One that takes another's place: ticks of streams that it gives another rule are meant; null for all.</param>
    /// <param name="position">In the journal, of what lets them go.</param>
    private void StepHeld(int? plan, long position)
    {
        for (_batch.FillHeld(plan, isFirst: true); _batch.Count > 0; _batch.FillHeld(plan, isFirst: false))
        {
            _batch.Step();
            Count(startedAt: 0);
            _batch.CopyHeldTo(_block, position);
        }
        Release();
    }

    private void Obey()
    {
        if (_taken.Control == TickBlockKind.Reset)
        {
            _rows.Reset(_taken.Stream);
            return;
        }
        if (_taken.Control == TickBlockKind.Switch)
        {
            StepHeld(_taken.Plan, _taken.Position);
            _rows.Switch(_taken.Plan);
            return;
        }
        _block.Barrier = _taken.Position;
        Release();
        if (_taken.Control != TickBlockKind.Barrier)
            _rows.BeginSaving(all: _taken.Control == TickBlockKind.SaveAll);
    }

    private void Trace(long startedAt)
    {
        for (int tick = _at; tick < _at + _batch.TakenCount; tick++)
        {
            if (_taken.OriginOf(tick).Trace is not 0 and int trace)
                _traces!.Stepped(trace, _index, startedAt);
        }
    }

    /// <summary>Releases what has been stepped; the publisher sends the outputs and the acknowledgements.</summary>
    private void Release() => _block = _forecasts.Exchange(_block);
}
