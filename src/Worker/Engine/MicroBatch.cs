using StreamRnn.Cells;
using StreamRnn.Detection;
using StreamRnn.Ingest;
using StreamRnn.Worker.Publish;

namespace StreamRnn.Worker.Engine;

/// <summary>
/// The ticks a shard steps together: whatever is ready, at most one per stream. Also the owner of the shard's states, one slab per model.
/// </summary>
internal sealed class MicroBatch
{
    /// <summary>A batch of 16 already reaches the rate of 64; more would only make the first forecast later.</summary>
    public const int Capacity = 64;

    private readonly ModelMap _map;
    private readonly int _shard;
    private readonly int _shardCount;
    private readonly ModelRows[] _models;
    private readonly int[] _model = new int[Capacity];
    private readonly int[] _entry = new int[Capacity];
    private readonly RowSaver _saver;
    private readonly Func<int, int> _save;   // made once
    private Place[] _places;
    private long _batch;
    private int _count;

    /// <param name="shard">Of this shard's streams the remainder by <paramref name="shardCount"/>.</param>
    /// <param name="rows">Where saved rows go.</param>
    public MicroBatch(ModelMap map, int shard, int shardCount, RowExchange rows)
    {
        (_map, _shard, _shardCount) = (map, shard, shardCount);
        (_saver, _save) = (new RowSaver(rows), SaveIfWanted);
        _models = [.. map.Models.Select(model => new ModelRows(model))];
#if DEBUG
        _places = new Place[1];
#else
        _places = new Place[1024];
#endif
    }

    /// <summary>What one stream of a model costs: its row in the slab and the place that leads there.</summary>
    public static int BytesPerStream(Forecaster model) => (new StateSlab(model.RowFloats).RowFloats * sizeof(float)) + Place.Bytes;

    /// <summary>Ticks in the batch.</summary>
    public int Count => _count;

    /// <summary>Streams that have a state here.</summary>
    public int StreamCount { get; private set; }

    /// <summary>Bytes of state held, the places of streams included.</summary>
    public long StateBytes
    {
        get
        {
            long bytes = _places.LongLength * Place.Bytes;
            foreach (ModelRows model in _models)
                bytes += model.Slab.Bytes;
            return bytes;
        }
    }

    /// <summary>
    /// Takes ticks from the front until the batch is full or a stream comes for the second time. That tick stays where it is for the
    /// next batch: stepped here it would start from the same state as the first, and the first would be lost from h.
    /// </summary>
    /// <returns>How many were taken; at least one of a span that begins with a tick.</returns>
    public int Fill(ReadOnlySpan<Tick> waiting)
    {
        _batch++;
        _count = 0;
        foreach (ModelRows model in _models)
            model.Batch.Count = 0;

        int room = Math.Min(waiting.Length, Capacity);
        while (_count < room && waiting[_count].Control == TickControl.None && TryAdd(in waiting[_count]))
            _count++;
        return _count;
    }

    /// <summary>Steps every stream of the batch once.</summary>
    public void Step()
    {
        foreach (ModelRows model in _models)
        {
            if (model.Batch.Count > 0)
                model.Forecaster.Step(model.Slab, model.Batch);
        }
    }

    /// <summary>Adds the forecasts to a block with room for them, in order of arrival.</summary>
    /// <param name="ticks">From the first that was taken.</param>
    public void CopyTo(ForecastBlock block, ReadOnlySpan<Tick> ticks)
    {
        for (int i = 0; i < _count; i++)
            block.Add(in ticks[i], _model[i], in _models[_model[i]].Batch.Verdicts[_entry[i]]);
    }

    /// <summary>Whether states are being saved.</summary>
    public bool IsSaving => _saver.IsActive;

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
    /// <param name="row">As it was saved.</param>
    public void Restore(int stream, int model, ReadOnlySpan<float> row)
    {
        ref Place place = ref PlaceOf(stream);
        if (place.LastBatch == 0)
            Settle(model, ref place);
        row.CopyTo(_models[place.Model].Slab[place.Row]);
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

    private int SaveIfWanted(int index)
    {
        ref Place place = ref _places[index];
        return _saver.Wants(place.LastBatch) ? Save(index, ref place) : 0;
    }

    private int Save(int index, ref Place place)
    {
        ModelRows model = _models[place.Model];
        _saver.Save((index * _shardCount) + _shard, place.Model, model.Slab[place.Row][..model.Forecaster.RowFloats]);
        return model.Forecaster.RowFloats * sizeof(float);
    }

    private bool TryAdd(ref readonly Tick tick)
    {
        ref Place place = ref PlaceOf(tick.Stream);
        if (place.LastBatch == _batch)
            return false;
        if (place.LastBatch == 0)
            Settle(_map.ModelOf(tick.Stream), ref place);
        else if (place.LastBatch <= _saver.CutBatch)
            SaveBeforeStep(tick.Stream / _shardCount, ref place);
        place.LastBatch = _batch;

        StepBatch batch = _models[place.Model].Batch;
        int entry = batch.Count++;
        batch.Rows[entry] = place.Row;
        batch.Times[entry] = tick.Time;
        batch.Values[entry] = tick.Value;
        (_model[_count], _entry[_count]) = (place.Model, entry);
        return true;
    }

    private void SaveBeforeStep(int index, ref Place place)
    {
        if (_saver.IsAhead(index) && _saver.Wants(place.LastBatch))
            Save(index, ref place);
    }

    /// <summary>A stream's first tick: settles its model and its row.</summary>
    private void Settle(int modelIndex, ref Place place)
    {
        place.Model = modelIndex;
        ModelRows model = _models[place.Model];
        place.Row = model.Slab.Add();
        model.Forecaster.Initialise(model.Slab[place.Row]);
        StreamCount++;
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

    /// <summary>One model's streams in this shard.</summary>
    private sealed class ModelRows(Forecaster forecaster)
    {
        public readonly Forecaster Forecaster = forecaster;
        public readonly StateSlab Slab = new(forecaster.RowFloats);
        public readonly StepBatch Batch = forecaster.CreateBatch(Capacity);
    }
}
