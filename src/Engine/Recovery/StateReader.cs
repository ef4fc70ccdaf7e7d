using StreamRnn.Detection;
using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Serving;
using StreamRnn.Engine.Snapshots;
using StreamRnn.Engine.Stepping;
using StreamRnn.Engine.Storage;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Recovery;

/// <summary>
/// The states in a data directory, for people: the oldest snapshot that the log still follows, and every tick after it stepped again, as one
/// shard would, so that as many streams as can be have a last step. Writes nothing.
/// </summary>
public sealed class StateReader : IReplayTarget
{
    private readonly LogIndex _state;
    private readonly StreamRows _rows;
    private readonly MicroBatch _batch;
    private readonly Dictionary<int, StepTrace?> _watches = [];
    private readonly Predicate<string>? _wanted;
    private readonly int _history;

    /// <param name="load">Finds a model of a set-up.</param>
    /// <param name="wanted">Names of the streams that are looked at; null for all. The others have a state and no steps.</param>
    /// <param name="history">Steps of each that are kept, the newest.</param>
    /// <exception cref="InvalidDataException">The log is damaged; says what to do.</exception>
    public StateReader(IDataFiles files, Func<PlannedModel, Forecaster> load, Predicate<string>? wanted = null, int history = 1)
    {
        (_wanted, _history) = (wanted, history);
        SnapshotStore store = new(files);
        LogReader reader = new(files);
        _state = new LogIndex(new StreamDirectory(StreamDirectory.MaximumLimit), redeliveryCapacity: 4096);
        IReadOnlyList<SnapshotHead> parts = store.Find();
        string? first = files.List().FirstOrDefault(LogFormat.IsSegment);
        long logged = first is null ? long.MaxValue : LogFormat.FirstPosition(first);
        int used = 0;
        while (used < parts.Count && (used == 0 ? 0 : parts[used - 1].Position) + 1 < logged)
            used++;
        SnapshotHead[] snapshot = [.. parts.Take(used)];
        long after = used == 0 ? 0 : snapshot[^1].Position;

        ServingHistory plans = new();
        if (used > 0)
            plans.Add(after, snapshot[^1].Plan);
        reader.Read(after, (records, position) => plans.Add(records, position, after));
        if (plans.Last is null)
            throw new CommandFailedException("the data directory holds no input log; name the one that a worker was given with --data-dir");

        StreamModels map = plans.Map(_state.Directory, load);
        _rows = new StreamRows(map, shard: 0, shardCount: 1, new RowExchange(shards: 1));
        _batch = new MicroBatch(_rows);

        store.Load(snapshot, _state, sessions: null, (stream, kind, row) => _rows.Restore(stream, map.KindIn(plan: 0, kind), row));
        reader.Read(after, new LogReplay(_state, this, sessions: null, after, plans).Visit);
    }

    /// <summary>Streams that have a state.</summary>
    public IEnumerable<int> Streams => Enumerable.Range(0, _state.DefinedStreams).Where(stream => _rows.TryFind(stream, out _, out _));

    public string Name(int stream) => _state.Directory.Name(stream);

    public Forecaster ModelOf(int stream) => _rows.TryFind(stream, out int kind, out _) ? _rows.Kinds[kind].Model : throw NoState(stream);

    public Span<float> RowOf(int stream) => _rows.TryFind(stream, out int kind, out int row) ? _rows.Slab(kind)[row] : throw NoState(stream);

    /// <summary>Ticks of a stream that its rule holds until older ones cannot come any more: they have been acknowledged and not stepped.</summary>
    public int HeldOf(int stream) =>
        _rows.TryFind(stream, out int kind, out int row) && _rows.Kinds[kind].IsGuarded ? _rows.Kinds[kind].Guard(_rows.Slab(kind)[row]).HeldCount : 0;

    /// <summary>
    /// Steps seen of a stream behind the snapshot. Null where the stream was not watched, was reset since, or is in the snapshot and the
    /// log does not reach back to it.
    /// </summary>
    public StepTrace? WatchOf(int stream) => _watches.GetValueOrDefault(stream);

    private static ArgumentException NoState(int stream) => new($"Stream {stream} has no state.", nameof(stream));

    void IReplayTarget.Step(ReadOnlySpan<Tick> ticks, long position)
    {
        for (; !ticks.IsEmpty; ticks = ticks[_batch.TakenCount..])
        {
            _batch.Fill(ticks);
            StepAndWatch(ticks);
        }
    }

    void IReplayTarget.Reset(int stream, long position)
    {
        _rows.Reset(stream);
        _watches.Remove(stream);   // what was seen says nothing of its state any more
    }

    /// <summary>Begins another set-up. What was seen of a stream under another model says nothing of its state any more.</summary>
    void IReplayTarget.Switch(int plan, long position)
    {
        for (_batch.FillHeld(plan, isFirst: true); _batch.Count > 0; _batch.FillHeld(plan, isFirst: false))
            StepAndWatch([]);
        Dictionary<int, Forecaster> models = _watches.Keys.ToDictionary(stream => stream, ModelOf);
        _rows.Switch(plan);
        foreach ((int stream, Forecaster model) in models)
        {
            if (ModelOf(stream) != model)
                _watches.Remove(stream);
        }
    }

    /// <param name="ticks">Of the batch; empty where ticks step that were held.</param>
    private void StepAndWatch(ReadOnlySpan<Tick> ticks)
    {
        for (int i = 0; i < _batch.Count; i++)
        {
            (int tick, int kind, StepBatch steps, int entry) = _batch.StepOf(i);
            Watch(ticks.IsEmpty ? tick : ticks[tick].Stream, kind)?.Before(_rows.Slab(kind)[steps.Rows[entry]]);
        }
        _batch.Step();
        for (int i = 0; i < _batch.Count; i++)
        {
            (int tick, int kind, StepBatch steps, int entry) = _batch.StepOf(i);
            Watch(ticks.IsEmpty ? tick : ticks[tick].Stream, kind)?.After(steps, entry, _rows.Slab(kind)[steps.Rows[entry]]);
        }
    }

    private StepTrace? Watch(int stream, int kind)
    {
        if (!_watches.TryGetValue(stream, out StepTrace? watch))
            _watches[stream] = watch = _wanted is null || _wanted(Name(stream)) ? new StepTrace(_rows.Kinds[kind].Model, _history) : null;
        return watch;
    }
}
