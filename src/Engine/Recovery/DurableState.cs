using Microsoft.Extensions.Logging;
using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Serving;
using StreamRnn.Engine.Snapshots;
using StreamRnn.Engine.Stepping;
using StreamRnn.Engine.Storage;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Recovery;

/// <summary>
/// State that outlives the process: a data directory, read at the start and written from then on. Recovery steps the log again; outputs
/// above the last known confirmation are published again, bit for bit.
/// </summary>
public sealed class DurableState : IDisposable
{
    // The broker may be gone for good; what it has not confirmed by then is published again after the next start.
    private static readonly TimeSpan LastConfirmations = TimeSpan.FromSeconds(10);

    private readonly LogReader _reader;
    private readonly LogEnd _end;
    private readonly SnapshotStore _store;
    private readonly IReadOnlyList<SnapshotHead> _snapshot;
    private readonly LogIndex _state;
    private readonly ServingHistory _plans = new();
    private readonly KeptModels _models;
    private readonly DurabilityOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly IDisposable? _folder;
    private readonly bool _changes;
    private Checkpointer? _checkpointer;

    /// <summary>Opens a directory and checks every frame in it that is needed; nothing is stepped yet.</summary>
    /// <param name="plan">Set-up of this run. If the directory was written with another, that is a change at the end of its log.</param>
    /// <param name="models">Those of the set-up.</param>
    /// <param name="redeliveryCapacity">Packets a client of the embedded broker may have unacknowledged.</param>
    /// <param name="streamsInMemory">Streams whose states may be in memory; null for all.</param>
    /// <exception cref="InvalidDataException">The log is damaged, or cannot be gone on with; says what to do.</exception>
    public DurableState(IDataFiles files, StreamDirectory directory, ServingPlan plan, ModelCatalog models, DurabilityOptions options, int redeliveryCapacity,
        Action<string> failed, TimeProvider clock, ILogger logger, int? streamsInMemory = null)
    {
        ColdStore.Clear(files);
        Cold = streamsInMemory is int limit ? new ColdStore(files, limit, failed, logger) : null;
        (_options, _clock, _logger, _folder) = (options, clock, logger, files as IDisposable);
        _reader = new LogReader(files);
        _store = new SnapshotStore(files);
        _store.RemoveUnfinished();
        _state = new LogIndex(directory, redeliveryCapacity);
        _snapshot = _store.Find();

        if (_snapshot.Count > 0)
            _plans.Add(SnapshotPosition, _snapshot[^1].Plan);
        long confirmed = SnapshotPosition;
        _end = _reader.Read(SnapshotPosition, (records, position) =>
        {
            _plans.Add(records, position, SnapshotPosition);
            Look(records, position, ref confirmed);
        });
        bool isNew = !plan.Equals(_plans.Last);
        _changes = isNew && _plans.Last is not null;
        _plans.Add(_end.NextPosition, plan);
        _models = new KeptModels(files, models);
        Map = _plans.Map(directory, _models.Load);

        _models.Keep();   // before the record that names them
        _reader.Repair(_end);
        _state.ConfirmedOutputs = ConfirmedOutputs = confirmed;
        Log = new InputLog(files, _state, _end, options, failed, clock, logger);
        if (isNew)
            Log.Append(LogRecordKind.ServingPlan, plan.ToJson());
    }

    public InputLog Log { get; }

    /// <summary>The kinds of this run, and those of the runs before that are needed to make steps again.</summary>
    public StreamModels Map { get; }

    /// <summary>Store of the streams beyond the memory bound; null without a bound.</summary>
    public ColdStore? Cold { get; }

    /// <summary>True while the disk is full and intake blocks.</summary>
    public bool IsFull => Log.IsFull || Cold is { IsFull: true };

    /// <summary>The broker has every output up to here: they are stepped again, not published.</summary>
    public long ConfirmedOutputs { get; }

    /// <summary>Snapshots abandoned since the start.</summary>
    public long FailedSnapshotCount => _checkpointer?.FailedCount ?? 0;

    /// <summary>Snapshots written since the start.</summary>
    public long SnapshotCount => _checkpointer?.SnapshotCount ?? 0;

    /// <summary>Time that a restart would take to step the log behind the last snapshot.</summary>
    public TimeSpan WorkToRepeat => _checkpointer?.WorkToRepeat ?? default;

    /// <summary>Bytes of them.</summary>
    public long SnapshotBytes => _checkpointer?.SnapshotBytes ?? 0;

