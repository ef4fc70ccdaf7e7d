using System.Diagnostics;
using StreamRnn.Ingest;
using StreamRnn.Worker.Durability;
using StreamRnn.Worker.Publish;
using StreamRnn.Worker.Telemetry;

namespace StreamRnn.Worker.Engine;

/// <summary>
/// The loop that owns the streams s, s + shards, s + 2 shards, ...: takes the ticks that are ready, steps them in micro-batches, hands
/// the forecasts on. Nothing in it is locked and no timer fills a batch: while there is work it works, otherwise it blocks on its queue.
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
    private readonly Tick[] _taken = new Tick[4 * MicroBatch.Capacity];
    private ForecastBlock _block;
    private long _stepped;
    private long _busyTicks;

    /// <param name="keepsHeld">Whether ticks that are held at the end are kept for the next run; else they step then.</param>
    public Shard(
        int index, EngineCapacity capacity, ModelMap models, ForecastQueue forecasts, Publisher publisher, RowExchange rows, WorkerMetrics metrics,
        TickTraces? traces, bool keepsHeld)
    {
        (_index, _forecasts, _publisher, _metrics, _traces, _keepsHeld) = (index, forecasts, publisher, metrics, traces, keepsHeld);
        Ticks = new TickQueue(capacity.Ticks);
        _rows = new StreamRows(models, index, capacity.Shards, rows, capacity.Cold);
        _batch = new MicroBatch(_rows);
        _block = forecasts.Rent();
        _thread = new Thread(Run) { Name = $"shard {index}", IsBackground = true };
    }

    /// <summary>What the shard steps; completing it ends the shard once it is empty.</summary>
    public TickQueue Ticks { get; }

    /// <summary>Ticks stepped so far.</summary>
    public long Stepped => Volatile.Read(ref _stepped);

    /// <summary>Ticks that are held until older ones cannot come any more.</summary>
    public long Held => _rows.HeldCount;

    /// <summary>Ticks that were held and stepped early, for want of room.</summary>
    public long ReleasedEarly => _batch.ReleasedEarlyCount;

    /// <summary>Told of each tick that is dropped, by the shard's thread.</summary>
    public DropReport? Dropped
    {
        get => _batch.Dropped;
        set => _batch.Dropped = value;
    }

    public int StreamCount => _rows.StreamCount;

    public int InMemoryCount => _rows.InMemoryCount;

    public long RowBytes => _rows.RowBytes;

    public long ChangedRowBytes => _rows.ChangedRowBytes;

    public long StateBytes => _rows.StateBytes;

    /// <summary>How long it has worked so far: what it would take to step all of that again.</summary>
    public TimeSpan Busy => Stopwatch.GetElapsedTime(0, Volatile.Read(ref _busyTicks));

    public void Start() => _thread.Start();

    /// <summary>Puts a stream's state back, before the start.</summary>
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
            while (Ticks.Take(_taken) > 0)   // steps and acknowledges nothing more, and holds nobody up: the process ends
            {
            }
        }
        _forecasts.Complete();
    }

    private void StepAll()
    {
        int count;
        while ((count = Ticks.Take(_taken)) > 0)
        {
            _metrics.TicksTaken(_index, _taken[0].ReceivedAt);
            for (ReadOnlySpan<Tick> waiting = _taken.AsSpan(0, count); !waiting.IsEmpty; waiting = waiting[_batch.TakenCount..])
            {
                while (!waiting.IsEmpty && waiting[0].Control != TickControl.None)
                {
                    Obey(in waiting[0]);
                    waiting = waiting[1..];
                }
                if (waiting.IsEmpty)
                    break;
                bool traced = _traces?.Enabled == true;
                long busySince = Stopwatch.GetTimestamp();
                long startedAt = traced || _metrics.MeasuresTime ? busySince : 0;
                _batch.Fill(waiting);
                _batch.Step();
                Volatile.Write(ref _busyTicks, _busyTicks + Stopwatch.GetTimestamp() - busySince);
                if (traced)
                    Trace(waiting[.._batch.TakenCount], startedAt);
                Count(startedAt);
                _batch.CopyTo(_block, waiting);
                _rows.GoOnSaving();
            }
            while (_rows.IsSaving && Ticks.Count == 0)
                _rows.GoOnSaving();
            if (Ticks.Count == 0 && !_publisher.TryPublish(_block))
                Release();   // otherwise there is more to do at once, and a full block wakes the publisher less often
        }
        _rows.GoOnSaving(toTheEnd: true);
        if (!_keepsHeld)
            StepHeld(setup: null, position: 0);   // nothing comes any more
    }

    /// <summary>Counts what was stepped, and sees to room for its forecasts.</summary>
    private void Count(long startedAt)
    {
        _metrics.StepCompleted(_index, _batch.Count, startedAt);
        Volatile.Write(ref _stepped, _stepped + _batch.Count);
        if (_block.Room < Math.Max(_batch.Count, _batch.TakenCount))
            Release();
    }

    /// <summary>What is held steps, in the order it was held for.</summary>
    /// <param name="setup">One that takes another's place: ticks of streams that it gives another rule are meant; null for all.</param>
    /// <param name="position">In the journal, of what lets them go.</param>
    private void StepHeld(int? setup, long position)
    {
        for (_batch.FillHeld(setup, isFirst: true); _batch.Count > 0; _batch.FillHeld(setup, isFirst: false))
        {
            _batch.Step();
            Count(startedAt: 0);
            _batch.CopyHeldTo(_block, position);
        }
        Release();
    }

    private void Obey(in Tick control)
    {
        if (control.Control == TickControl.Reset)
        {
            _rows.Reset(control.Stream);
            return;
        }
        if (control.Control == TickControl.Switch)
        {
            StepHeld((int)control.Packet, control.Position);
            _rows.Switch((int)control.Packet);
            return;
        }
        _block.Cut = control.Position;
        Release();
        if (control.Control != TickControl.Cut)
            _rows.BeginSaving(all: control.Control == TickControl.SaveAll);
    }

    private void Trace(ReadOnlySpan<Tick> stepped, long startedAt)
    {
        foreach (ref readonly Tick tick in stepped)
        {
            if (tick.Trace != 0)
                _traces!.Stepped(tick.Trace, _index, startedAt);
        }
    }

    /// <summary>Lets go of what has been stepped; the publisher sends the outputs and the acknowledgements.</summary>
    private void Release() => _block = _forecasts.Exchange(_block);
}
