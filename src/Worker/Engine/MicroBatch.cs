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
    private readonly int _shardCount;
    private readonly ModelRows[] _models;
    private readonly int[] _model = new int[Capacity];
    private readonly int[] _entry = new int[Capacity];
    private Place[] _places;
    private long _batch;
    private int _count;

    public MicroBatch(ModelMap map, int shardCount)
    {
        (_map, _shardCount) = (map, shardCount);
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
    /// <returns>How many were taken; at least one of a non-empty span.</returns>
    public int Fill(ReadOnlySpan<Tick> waiting)
    {
        _batch++;
        _count = 0;
        foreach (ModelRows model in _models)
            model.Batch.Count = 0;

        int room = Math.Min(waiting.Length, Capacity);
        while (_count < room && TryAdd(in waiting[_count]))
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

    private bool TryAdd(ref readonly Tick tick)
    {
        int index = tick.Stream / _shardCount;   // the shard's streams are s, s + shards, s + 2 shards, ...
        if (index >= _places.Length)
            Array.Resize(ref _places, Math.Max(index + 1, _places.Length * 2));

        ref Place place = ref _places[index];
        if (place.LastBatch == _batch)
            return false;
        if (place.LastBatch == 0)
            Settle(tick.Stream, ref place);
        place.LastBatch = _batch;

        StepBatch batch = _models[place.Model].Batch;
        int entry = batch.Count++;
        batch.Rows[entry] = place.Row;
        batch.Times[entry] = tick.Time;
        batch.Values[entry] = tick.Value;
        (_model[_count], _entry[_count]) = (place.Model, entry);
        return true;
    }

    /// <summary>A stream's first tick: settles its model and its row.</summary>
    private void Settle(int stream, ref Place place)
    {
        place.Model = _map.ModelOf(stream);
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
