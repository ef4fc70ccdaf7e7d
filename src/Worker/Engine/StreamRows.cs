using StreamRnn.Cells;

namespace StreamRnn.Worker.Engine;

/// <summary>
/// The state rows of a shard's streams: of which kind a stream is, where its row is, and what of all that is being saved. One slab per
/// kind. The shard's loop alone touches it.
/// </summary>
internal sealed class StreamRows
{
    private readonly ModelMap _map;
    private readonly int _shard;
    private readonly int _shardCount;
    private readonly StateSlab[] _slabs;
    private readonly RowSaver _saver;
    private readonly Func<int, int> _save;   // made once
    private Place[] _places;
    private long _batch;

    /// <param name="shard">Of this shard's streams the remainder by <paramref name="shardCount"/>.</param>
    /// <param name="exchange">Where saved rows go.</param>
    public StreamRows(ModelMap map, int shard, int shardCount, RowExchange exchange)
    {
        (_map, _shard, _shardCount) = (map, shard, shardCount);
        (_saver, _save) = (new RowSaver(exchange), SaveIfWanted);
        _slabs = [.. map.Kinds.Select(kind => new StateSlab(kind.RowFloats))];
#if DEBUG
        _places = new Place[1];
#else
        _places = new Place[1024];
#endif
    }

    /// <summary>What one stream of a kind costs: its row in the slab and the place that leads there.</summary>
    public static int BytesPerStream(RowKind kind) => (new StateSlab(kind.RowFloats).RowFloats * sizeof(float)) + Place.Bytes;

    /// <summary>What rows are made of.</summary>
    public IReadOnlyList<RowKind> Kinds => _map.Kinds;

    /// <summary>Streams that have a state here.</summary>
    public int StreamCount { get; private set; }

    /// <summary>Bytes of state held, the places of streams included.</summary>
    public long StateBytes
    {
        get
        {
            long bytes = _places.LongLength * Place.Bytes;
            foreach (StateSlab slab in _slabs)
                bytes += slab.Bytes;
            return bytes;
        }
    }

    /// <summary>Whether states are being saved.</summary>
    public bool IsSaving => _saver.IsActive;

    /// <summary>The rows of a kind's streams.</summary>
    public StateSlab Slab(int kind) => _slabs[kind];

    /// <summary>From here on every stream may be used once more.</summary>
    public void BeginBatch() => _batch++;

    /// <summary>Readies a stream's row for its step: made where this is its first, saved as it is where a cut wants that.</summary>
    /// <returns>False where the stream is in this batch already; then nothing is changed.</returns>
    public bool TryUse(int stream, out int kind, out int row)
    {
        ref Place place = ref PlaceOf(stream);
        (kind, row) = (place.Kind, place.Row);
        if (place.LastBatch == _batch)
            return false;
        if (place.LastBatch == 0)
            (kind, row) = Settle(_map.KindOf(stream), ref place);
        else if (place.LastBatch <= _saver.CutBatch)
            SaveBeforeStep(stream / _shardCount, ref place);
        place.LastBatch = _batch;
        return true;
    }

    /// <summary>Lets a stream begin anew, between two batches: its state is as new, and the number of its steps goes on.</summary>
    public void Reset(int stream)
    {
        BeginBatch();   // a step like any other to whatever is being saved
        if (PlaceOf(stream).LastBatch > 0 && TryUse(stream, out int kind, out int row))
            _map.Kinds[kind].Reset(_slabs[kind][row]);
    }

    /// <summary>Begins to save the states as they are now.</summary>
    /// <param name="all">Also those that have not changed since they were last saved.</param>
    public void BeginSaving(bool all) => _saver.Begin(_batch, _places.Length, all);

    /// <summary>Goes on saving for a moment, or to the end.</summary>
    public void GoOnSaving(bool toTheEnd = false)
    {
        if (_saver.IsActive)
            _saver.Go(_save, toTheEnd);
    }

    /// <summary>Puts a stream's state back, before the first batch.</summary>
    /// <param name="floats">As they were saved.</param>
    public void Restore(int stream, int kind, ReadOnlySpan<float> floats)
    {
        ref Place place = ref PlaceOf(stream);
        if (place.LastBatch == 0)
            Settle(kind, ref place);
        floats.CopyTo(_slabs[place.Kind][place.Row]);
        place.LastBatch = _batch = 1;
        _saver.MarkSaved(_batch);
    }

    /// <summary>The place of a stream; made where there is none.</summary>
    private ref Place PlaceOf(int stream)
    {
        int index = stream / _shardCount;   // the shard's streams are s, s + shards, s + 2 shards, ...
        if (index >= _places.Length)
            Array.Resize(ref _places, Math.Max(index + 1, _places.Length * 2));
        return ref _places[index];
    }

    /// <summary>A stream's first tick: settles its kind and its row.</summary>
    private (int Kind, int Row) Settle(int kind, ref Place place)
    {
        (place.Kind, place.Row) = (kind, _slabs[kind].Add());
        Kinds[kind].Initialise(_slabs[kind][place.Row]);
        StreamCount++;
        return (place.Kind, place.Row);
    }

    private void SaveBeforeStep(int index, ref Place place)
    {
        if (_saver.IsAhead(index) && _saver.Wants(place.LastBatch))
            Save(index, ref place);
    }

    private int SaveIfWanted(int index)
    {
        ref Place place = ref _places[index];
        return _saver.Wants(place.LastBatch) ? Save(index, ref place) : 0;
    }

    private int Save(int index, ref Place place)
    {
        int floats = Kinds[place.Kind].RowFloats;
        _saver.Save((index * _shardCount) + _shard, place.Kind, _slabs[place.Kind][place.Row][..floats]);
        return floats * sizeof(float);
    }

    /// <summary>Where a stream's state is.</summary>
    private struct Place
    {
        public const int Bytes = 16;

        /// <summary>The batch it was last in; 0 before its first tick.</summary>
        public long LastBatch;
        public int Kind;
        public int Row;
    }
}
