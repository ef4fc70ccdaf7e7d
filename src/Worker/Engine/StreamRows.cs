using System.Runtime.InteropServices;
using StreamRnn.Cells;
using StreamRnn.Worker.Durability;

namespace StreamRnn.Worker.Engine;

/// <summary>
/// The state rows of a shard's streams: of which kind a stream is, where its row is, and what of all that is being saved. One slab per
/// kind; beyond a limit the rows of idle streams lie on the disk and come back for their next tick. The shard's loop alone touches it.
/// </summary>
/// <remarks>Which rows are where never changes a bit: they are moved as they are.</remarks>
internal sealed class StreamRows
{
    // What reading a row from the disk counts for, in bytes of a slice that is saved at once: a read may take 100 microseconds.
    private const int ColdReadBytes = 4096;

    private readonly ModelMap _map;
    private readonly int _shard;
    private readonly int _shardCount;
    private readonly StateSlab[] _slabs;
    private readonly RowSaver _saver;
    private readonly Func<int, int> _save;   // made once
    private readonly ColdStore? _store;
    private readonly ColdRows?[] _cold;      // one per kind, made when its first row goes there
    private readonly RowOwners[] _owners;    // one per kind
    private readonly float[] _scratch;
    private readonly int _limit;
    private readonly long _slabBytes;
    private StreamPlace[] _places;
    private long _batch;
    private long _rowBytes;
    private long _changedRowBytes;
    private int _inBatch;
    private int _inMemory;
    private long _held;
    private Dictionary<int, int>? _heldAtRestore = [];
    private int _setup;

    /// <param name="shard">Of this shard's streams the remainder by <paramref name="shardCount"/>.</param>
    /// <param name="exchange">Where saved rows go.</param>
    /// <param name="store">Where the rows go that are too many for memory; null where none are.</param>
    public StreamRows(ModelMap map, int shard, int shardCount, RowExchange exchange, ColdStore? store = null)
    {
        (_map, _shard, _shardCount, _store) = (map, shard, shardCount, store);
        (_saver, _save) = (new RowSaver(exchange), SaveIfWanted);
        _slabs = [.. map.Kinds.Select(kind => new StateSlab(kind.RowFloats))];
        _owners = [.. map.Kinds.Select(_ => new RowOwners())];
        _cold = new ColdRows?[_slabs.Length];
        _scratch = new float[map.Kinds.Max(kind => kind.RowFloats)];
        _limit = store is null ? int.MaxValue : Math.Max(1, store.StreamsInMemory / shardCount);
        _slabBytes = _limit * _slabs.Max(slab => (long)slab.RowFloats * sizeof(float));
#if DEBUG
        _places = new StreamPlace[1];
#else
        _places = new StreamPlace[1024];
#endif
    }

    /// <summary>What one stream of a kind costs: its row in the slab and the place that leads there.</summary>
    public static int BytesPerStream(RowKind kind) => (new StateSlab(kind.RowFloats).RowFloats * sizeof(float)) + StreamPlace.Bytes;

    /// <summary>What rows are made of.</summary>
    public IReadOnlyList<RowKind> Kinds => _map.Kinds;

    /// <summary>Streams that have a state here.</summary>
    public int StreamCount { get; private set; }

    /// <summary>Of those the ones whose row is in memory.</summary>
    public int InMemoryCount => _inMemory;

    /// <summary>Bytes that saving every row would write.</summary>
    public long RowBytes => Volatile.Read(ref _rowBytes);

    /// <summary>Of those the ones of rows that have changed since they were last saved.</summary>
    public long ChangedRowBytes => Volatile.Read(ref _changedRowBytes);

    /// <summary>Ticks that rules hold in the rows.</summary>
    public long HeldCount
    {
        get => Volatile.Read(ref _held);
        set => Volatile.Write(ref _held, value);
    }

    /// <summary>Bytes of state held in memory, the places of streams included.</summary>
    public long StateBytes
    {
        get
        {
            long bytes = _places.LongLength * StreamPlace.Bytes;
            for (int kind = 0; kind < _slabs.Length; kind++)
                bytes += _slabs[kind].Bytes + _owners[kind].Bytes;
            return bytes;
        }
    }