    private long SnapshotPosition => _snapshot.Count > 0 ? _snapshot[^1].Position : 0;

    /// <summary>Brings names, sessions and states back as the snapshot has them, before the engine starts.</summary>
    public void Restore(StreamEngine engine, ISessionJournal? sessions) =>
        _store.Load(_snapshot, _state, sessions, (stream, kind, row) => engine.Restore(stream, Map.KindIn(plan: 0, kind), row));

    /// <summary>Steps again what came after the snapshot; returns when its last tick is in its shard's queue.</summary>
    /// <returns>Ticks brought back.</returns>
    public long Replay(TickRouter router, ISessionJournal? sessions)
    {
        LogReplay replay = new(_state, new ShardTarget(router), sessions, SnapshotPosition, _plans);
        LogEnd end = _reader.Read(SnapshotPosition, replay.Visit);
        if ((end.NextPosition, end.Crc) != (_end.NextPosition, _end.Crc))
        {
            throw new InvalidDataException($"the input log ended at position {_end.NextPosition} and, read again, at {end.NextPosition}: the disk does not give back "
                + "the same bytes each time. Look at it before starting the worker again");
        }
        if (_changes)
        {
            replay.Switch(_plans.LastPosition);
            Telemetry.Log.SetupChanged(_logger, Change());
        }
        return replay.TickCount;
    }

    /// <summary>Starts the commits and the snapshots.</summary>
    /// <param name="mark">Asks the link to say when the broker has everything published so far.</param>
    /// <param name="settle">Returns when whatever was published so far is kept by whoever else keeps it; null where nobody does.</param>
    public void Start(StreamEngine engine, TickRouter router, ISessionJournal? sessions, Action<long, Action<long>> mark, Action? settle = null)
    {
        _checkpointer = new Checkpointer(Log, engine, router, _store, _snapshot.Count > 0 ? _snapshot[^1] : null, _plans, _models, sessions, mark, settle, _options,
            _clock, _logger);
        Log.Start();
        _checkpointer.Start();
    }

    /// <summary>Ends intake: waits for room on the disk fail.</summary>
    public void Refuse()
    {
        Log.Refuse();
        Cold?.EndWaiting();
    }

    /// <summary>Saves the states a last time. Nothing is taken in any more, the shards still run.</summary>
    /// <param name="patience">Time for the broker to confirm the last outputs.</param>
    public void Stop(TimeSpan? patience = null) => _checkpointer?.Stop(patience ?? LastConfirmations);

    public void Dispose()
    {
        Log.Dispose();
        Cold?.Dispose();
        _folder?.Dispose();
    }

    /// <summary>Describes how many streams continue under which model.</summary>
    private string Change()
    {
        Dictionary<(int Before, int Now), int> counts = [];
        for (int stream = 0; stream < _state.DefinedStreams; stream++)
        {
            (int, int) kinds = (Map.KindOf(stream, Map.PlanCount - 2), Map.KindOf(stream, Map.PlanCount - 1));
            counts[kinds] = counts.GetValueOrDefault(kinds) + 1;
        }
        int same = counts.Where(entry => entry.Key.Before == entry.Key.Now).Sum(entry => entry.Value);
        return string.Join("", counts.Where(entry => entry.Key.Before != entry.Key.Now)
            .Select(entry => $"{entry.Value} streams of {Map.Kinds[entry.Key.Before]} go on under {Map.Kinds[entry.Key.Now]}, ")) + $"{same} as before";
    }

    /// <summary>Reads what must be known before the first record is restored.</summary>
    private static void Look(ReadOnlySpan<byte> records, long position, ref long confirmed)
    {
        FrameReader frame = new(records, position);
        while (frame.TryRead(out LogRecord record))
        {
            if (record.Kind == LogRecordKind.OutputsConfirmed)
                confirmed = Math.Max(confirmed, record.Upto);
            frame.SkipTicks(record.TickCount);
        }
    }

    /// <summary>Hands what is replayed to the shards.</summary>
    private sealed class ShardTarget(TickRouter router) : IReplayTarget
    {
        private readonly PacketBlocks _blocks = new();

        public void Step(ReadOnlySpan<Tick> ticks, long position)
        {
            _blocks.Begin();
            _blocks.Add(ticks);
            router.Route(_blocks, position);
        }

        public void Reset(int stream, long position)
        {
            router.Reserve(_blocks, TickBlockKind.Reset, stream);
            _blocks.Write(position);
        }

        public void Switch(int plan, long position) => router.Broadcast(_blocks, TickBlockKind.Switch, position, plan);
    }
}
