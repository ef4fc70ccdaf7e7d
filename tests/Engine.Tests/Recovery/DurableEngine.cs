using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Recovery;
using StreamRnn.Engine.Serving;
using StreamRnn.Engine.Snapshots;
using StreamRnn.Engine.Stepping;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Engine.Tests.Stepping;
using StreamRnn.Engine.Tests.Storage;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Intake;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Tests.Recovery;

/// <summary>Intake, log, shards, publisher and snapshots over files in memory: one life of a worker without its sockets.</summary>
internal sealed class DurableEngine : IDisposable
{
    public static readonly DurabilityOptions Hasty = new()
    {
        CommitInterval = TimeSpan.Zero,
        ReplayLimit = TimeSpan.Zero,
        ConfirmInterval = TimeSpan.Zero,
        SegmentBytes = 64 << 10,
    };

    private readonly WorkerMetrics _metrics = new();
    private readonly StreamEngine _engine;
    private readonly TickRouter _router;
    private int _marks;

    /// <param name="outputs">What leaves, under the lock of the files: a copy of both is of one instant.</param>
    /// <param name="options">Null for snapshots and confirmations as often as can be.</param>
    public DurableEngine(FaultyFiles files, int shards, List<Forecast> outputs, DurabilityOptions? options = null, bool confirms = true,
        int? streamsInMemory = null, IReadOnlyList<(StreamPattern Pattern, TickRule Rule)>? rules = null, ModelCatalog? models = null, ISessionJournal? sessions = null)
    {
        StreamDirectory directory = new(10_000);
        rules ??= [];
        Files = files;
        models ??= new ModelCatalog(new ChainForecaster(), []);
        State = new DurableState(files, directory, ServingPlan.Of(models, rules), models, options ?? Hasty, 4096, reason => Failure = reason, TimeProvider.System, NullLogger.Instance,
            streamsInMemory);
        _engine = new StreamEngine(State.Map, new EngineCapacity(shards) { Cold = State.Cold }, _metrics, traces: null, State.Log, State.ConfirmedOutputs,
            new Sink(files, outputs));
        _engine.Dropped = (fault, _, _) => Faults.Refuse(fault, "t"u8);
        _router = new TickRouter(_engine.Inboxes);
        IntakeOptions intake = new() { Numbering = [.. rules.Select(entry => new NumberedTopics(entry.Pattern.Topics, entry.Rule.Once == TickOnce.Sequence))] };
        Intake = new PacketIntake(directory, _router, Faults, TimeProvider.System, intake, State.Log);
        Directory = directory;

        State.Restore(_engine, sessions: null);
        _engine.Start();
        Replayed = State.Replay(_router, sessions: null);
        State.Start(_engine, _router, sessions, (position, confirmed) =>
        {
            Interlocked.Increment(ref _marks);
            if (confirms)
                confirmed(position);
        });
    }

    public FaultyFiles Files { get; }

    public StreamDirectory Directory { get; }

    public DurableState State { get; }

    public PacketIntake Intake { get; }

    public long Replayed { get; }

    public string? Failure { get; private set; }

    public long Published => _engine.Published;

    /// <summary>Cuts whose outputs have been handed over.</summary>
    public int MarkCount => Volatile.Read(ref _marks);

    public int InMemoryCount => _engine.InMemoryCount;

    /// <summary>Ticks that rules hold.</summary>
    public long Held => _engine.Held;

    public FaultCounters Faults { get; } = new(NullLogger.Instance, TimeProvider.System);

    public int Send(PacketSource? source, PacketLedger? ledger, ushort id, string topic, string payload, byte qos = 1, bool dup = false)
    {
        Packet packet = new()
        {
            Topic = Encoding.UTF8.GetBytes(topic),
            Payload = Encoding.UTF8.GetBytes(payload),
            Qos = qos,
            PacketId = id,
            Ledger = ledger,
            Source = source,
            IsRedelivery = dup,
        };
        return Intake.Accept(in packet);
    }

    /// <summary>Lets the streams of a pattern begin anew; returns when that is durable.</summary>
    public int? Reset(string pattern) => StreamResets.Append(State.Log, _router, new StreamPattern(pattern));

    /// <summary>The rows that a stop in order has left, by stream.</summary>
    public static SortedDictionary<int, float[]> RowsIn(FaultyFiles files)
    {
        SnapshotStore store = new(files);
        SortedDictionary<int, float[]> rows = [];
        store.Load(store.Find(), new LogIndex(new StreamDirectory(10_000), redeliveryCapacity: 1), sessions: null,
            (stream, _, row) => rows[stream] = row.ToArray());
        return rows;
    }

    /// <summary>The end in order.</summary>
    /// <param name="patience">How long the broker may take to confirm the last outputs; null for as long as in a worker.</param>
    public void Stop(TimeSpan? patience = null)
    {
        State.Refuse();
        State.Stop(patience);
        End();
    }

    /// <summary>The end of a life whose files have been copied already: whatever it still does is seen by nobody.</summary>
    public void Dispose()
    {
        State.Refuse();
        State.Stop(TimeSpan.Zero);
        End();
    }

    private void End()
    {
        _engine.Drain();
        State.Dispose();
        _metrics.Dispose();
    }

    private sealed class Sink(FaultyFiles files, List<Forecast> outputs) : IForecastSink
    {
        public string Name => "list";

        public void Write(ReadOnlySpan<Forecast> forecasts)
        {
            lock (files.Lock)
                outputs.AddRange(forecasts);
        }

        public void Complete()
        {
        }
    }
}
