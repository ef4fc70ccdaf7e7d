using System.Runtime.InteropServices;
using StreamRnn.Cells.Layers;
using StreamRnn.Engine.Streams;

namespace StreamRnn.Engine.Stepping;

/// <summary>
/// The state rows of a shard's streams: of which kind a stream is, when it was last in a batch, and what of all that is being saved. Where the
/// rows lie is <see cref="RowStore"/>'s business. The shard's loop alone touches it.
/// </summary>
public sealed class StreamRows
{
    // What reading a row from the disk counts for, in bytes of a slice that is saved at once: a read may take 100 microseconds.
    private const int ColdReadBytes = 4096;

    private readonly StreamModels _map;
    private readonly int _shardCount;
    private readonly RowStore _rows;
    private readonly RowSaver _saver;
    private readonly Func<int, int> _save;   // made once
    private readonly ColdStore? _cold;
    private long _batch;
    private long _rowBytes;
    private long _changedRowBytes;
    private int _inBatch;
    private long _held;
    private Dictionary<int, int>? _heldAtRestore = [];
    private int _plan;

    /// <param name="shard">Of this shard's streams the remainder by <paramref name="shardCount"/>.</param>
    /// <param name="exchange">Receives saved rows.</param>
    /// <param name="cold">Storage for rows beyond the limit of memory; null without a limit.</param>
    public StreamRows(StreamModels map, int shard, int shardCount, RowExchange exchange, ColdStore? cold = null)
    {
        (_map, _shardCount, _cold) = (map, shardCount, cold);
        _rows = new RowStore(map.Kinds, shard, shardCount, cold);
        (_saver, _save) = (new RowSaver(exchange), SaveIfWanted);
    }

    /// <summary>Memory of one stream of a kind: its row in the slab and the place that leads there.</summary>
    public static int BytesPerStream(RowKind kind) => (new StateSlab(kind.RowFloats).RowFloats * sizeof(float)) + StreamPlace.Bytes;

    /// <summary>Kinds of rows, one for each pair of model and rule.</summary>
    public IReadOnlyList<RowKind> Kinds => _map.Kinds;

    /// <summary>Streams that have a state here.</summary>
    public int StreamCount { get; private set; }

    /// <summary>Streams whose row is in memory.</summary>
    public int InMemoryCount => _rows.InMemoryCount;

    /// <summary>Bytes that saving every row would write.</summary>
    public long RowBytes => Volatile.Read(ref _rowBytes);

    /// <summary>Bytes the next incremental snapshot will write.</summary>
    public long ChangedRowBytes => Volatile.Read(ref _changedRowBytes);

    /// <summary>Ticks that rules hold in the rows.</summary>
    public long HeldCount
    {
        get => Volatile.Read(ref _held);
        set => Volatile.Write(ref _held, value);
    }

    /// <summary>Bytes of state held in memory, the places of streams included.</summary>
    public long StateBytes => _rows.Bytes;

    /// <summary>True if states are being saved.</summary>
    public bool IsSaving => _saver.IsActive;

    /// <summary>The rows of a kind's streams.</summary>
    public StateSlab Slab(int kind) => _rows.Slab(kind);

    /// <summary>Starts a micro-batch: each stream may appear in it once.</summary>
    public void BeginBatch()
    {
        _batch++;
        _inBatch = 0;
        _heldAtRestore = null;
    }

    /// <summary>
    /// Prepares a stream's row for its step: creates it for a first step, reads it back from the disk, saves it where a barrier needs that.
    /// </summary>
    /// <returns>
    /// False where the stream is in this batch already, or the batch has every row that may be in memory; then nothing is changed. True for
    /// the first of a batch.
    /// </returns>
    /// <exception cref="ColdRowsException">The row cannot be had.</exception>
    public bool TryUse(int stream, out int kind, out int row)
    {
        int index = stream / _shardCount;   // the shard's streams are s, s + shards, s + 2 shards, ...
        ref StreamPlace place = ref _rows.Place(index);
        (kind, row) = (place.Kind, place.Row);
        if (place.LastBatch == _batch || _inBatch >= _rows.Limit)
            return false;
        if (place.LastBatch == 0)
        {
            row = Settle(index, kind = _map.KindOf(stream, _plan));
        }
        else
        {
            if (place.IsCold)
                row = _rows.BringBack(index, _batch);
            if (place.LastBatch <= _saver.CutBatch)
                SaveBeforeStep(index, ref place);
        }
        if (_saver.IsUnchanged(place.LastBatch))
            _changedRowBytes += SavedBytes(kind);
        place.LastBatch = _batch;
        _inBatch++;
        return true;
    }

    /// <summary>Finds the row of a stream that is in memory.</summary>
    /// <returns>False where the stream has no state here.</returns>
    public bool TryFind(int stream, out int kind, out int row)
    {
        int index = stream / _shardCount;
        StreamPlace place = index < _rows.PlaceCount ? _rows[index] : default;
        (kind, row) = (place.Kind, place.Row);
        return place.LastBatch > 0 && !place.IsCold;
    }

    /// <summary>Resets a stream between two batches: its state is new, and the number of its steps continues.</summary>
    public void Reset(int stream)
    {
        BeginBatch();   // a step like any other to whatever is being saved
        if (_rows.Place(stream / _shardCount).LastBatch > 0 && TryUse(stream, out int kind, out int row))
            Kinds[kind].Reset(Slab(kind)[row]);
    }

