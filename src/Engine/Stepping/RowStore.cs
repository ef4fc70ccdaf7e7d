using StreamRnn.Cells.Layers;
using StreamRnn.Engine.Streams;

namespace StreamRnn.Engine.Stepping;

/// <summary>
/// Storage of a shard's state rows: a slab for each kind and, beyond a limit, files for the rows of idle streams. Used by the shard's
/// thread alone.
/// </summary>
/// <remarks>Which rows are where never changes a bit: they are moved as they are.</remarks>
internal sealed class RowStore
{
    private readonly IReadOnlyList<RowKind> _kinds;
    private readonly int _shard;
    private readonly int _shardCount;
    private readonly ColdStore? _store;
    private readonly ColdRows?[] _cold;     // one per kind, made when its first row goes there
    private readonly StateSlab[] _slabs;    // one per kind
    private readonly RowOwners[] _owners;   // one per kind
    private readonly long _slabBytes;
    private readonly float[] _read;
    private readonly float[] _converted;
    private StreamPlace[] _places;

    /// <param name="shard">Of this shard's streams the remainder by <paramref name="shardCount"/>.</param>
    /// <param name="store">Storage for rows beyond the limit of memory; null without a limit.</param>
    public RowStore(IReadOnlyList<RowKind> kinds, int shard, int shardCount, ColdStore? store)
    {
        (_kinds, _shard, _shardCount, _store) = (kinds, shard, shardCount, store);
        Limit = store is null ? int.MaxValue : Math.Max(1, store.StreamsInMemory / shardCount);
        _slabs = [.. kinds.Select(kind => new StateSlab(kind.RowFloats))];
        _owners = [.. kinds.Select(_ => new RowOwners())];
        _cold = new ColdRows?[kinds.Count];
        _slabBytes = Limit * _slabs.Max(slab => (long)slab.RowFloats * sizeof(float));
        _read = new float[kinds.Max(kind => kind.RowFloats)];
        _converted = new float[_read.Length];
#if DEBUG
        _places = new StreamPlace[1];
#else
        _places = new StreamPlace[1024];
#endif
    }

    /// <summary>Rows that may be in memory.</summary>
    public int Limit { get; }

    /// <summary>Rows in memory.</summary>
    public int InMemoryCount { get; private set; }

    /// <summary>Places there are, of streams that have come and of some that have not.</summary>
    public int PlaceCount => _places.Length;

    /// <summary>Bytes held in memory, the places included.</summary>
    public long Bytes
    {
        get
        {
            long bytes = _places.LongLength * StreamPlace.Bytes;
            for (int kind = 0; kind < _slabs.Length; kind++)
                bytes += _slabs[kind].Bytes + _owners[kind].Bytes;
            return bytes;
        }
    }

    /// <summary>A place below <see cref="PlaceCount"/>.</summary>
    public ref StreamPlace this[int index] => ref _places[index];

    /// <summary>A place; made where there is none. The ones before it may move.</summary>
    public ref StreamPlace Place(int index)
    {
        if (index >= _places.Length)
            Array.Resize(ref _places, Math.Max(index + 1, _places.Length * 2));
        return ref _places[index];
    }

    /// <summary>The stream of a place.</summary>
    public int StreamOf(int index) => (index * _shardCount) + _shard;

    /// <summary>The rows of a kind that are in memory.</summary>
    public StateSlab Slab(int kind) => _slabs[kind];

    /// <summary>Gives a place a row in memory, all zero; another row goes to the disk for it where there are as many as may be.</summary>
    /// <param name="batch">Rows of streams that are in it stay.</param>
    /// <exception cref="ColdRowsException">The other cannot be written.</exception>
    public int Add(int index, int kind, long batch)
    {
        if (InMemoryCount >= Limit)
            _ = (!MayGrow(kind) && TryEvict(kind, batch)) || TryEvict(only: null, batch);
        int row = _slabs[kind].Add();
        if (_store is not null)
            _owners[kind].Set(row, index);
        InMemoryCount++;
        (_places[index].Kind, _places[index].Row) = (kind, row);
        return row;
    }