    /// <summary>Whether states are being saved.</summary>
    public bool IsSaving => _saver.IsActive;

    /// <summary>The rows of a kind's streams.</summary>
    public StateSlab Slab(int kind) => _slabs[kind];

    /// <summary>From here on every stream may be used once more.</summary>
    public void BeginBatch()
    {
        _batch++;
        _inBatch = 0;
        _heldAtRestore = null;
    }

    /// <summary>Readies a stream's row for its step: made where this is its first, back from the disk, saved as it is where a cut wants that.</summary>
    /// <returns>
    /// False where the stream is in this batch already, or the batch has every row that may be in memory; then nothing is changed. True for
    /// the first of a batch.
    /// </returns>
    /// <exception cref="ColdRowsException">The row cannot be had.</exception>
    public bool TryUse(int stream, out int kind, out int row)
    {
        ref StreamPlace place = ref PlaceOf(stream);
        (kind, row) = (place.Kind, place.Row);
        if (place.LastBatch == _batch || _inBatch >= _limit)
            return false;
        int index = stream / _shardCount;
        if (place.LastBatch == 0)
        {
            row = Settle(index, kind = _map.KindOf(stream, _setup), ref place);
        }
        else
        {
            if (place.IsCold)
                row = BringBack(index, ref place);
            if (place.LastBatch <= _saver.CutBatch)
                SaveBeforeStep(index, ref place);
        }
        if (_saver.IsUnchanged(place.LastBatch))
            _changedRowBytes += SavedBytes(kind);
        place.LastBatch = _batch;
        _inBatch++;
        return true;
    }

    /// <summary>Where the row of a stream is that has none on the disk.</summary>
    /// <returns>False where the stream has no state here.</returns>
    public bool TryFind(int stream, out int kind, out int row)
    {
        int index = stream / _shardCount;
        StreamPlace place = index < _places.Length ? _places[index] : default;
        (kind, row) = (place.Kind, place.Row);
        return place.LastBatch > 0 && !place.IsCold;
    }

    /// <summary>Lets a stream begin anew, between two batches: its state is as new, and the number of its steps goes on.</summary>
    public void Reset(int stream)
    {
        BeginBatch();   // a step like any other to whatever is being saved
        if (PlaceOf(stream).LastBatch > 0 && TryUse(stream, out int kind, out int row))
            _map.Kinds[kind].Reset(_slabs[kind][row]);
    }

    /// <summary>Readies the row of the next stream that has a tick held and is not in this batch yet.</summary>
    /// <param name="from">Where the search begins, and ends.</param>
    /// <param name="setup">One that takes another's place: streams that it gives another rule are meant; null for all.</param>
    public bool TryUseHeld(ref int from, int? setup, out int stream, out int kind, out int row)
    {
        (stream, kind, row) = (0, 0, 0);
        for (; HeldCount > 0 && from < _places.Length; from++)
        {
            ref StreamPlace place = ref _places[from];
            if (place.LastBatch is 0 || place.LastBatch == _batch || !Kinds[place.Kind].IsGuarded || (setup is int next && KeepsRule(from, in place, next)))
                continue;
            if (HeldIn(Kinds[place.Kind], Look(from, in place)) == 0)
                continue;
            stream = StreamOf(from);
            return TryUse(stream, out kind, out row);
        }
        return false;
    }

    /// <summary>Serves the streams as another set-up says, between two batches: rows of streams whose kind changes become rows of the new one.</summary>
    /// <param name="setup">Its number in the map.</param>
    public void Switch(int setup)
    {
        GoOnSaving(toTheEnd: true);
        BeginBatch();
        _setup = setup;
        float[] converted = new float[_scratch.Length];
        for (int index = 0; index < _places.Length; index++)
        {
            ref StreamPlace place = ref _places[index];
            if (place.LastBatch > 0 && _map.KindOf(StreamOf(index), setup) is int kind && kind != place.Kind)
                Convert(index, kind, ref place, converted);
        }
        for (int kind = 0; kind < _slabs.Length; kind++)
        {
            if (!_map.Has(setup, kind))
                (_slabs[kind], _owners[kind]) = (new StateSlab(Kinds[kind].RowFloats), new RowOwners());
        }
    }