    /// <summary>Readies the row of the next stream that has a tick held and is not in this batch yet.</summary>
    /// <param name="from">Start of the search, and its end.</param>
    /// <param name="plan">One that takes another's place: streams that it gives another rule are meant; null for all.</param>
    public bool TryUseHeld(ref int from, int? plan, out int stream, out int kind, out int row)
    {
        (stream, kind, row) = (0, 0, 0);
        for (; HeldCount > 0 && from < _rows.PlaceCount; from++)
        {
            ref StreamPlace place = ref _rows[from];
            if (place.LastBatch is 0 || place.LastBatch == _batch || !Kinds[place.Kind].IsGuarded || (plan is int next && KeepsRule(from, in place, next)))
                continue;
            if (HeldIn(Kinds[place.Kind], _rows.Look(from)) == 0)
                continue;
            stream = _rows.StreamOf(from);
            return TryUse(stream, out kind, out row);
        }
        return false;
    }

    /// <summary>Serves the streams as another set-up says, between two batches: rows of streams whose kind changes become rows of the new one.</summary>
    /// <param name="plan">Its number in the map.</param>
    public void Switch(int plan)
    {
        GoOnSaving(toTheEnd: true);
        BeginBatch();
        _plan = plan;
        for (int index = 0; index < _rows.PlaceCount; index++)
        {
            ref StreamPlace place = ref _rows[index];
            int kind = place.LastBatch == 0 ? place.Kind : _map.KindOf(_rows.StreamOf(index), plan);
            if (kind == place.Kind)
                continue;
            _rowBytes += SavedBytes(kind) - SavedBytes(place.Kind);
            _rows.Convert(index, kind, _batch);
            place.LastBatch = _batch;
        }
        for (int kind = 0; kind < Kinds.Count; kind++)
        {
            if (!_map.Has(plan, kind))
                _rows.Drop(kind);
        }
    }

    /// <summary>Begins to save the states as they are now.</summary>
    /// <param name="all">Also those that have not changed since they were last saved.</param>
    public void BeginSaving(bool all)
    {
        _saver.Begin(_batch, _rows.PlaceCount, all);
        _changedRowBytes = 0;
    }

    /// <summary>Continues saving for a moment, or to the end.</summary>
    public void GoOnSaving(bool toTheEnd = false)
    {
        if (_saver.IsActive)
            _saver.Go(_save, toTheEnd);
    }

    /// <summary>Saves no more: a row that is wanted cannot be had.</summary>
    public void GiveUp(ColdRowsException reason)
    {
        _saver.Fail(reason);
        _cold!.Fail(reason.Message);
    }

    /// <summary>Restores a stream's state, before the first batch. Beyond the limit of memory it goes to the disk at once.</summary>
    /// <param name="floats">As they were saved.</param>
    /// <exception cref="ColdRowsException">There is no room for it.</exception>
    public void Restore(int stream, int kind, ReadOnlySpan<float> floats)
    {
        int index = stream / _shardCount;
        ref StreamPlace place = ref _rows.Place(index);
        if (place.LastBatch == 0)
            Count(kind);
        _rows.Restore(index, kind, floats);
        if (Kinds[kind].IsGuarded)
        {
            HeldCount += HeldIn(Kinds[kind], floats) - _heldAtRestore!.GetValueOrDefault(stream);   // an older snapshot's may have been here before
            _heldAtRestore![stream] = HeldIn(Kinds[kind], floats);
        }
        place.LastBatch = _batch = 1;
        _saver.MarkSaved(_batch);
    }

    /// <summary>A stream's first tick: settles its kind and its row.</summary>
    private int Settle(int index, int kind)
    {
        int row = _rows.Add(index, kind, _batch);
        Kinds[kind].Initialise(Slab(kind)[row]);
        Count(kind);
        return row;
    }

    private void Count(int kind)
    {
        StreamCount++;
        _rowBytes += SavedBytes(kind);
    }

    private int SavedBytes(int kind) => RowPiece.RowHeaderBytes + (Kinds[kind].RowFloats * sizeof(float));

    private bool KeepsRule(int index, ref readonly StreamPlace place, int plan) => Kinds[_map.KindOf(_rows.StreamOf(index), plan)].Rule == Kinds[place.Kind].Rule;

    /// <summary>Ticks held in a row.</summary>
    private static int HeldIn(RowKind kind, ReadOnlySpan<float> row) =>
        kind.IsGuarded ? kind.Guard(MemoryMarshal.CreateSpan(ref MemoryMarshal.GetReference(row), row.Length)).HeldCount : 0;

    private void SaveBeforeStep(int index, ref StreamPlace place)
    {
        if (_saver.IsAhead(index) && _saver.Wants(place.LastBatch))
            Save(index, ref place);
    }

    private int SaveIfWanted(int index)
    {
        ref StreamPlace place = ref _rows[index];
        return _saver.Wants(place.LastBatch) ? Save(index, ref place) : 0;
    }

    private int Save(int index, ref StreamPlace place)
    {
        ReadOnlySpan<float> row = _rows.Look(index);
        _saver.Save(_rows.StreamOf(index), place.Kind, row);
        return (row.Length * sizeof(float)) + (place.IsCold ? ColdReadBytes : 0);
    }
}
