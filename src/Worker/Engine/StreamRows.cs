using StreamRnn.Cells;
using StreamRnn.Detection;

namespace StreamRnn.Worker.Engine;

/// <summary>
/// The state rows of a shard's streams: which model serves a stream, where its row is, and what of all that is being saved. One slab per
/// model. The shard's loop alone touches it.
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
        _slabs = [.. map.Models.Select(model => new StateSlab(model.RowFloats))];
#if DEBUG
        _places = new Place[1];
#else
        _places = new Place[1024];
#endif
    }

    /// <summary>What one stream of a model costs: its row in the slab and the place that leads there.</summary>
    public static int BytesPerStream(Forecaster model) => (new StateSlab(model.RowFloats).RowFloats * sizeof(float)) + Place.Bytes;

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

    /// <summary>The rows of a model's streams.</summary>
    public StateSlab Slab(int model) => _slabs[model];

    /// <summary>From here on every stream may be used once more.</summary>
    public void BeginBatch() => _batch++;

    /// <summary>Readies a stream's row for its step: made where this is its first, saved as it is where a cut wants that.</summary>
    /// <returns>False where the stream is in this batch already; then nothing is changed.</returns>
    public bool TryUse(int stream, out int model, out int row)
    {
        ref Place place = ref PlaceOf(stream);
        (model, row) = (place.Model, place.Row);
        if (place.LastBatch == _batch)
            return false;
        if (place.LastBatch == 0)
            (model, row) = Settle(_map.ModelOf(stream), ref place);
        else if (place.LastBatch <= _saver.CutBatch)
            SaveBeforeStep(stream / _shardCount, ref place);
        place.LastBatch = _batch;
        return true;
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
    public void Restore(int stream, int model, ReadOnlySpan<float> floats)
    {
        ref Place place = ref PlaceOf(stream);
        if (place.LastBatch == 0)
            Settle(model, ref place);
        floats.CopyTo(_slabs[place.Model][place.Row]);
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

    /// <summary>A stream's first tick: settles its model and its row.</summary>
    private (int Model, int Row) Settle(int model, ref Place place)
    {
        (place.Model, place.Row) = (model, _slabs[model].Add());
        _map.Models[model].Initialise(_slabs[model][place.Row]);
        StreamCount++;
        return (place.Model, place.Row);
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
        int floats = _map.Models[place.Model].RowFloats;
        _saver.Save((index * _shardCount) + _shard, place.Model, _slabs[place.Model][place.Row][..floats]);
        return floats * sizeof(float);
    }

    /// <summary>Where a stream's state is.</summary>
    private struct Place
    {
        public const int Bytes = 16;

        /// <summary>The batch it was last in; 0 before its first tick.</summary>
        public long LastBatch;
        public int Model;
        public int Row;
    }
}
