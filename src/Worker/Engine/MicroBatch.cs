using StreamRnn.Detection;
using StreamRnn.Ingest;
using StreamRnn.Worker.Publish;

namespace StreamRnn.Worker.Engine;

/// <summary>The ticks a shard steps together: whatever is ready, at most one per stream.</summary>
internal sealed class MicroBatch
{
    /// <summary>A batch of 16 already reaches the rate of 64; more would only make the first forecast later.</summary>
    public const int Capacity = 64;

    private readonly StreamRows _rows;
    private readonly IReadOnlyList<RowKind> _kinds;
    private readonly StepBatch?[] _batches;   // one per kind, made when its first stream comes
    private readonly int[] _kind = new int[Capacity];
    private readonly int[] _entry = new int[Capacity];
    private int _count;

    public MicroBatch(StreamRows rows)
    {
        (_kinds, _rows) = (rows.Kinds, rows);
        _batches = new StepBatch?[_kinds.Count];
    }

    /// <summary>Ticks in the batch.</summary>
    public int Count => _count;

    /// <summary>
    /// Takes ticks from the front until the batch is full or a stream comes for the second time. That tick stays where it is for the
    /// next batch: stepped here it would start from the same state as the first, and the first would be lost from h.
    /// </summary>
    /// <returns>How many were taken; at least one of a span that begins with a tick.</returns>
    public int Fill(ReadOnlySpan<Tick> waiting)
    {
        _rows.BeginBatch();
        _count = 0;
        foreach (StepBatch? batch in _batches)
            batch?.Count = 0;

        int room = Math.Min(waiting.Length, Capacity);
        while (_count < room && waiting[_count].Control == TickControl.None && TryAdd(in waiting[_count]))
            _count++;
        return _count;
    }

    /// <summary>Which of the ticks a step is of, and where it is among the steps of its kind.</summary>
    /// <param name="i">Below <see cref="Count"/>.</param>
    public (int Tick, int Kind, StepBatch Steps, int Entry) StepOf(int i) => (i, _kind[i], _batches[_kind[i]]!, _entry[i]);

    /// <summary>Steps every stream of the batch once.</summary>
    public void Step()
    {
        for (int kind = 0; kind < _batches.Length; kind++)
        {
            if (_batches[kind] is { Count: > 0 } batch)
                _kinds[kind].Model.Step(_rows.Slab(kind), batch);
        }
    }

    /// <summary>Adds the forecasts to a block with room for them, in order of arrival.</summary>
    /// <param name="ticks">From the first that was taken.</param>
    public void CopyTo(ForecastBlock block, ReadOnlySpan<Tick> ticks)
    {
        for (int i = 0; i < _count; i++)
            block.Add(in ticks[i], _kind[i], in _batches[_kind[i]]!.Verdicts[_entry[i]]);
    }

    private bool TryAdd(ref readonly Tick tick)
    {
        if (!_rows.TryUse(tick.Stream, out int kind, out int row))
            return false;
        StepBatch batch = _batches[kind] ??= _kinds[kind].Model.CreateBatch(Capacity);
        int entry = batch.Count++;
        batch.Rows[entry] = row;
        batch.Times[entry] = tick.Time;
        batch.Values[entry] = tick.Value;
        (_kind[_count], _entry[_count]) = (kind, entry);
        return true;
    }
}