    /// <summary>Begins to save the states as they are now.</summary>
    /// <param name="all">Also those that have not changed since they were last saved.</param>
    public void BeginSaving(bool all)
    {
        _saver.Begin(_batch, _places.Length, all);
        _changedRowBytes = 0;
    }

    /// <summary>Goes on saving for a moment, or to the end.</summary>
    public void GoOnSaving(bool toTheEnd = false)
    {
        if (_saver.IsActive)
            _saver.Go(_save, toTheEnd);
    }

    /// <summary>Saves no more: a row that is wanted cannot be had.</summary>
    public void GiveUp(ColdRowsException reason)
    {
        _saver.Fail(reason);
        _store!.Fail(reason.Message);
    }

    /// <summary>Puts a stream's state back, before the first batch. Beyond what may be in memory it goes to the disk at once.</summary>
    /// <param name="floats">As they were saved.</param>
    /// <exception cref="ColdRowsException">There is no room for it.</exception>
    public void Restore(int stream, int kind, ReadOnlySpan<float> floats)
    {
        ref StreamPlace place = ref PlaceOf(stream);
        if (place.LastBatch > 0 && place.IsCold)
        {
            Cold(place.Kind).Restore(place.Slot, stream, floats);
        }
        else if (place.LastBatch == 0 && _inMemory >= _limit)
        {
            (place.Kind, place.Slot) = (kind, Cold(kind).Restore(slot: -1, stream, floats));
            Count(kind);
        }
        else
        {
            if (place.LastBatch == 0)
                Settle(stream / _shardCount, kind, ref place);
            floats.CopyTo(_slabs[place.Kind][place.Row]);
        }
        if (Kinds[kind].IsGuarded)
        {
            HeldCount += HeldIn(Kinds[kind], floats) - _heldAtRestore!.GetValueOrDefault(stream);   // an older snapshot's may have been here before
            _heldAtRestore![stream] = HeldIn(Kinds[kind], floats);
        }
        place.LastBatch = _batch = 1;
        _saver.MarkSaved(_batch);
    }

    /// <summary>The place of a stream; made where there is none.</summary>
    private ref StreamPlace PlaceOf(int stream)
    {
        int index = stream / _shardCount;   // the shard's streams are s, s + shards, s + 2 shards, ...
        if (index >= _places.Length)
            Array.Resize(ref _places, Math.Max(index + 1, _places.Length * 2));
        return ref _places[index];
    }

    private int StreamOf(int index) => (index * _shardCount) + _shard;

    /// <summary>A stream's first tick: settles its kind and its row.</summary>
    private int Settle(int index, int kind, ref StreamPlace place)
    {
        int row = RowFor(index, kind);
        (place.Kind, place.Row) = (kind, row);
        Kinds[kind].Initialise(_slabs[kind][row]);
        Count(kind);
        return row;
    }

    private void Count(int kind)
    {
        StreamCount++;
        _rowBytes += SavedBytes(kind);
    }

    private int SavedBytes(int kind) => RowPiece.RowHeaderBytes + (Kinds[kind].RowFloats * sizeof(float));

    private int BringBack(int index, ref StreamPlace place)
    {
        int kind = place.Kind;
        int row = RowFor(index, kind);
        _cold[kind]!.Take(place.Slot, StreamOf(index), Floats(kind, row));
        return place.Row = row;
    }

    /// <summary>A row in memory; another goes to the disk for it where there are as many as may be.</summary>
    private int RowFor(int index, int kind)
    {
        if (_inMemory >= _limit)
            _ = (!MayGrow(kind) && TryEvict(kind)) || TryEvict(only: null);
        int row = _slabs[kind].Add();
        if (_store is not null)
            _owners[kind].Set(row, index);
        _inMemory++;
        return row;
    }

    /// <summary>Whether the slabs together stay within what the limit allows when a kind's gets another row.</summary>
    private bool MayGrow(int kind)
    {
        if (!_slabs[kind].IsFull)
            return true;
        long bytes = _slabs[kind].PageBytes;
        foreach (StateSlab slab in _slabs)
            bytes += slab.Bytes;
        return bytes <= _slabBytes;
    }