    /// <summary>Brings a place's row back from the disk.</summary>
    /// <exception cref="ColdRowsException">It cannot be had.</exception>
    public int BringBack(int index, long batch)
    {
        (int kind, int slot) = (_places[index].Kind, _places[index].Slot);
        int row = Add(index, kind, batch);
        _cold[kind]!.Take(slot, StreamOf(index), Floats(kind, row));
        return row;
    }

    /// <summary>A place's row where it is.</summary>
    /// <returns>Until the next look.</returns>
    /// <exception cref="ColdRowsException">It cannot be had.</exception>
    public ReadOnlySpan<float> Look(int index)
    {
        ref StreamPlace place = ref _places[index];
        if (!place.IsCold)
            return Floats(place.Kind, place.Row);
        Span<float> row = _read.AsSpan(0, _kinds[place.Kind].RowFloats);
        _cold[place.Kind]!.Read(place.Slot, StreamOf(index), row);
        return row;
    }

    /// <summary>Restores a saved row before the first batch: in the place of an older one, else in memory while there is room.</summary>
    /// <exception cref="ColdRowsException">There is no room for it.</exception>
    public void Restore(int index, int kind, ReadOnlySpan<float> floats)
    {
        ref StreamPlace place = ref _places[index];
        bool isNew = place.LastBatch == 0;
        if (isNew ? InMemoryCount >= Limit : place.IsCold)
            (place.Kind, place.Slot) = (kind, Cold(kind).Restore(isNew ? -1 : place.Slot, StreamOf(index), floats));
        else
            floats.CopyTo(_slabs[kind][isNew ? Add(index, kind, batch: 1) : place.Row]);
    }

    /// <summary>Makes a place's row one of another kind, where it is: in memory or on the disk.</summary>
    /// <exception cref="ColdRowsException">It cannot be had, or not be written.</exception>
    public void Convert(int index, int kind, long batch)
    {
        ref StreamPlace place = ref _places[index];
        Span<float> row = _converted.AsSpan(0, _kinds[kind].RowFloats);
        _kinds[kind].Adopt(row, _kinds[place.Kind], RowToConvert(index));

        (int before, bool wasCold) = (place.Kind, place.IsCold);
        if (wasCold)
            _cold[before]!.Remove(place.Slot);
        else
            Free(before, place.Row);
        if (wasCold && Cold(kind).TryAdd(StreamOf(index), row, out int slot))
            (place.Kind, place.Slot) = (kind, slot);
        else
            row.CopyTo(Floats(kind, Add(index, kind, batch)));
    }

    /// <summary>Forgets a kind that no stream is of any more.</summary>
    public void Drop(int kind)
    {
        (_slabs[kind], _owners[kind]) = (new StateSlab(_kinds[kind].RowFloats), new RowOwners());
        _cold[kind]?.Clear();
    }

    private Span<float> RowToConvert(int index)
    {
        ref StreamPlace place = ref _places[index];
        if (!place.IsCold)
            return Floats(place.Kind, place.Row);
        Look(index);
        return _read.AsSpan(0, _kinds[place.Kind].RowFloats);
    }

    /// <summary>True if another row for a kind's slab stays within the limit.</summary>
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
    private bool TryEvict(int? only, long batch)
    {
        (int kind, int row, long before) = (-1, -1, batch);
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

    private void Free(int kind, int row)
    {
        if (_store is not null)
            _owners[kind].Clear(row);
        _slabs[kind].Remove(row);
        InMemoryCount--;
    }

    private ColdRows Cold(int kind) => _cold[kind] ??= _store!.Open(_shard, kind, _kinds[kind].RowFloats);

    private Span<float> Floats(int kind, int row) => _slabs[kind][row][.._kinds[kind].RowFloats];
}

/// <summary>Place of a stream's state.</summary>
public struct StreamPlace
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

    /// <summary>Slot on the disk.</summary>
    public int Slot
    {
        readonly get => ~_row;
        set => _row = ~value;
    }
}
