using StreamRnn.Cells;
using StreamRnn.Detection;
using StreamRnn.Ingest;
using StreamRnn.Worker.Commands;
using StreamRnn.Worker.Engine;

namespace StreamRnn.Worker.Durability;

/// <summary>
/// The states in a data directory, for people: the oldest snapshot that the log still follows, and every tick after it stepped again, so that
/// as many streams as can be have a last step. Writes nothing.
/// </summary>
internal sealed class StateReader
{
    private readonly JournalState _state;
    private readonly List<(RowKind Kind, StateSlab Slab, StepBatch Batch)> _kinds = [];
    private readonly SortedDictionary<int, (int Kind, int Row)> _places = [];
    private readonly Dictionary<int, StreamWatch?> _watches = [];
    private readonly Predicate<string>? _wanted;
    private readonly int _history;
    private readonly ModelMap _map;
    private readonly long _after;

    /// <param name="models">Finds the models of a set-up by their hashes, in its order.</param>
    /// <param name="wanted">Names of the streams that are looked at; null for all. The others have a state and no steps.</param>
    /// <param name="history">Steps of each that are kept, the newest.</param>
    /// <exception cref="InvalidDataException">The log is damaged; says what to do.</exception>
    public StateReader(IDataFiles files, Func<Setup, IReadOnlyList<Forecaster>> models, Predicate<string>? wanted = null, int history = 1)
    {
        (_wanted, _history) = (wanted, history);
        SnapshotStore store = new(files);
        LogReader reader = new(files);
        _state = new JournalState(new StreamDirectory(StreamDirectory.MaximumLimit), redeliveryCapacity: 4096);
        IReadOnlyList<SnapshotHead> parts = store.Find();
        string? first = files.List().FirstOrDefault(LogFormat.IsSegment);
        long logged = first is null ? long.MaxValue : LogFormat.FirstPosition(first);
        int used = 0;
        while (used < parts.Count && (used == 0 ? 0 : parts[used - 1].Position) + 1 < logged)
            used++;
        SnapshotHead[] snapshot = [.. parts.Take(used)];
        _after = used == 0 ? 0 : snapshot[^1].Position;

        Setup? setup = parts.Count > 0 ? parts[^1].Setup : null;
        if (setup is null)
            reader.Read(_after, (records, position) => setup ??= SetupIn(records, position));
        if (setup is null)
            throw new CommandFailedException("the data directory holds no input log; name the one that a worker was given with --data-dir");

        IReadOnlyList<Forecaster> loaded = models(setup);
        _map = new ModelMap(loaded[^1], _state.Directory,
            [.. loaded.SkipLast(1).Select((model, i) => (new StreamPattern(setup.Models[i].Pattern!), model))],
            [.. setup.Rules.SkipLast(1).Select(rule => (new StreamPattern(rule.Pattern!), rule.Rule))]);
        foreach (RowKind kind in _map.Kinds)
            _kinds.Add((kind, new StateSlab(kind.RowFloats), kind.Model.CreateBatch(1)));

        store.Load(snapshot, _state, sessions: null, (stream, kind, row) => row.CopyTo(RowOf(stream, kind)));
        reader.Read(_after, Visit);
    }

    /// <summary>Streams that have a state.</summary>
    public IEnumerable<int> Streams => _places.Keys;

    public string Name(int stream) => _state.Directory.Name(stream);

    public Forecaster ModelOf(int stream) => _kinds[_places[stream].Kind].Kind.Model;

    public Span<float> RowOf(int stream) => _kinds[_places[stream].Kind].Slab[_places[stream].Row];

    /// <summary>What was seen of a stream behind the snapshot; null where it was not looked at, or is in the snapshot and the log does not reach back to it.</summary>
    public StreamWatch? WatchOf(int stream) => _watches.GetValueOrDefault(stream);

    private Span<float> RowOf(int stream, int kind)
    {
        if (!_places.TryGetValue(stream, out (int Kind, int Row) place))
        {
            _places[stream] = place = (kind, _kinds[kind].Slab.Add());
            _kinds[kind].Kind.Initialise(RowOf(stream));
        }
        return _kinds[place.Kind].Slab[place.Row];
    }

    private void Visit(ReadOnlySpan<byte> records, long firstPosition)
    {
        FrameReader frame = new(records, firstPosition);
        while (frame.TryRead(out LogRecord record))
        {
            for (int i = 0; i < record.TickCount; i++)
            {
                frame.ReadTick(out int stream, out long time, out double value);
                if (record.Position > _after)
                    Step(stream, time, value);
            }
            if (record.TickCount > 0 || record.Position <= _after)
                continue;
            if (record.Kind == LogRecordKind.Reset)
                Reset(record.Number);
            else
                _state.Apply(in record);
        }
    }

    private void Step(int stream, long time, double value)
    {
        if (!_places.ContainsKey(stream))
            RowOf(stream, _map.KindOf(stream));
        (RowKind kind, StateSlab slab, StepBatch batch) = _kinds[_places[stream].Kind];
        (batch.Count, batch.Rows[0], batch.Times[0], batch.Values[0]) = (1, _places[stream].Row, time, value);
        if (!_watches.TryGetValue(stream, out StreamWatch? watch))
            _watches[stream] = watch = _wanted is null || _wanted(Name(stream)) ? new StreamWatch(kind.Model, _history) : null;
        watch?.Before(slab[batch.Rows[0]]);
        kind.Model.Step(slab, batch);
        watch?.After(time, value, batch, entry: 0, slab[batch.Rows[0]]);
    }

    private void Reset(int stream)
    {
        if (_places.TryGetValue(stream, out (int Kind, int Row) place))
            _kinds[place.Kind].Kind.Reset(RowOf(stream));
    }

    private static Setup? SetupIn(ReadOnlySpan<byte> records, long position)
    {
        FrameReader frame = new(records, position);
        while (frame.TryRead(out LogRecord record))
        {
            if (record.Kind == LogRecordKind.Setup)
                return Setup.Parse(record.Bytes);
            frame.SkipTicks(record.TickCount);
        }
        return null;
    }
}
