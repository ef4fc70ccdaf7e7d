using StreamRnn.Detection;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Stepping;

/// <summary>Receives a tick that its stream's rule drops.</summary>
/// <param name="position">In the journal; what an earlier run has dropped comes again.</param>
public delegate void DropReport(TickFault fault, int stream, long position);

/// <summary>The ticks a shard steps together: whatever is ready, at most one per stream.</summary>
public sealed class MicroBatch
{
    /// <summary>A batch of 16 already reaches the rate of 64; more would only make the first forecast later.</summary>
    public const int Capacity = 64;

    private readonly StreamRows _rows;
    private readonly RowKind[] _kinds;
    private readonly StepBatch?[] _batches;   // one per kind, made when its first stream comes
    private readonly int[] _kind = new int[Capacity];
    private readonly int[] _entry = new int[Capacity];
    private readonly int[] _tick = new int[Capacity];     // of each step, the tick that it is of, or that let it go
    private readonly int[] _silent = new int[Capacity];   // ticks taken that step nothing
    private int _count;
    private int _silentCount;
    private int _heldFrom;
    private long _releasedEarly;

    public MicroBatch(StreamRows rows)
    {
        (_kinds, _rows) = ([.. rows.Kinds], rows);
        _batches = new StepBatch?[_kinds.Length];
    }

    /// <summary>Steps in the batch.</summary>
    public int Count => _count;

    /// <summary>Ticks that the batch took: each steps, or was held or dropped.</summary>
    public int TakenCount { get; private set; }

    /// <summary>Ticks released before LateBound because the reorder buffer was full.</summary>
    public long ReleasedEarlyCount => Volatile.Read(ref _releasedEarly);

    /// <summary>Callback for each dropped tick, with its index among the waiting ones.</summary>
    public Action<TickFault, int>? Dropped { get; set; }

    /// <summary>
    /// Takes ticks from the front until the batch is full or a stream comes for the second time. That tick stays where it is for the
    /// next batch: stepped here it would start from the same state as the first, and the first would be lost from h. So does a tick that
    /// lets more than one held tick of its stream go, until the last.
    /// </summary>
    public void Fill(ReadOnlySpan<Tick> waiting)
    {
        Begin();
        int room = Math.Min(waiting.Length, Capacity);
        while (TakenCount < room && TryTake(in waiting[TakenCount]))
            TakenCount++;
    }

    /// <summary>Fills the batch with ticks that are held, due or not, each stream's oldest.</summary>
    /// <param name="plan">One that takes another's place: ticks of streams that it gives another rule are meant; null for all.</param>
    /// <param name="isFirst">True to begin with the first stream, false to continue behind the last batch of held ticks.</param>
    public void FillHeld(int? plan, bool isFirst)
    {
        Begin();
        int from = isFirst ? 0 : _heldFrom;
        while (_count < Capacity && _rows.TryUseHeld(ref from, plan, out int stream, out int kind, out int row))
        {
            if (_count == 0)
                _heldFrom = from;   // those before it have nothing left
            _kinds[kind].Guard(_rows.Slab(kind)[row]).TryRelease(out long time, out double value);
            _rows.HeldCount--;
            Add(stream, kind, row, time, value);
        }
    }

    /// <summary>Index of the tick that a step belongs to or was released by, and the step's position among the steps of its kind.</summary>
    /// <param name="i">Below <see cref="Count"/>.</param>
    public (int Tick, int Kind, StepBatch Steps, int Entry) StepOf(int i) => (_tick[i], _kind[i], _batches[_kind[i]]!, _entry[i]);

    /// <summary>Steps every stream of the batch once.</summary>
    public void Step()
    {
        for (int kind = 0; kind < _batches.Length; kind++)
        {
            if (_batches[kind] is { Count: > 0 } batch)
                _kinds[kind].Model.Step(_rows.Slab(kind), batch);
        }
    }

    /// <summary>Adds the forecasts to a block with room for them, in order of arrival, and the ticks that gave none.</summary>
    /// <param name="from">The first that was taken.</param>
    public void CopyTo(ForecastBlock block, TakenTicks taken, int from)
    {
        for (int i = 0; i < _count; i++)
        {
            StepBatch batch = _batches[_kind[i]]!;
            ref readonly Tick tick = ref taken.Ticks[from + _tick[i]];
            ref readonly TickOrigin origin = ref taken.OriginOf(from + _tick[i]);
            if (!_kinds[_kind[i]].IsGuarded)
            {
                block.Add(in tick, in origin, _kind[i], in batch.Verdicts[_entry[i]]);
                continue;
            }

            // What is stepped may be another tick of the stream, and then its packet may be owed more steps still.
            Tick stepped = tick with { Time = batch.Times[_entry[i]], Value = batch.Values[_entry[i]] };
            block.Add(in stepped, in origin, _kind[i], in batch.Verdicts[_entry[i]], isDone: _tick[i] < TakenCount);
        }
        for (int i = 0; i < _silentCount; i++)
            block.AddSilent(in taken.OriginOf(from + _silent[i]));
    }

    /// <summary>Adds the forecasts of <see cref="FillHeld"/> to a block with room for them.</summary>
    /// <param name="position">In the journal, of what lets them go.</param>
    public void CopyHeldTo(ForecastBlock block, long position)
    {
        TickOrigin origin = new() { Position = position };
        for (int i = 0; i < _count; i++)
        {
            StepBatch batch = _batches[_kind[i]]!;
            Tick tick = new() { Stream = _tick[i], Time = batch.Times[_entry[i]], Value = batch.Values[_entry[i]] };
            block.Add(in tick, in origin, _kind[i], in batch.Verdicts[_entry[i]]);
        }
    }

    private void Begin()
    {
        _rows.BeginBatch();
        (_count, _silentCount, TakenCount) = (0, 0, 0);
        foreach (StepBatch? batch in _batches)
            batch?.Count = 0;
    }

    /// <returns>False where the tick stays.</returns>
    private bool TryTake(ref readonly Tick tick)
    {
        if (!_rows.TryUse(tick.Stream, out int kind, out int row))
            return false;
        if (_kinds[kind].IsGuarded)
            return TryTakeGuarded(in tick, kind, row);
        Add(TakenCount, kind, row, tick.Time, tick.Value);
        return true;
    }

    private bool TryTakeGuarded(ref readonly Tick tick, int kind, int row)
    {
        ReorderBuffer guard = _kinds[kind].Guard(_rows.Slab(kind)[row]);
        int held = guard.HeldCount;
        TickVerdict verdict = guard.Take(in tick, out long time, out double value, out bool early);
        _rows.HeldCount += guard.HeldCount - held;
        if (early)
            Volatile.Write(ref _releasedEarly, _releasedEarly + 1);
        if (verdict is TickVerdict.Step or TickVerdict.StepHeld or TickVerdict.StepHeldFirst)
            Add(TakenCount, kind, row, time, value);
        else
            _silent[_silentCount++] = TakenCount;
        if (verdict is TickVerdict.Late or TickVerdict.Repeated)
            Dropped?.Invoke(verdict == TickVerdict.Late ? TickFault.Late : TickFault.Repeated, TakenCount);
        return verdict != TickVerdict.StepHeldFirst;
    }

    private void Add(int tick, int kind, int row, long time, double value)
    {
        StepBatch batch = _batches[kind] ??= _kinds[kind].Model.CreateBatch(Capacity);
        int entry = batch.Count++;
        batch.Rows[entry] = row;
        batch.Times[entry] = time;
        batch.Values[entry] = value;
        (_kind[_count], _entry[_count], _tick[_count]) = (kind, entry, tick);
        _count++;
    }
}