    /// <summary>Moves the row of a stream that has been idle for long to the disk.</summary>
    /// <param name="only">Of this kind; null for any.</param>
    /// <returns>False where there is none, or no room on the disk and the worker ends.</returns>
    private bool TryEvict(int? only)
    {
        (int kind, int row, long before) = (-1, -1, _batch);
        for (int candidate = only ?? 0; candidate < (only + 1 ?? _slabs.Length); candidate++)
        {
            int idle = _owners[candidate].FindIdle(_slabs[candidate].Extent, _places, before);
            if (idle >= 0)
                (kind, row, before) = (candidate, idle, _places[_owners[candidate].Of(idle)].LastBatch);
        }
        if (row < 0)
            return false;

        int index = _owners[kind].Of(row);
        int slot;
        while (!Cold(kind).TryAdd(StreamOf(index), Floats(kind, row), out slot))
        {
            if (!_store!.WaitForRoom())
                return false;
        }
        _store!.HasRoom();
        _places[index].Slot = slot;
        Free(kind, row);
        return true;
    }

    /// <summary>Makes a stream's row one of another kind, where it is: in memory or on the disk.</summary>
    /// <param name="converted">Room for any row.</param>
    private void Convert(int index, int kind, ref StreamPlace place, float[] converted)
    {
        int before = place.Kind;
        bool wasCold = place.IsCold;
        Span<float> row = converted.AsSpan(0, Kinds[kind].RowFloats);
        Span<float> rowBefore = wasCold ? _scratch.AsSpan(0, Kinds[before].RowFloats) : Floats(before, place.Row);
        if (wasCold)
            _cold[before]!.Read(place.Slot, StreamOf(index), rowBefore);
        Kinds[kind].Adopt(row, Kinds[before], rowBefore);

        if (wasCold && Cold(kind).TryAdd(StreamOf(index), row, out int slot))
        {
            _cold[before]!.Remove(place.Slot);
            place.Slot = slot;
        }
        else
        {
            if (wasCold)
                _cold[before]!.Remove(place.Slot);
            else
                Free(before, place.Row);
            place.Row = RowFor(index, kind);
            row.CopyTo(Floats(kind, place.Row));
        }
        _rowBytes += SavedBytes(kind) - SavedBytes(before);
        (place.Kind, place.LastBatch) = (kind, _batch);
    }

    private void Free(int kind, int row)
    {
        if (_store is not null)
            _owners[kind].Clear(row);
        _slabs[kind].Remove(row);
        _inMemory--;
    }

    private bool KeepsRule(int index, ref readonly StreamPlace place, int setup) => Kinds[_map.KindOf(StreamOf(index), setup)].Rule == Kinds[place.Kind].Rule;

    private ColdRows Cold(int kind) => _cold[kind] ??= _store!.Open(_shard, kind, Kinds[kind].RowFloats);

    private Span<float> Floats(int kind, int row) => _slabs[kind][row][..Kinds[kind].RowFloats];

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
        ref StreamPlace place = ref _places[index];
        return _saver.Wants(place.LastBatch) ? Save(index, ref place) : 0;
    }

    /// <summary>A stream's row where it is, for a look.</summary>
    private ReadOnlySpan<float> Look(int index, ref readonly StreamPlace place)
    {
        if (!place.IsCold)
            return Floats(place.Kind, place.Row);
        Span<float> row = _scratch.AsSpan(0, Kinds[place.Kind].RowFloats);
        _cold[place.Kind]!.Read(place.Slot, StreamOf(index), row);
        return row;
    }

    private int Save(int index, ref StreamPlace place)
    {
        ReadOnlySpan<float> row = Look(index, in place);
        _saver.Save(StreamOf(index), place.Kind, row);
        return (row.Length * sizeof(float)) + (place.IsCold ? ColdReadBytes : 0);
    }
}

/// <summary>Where a stream's state is.</summary>
internal struct StreamPlace
{
    public const int Bytes = 16;

    private int _row;   // of the slab; below 0 the complement of a slot on the disk

    /// <summary>The batch it was last in; 0 before its first tick.</summary>
    public long LastBatch;
    public int Kind;

    public readonly bool IsCold => _row < 0;

    public int Row
    {
        readonly get => _row;
        set => _row = value;
    }

    /// <summary>On the disk.</summary>
    public int Slot
    {
        readonly get => ~_row;
        set => _row = ~value;
    }
}
