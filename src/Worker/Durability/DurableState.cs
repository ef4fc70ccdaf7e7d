using Microsoft.Extensions.Logging;
using StreamRnn.Ingest;
using StreamRnn.Worker.Commands;
using StreamRnn.Worker.Configuration;

namespace StreamRnn.Worker.Durability;

/// <summary>
/// What outlives the process: a data directory, read at the start and written from then on. The way back is to step the log again; what
/// follows from it leaves again too, bit for bit, above what the broker is known to have.
/// </summary>
internal sealed class DurableState : IDisposable
{
    private readonly LogReader _reader;
    private readonly JournalState _state;
    private readonly IDisposable? _folder;

    /// <summary>Opens a directory and checks every frame in it; nothing is stepped yet.</summary>
    /// <param name="models">What this run steps with.</param>
    /// <param name="redeliveryCapacity">Packets a client of the embedded broker may have unacknowledged.</param>
    /// <exception cref="InvalidDataException">The log is damaged, or cannot be gone on with; says what to do.</exception>
    public DurableState(IDataFiles files, StreamDirectory directory, Setup setup, DurabilityOptions options, int redeliveryCapacity,
        Action<string> failed, TimeProvider clock, ILogger logger)
    {
        _folder = files as IDisposable;
        _reader = new LogReader(files);
        _state = new JournalState(directory, redeliveryCapacity);

        Setup? before = null;
        long confirmed = 0;
        LogEnd end = _reader.Read(after: 0, (records, position) => Look(records, position, ref before, ref confirmed));
        if (before is not null && !before.Equals(setup))
        {
            throw new CommandFailedException($"the data directory steps with {before}, this configuration with {setup}: name the same models, "
                + "or give this worker a data directory of its own, where every stream begins anew");
        }
        _reader.Repair(end);
        ConfirmedOutputs = confirmed;
        Log = new InputLog(files, _state, end, options.CommitInterval, failed, clock, logger);
        if (before is null)
            Log.Append(LogRecordKind.Setup, setup.ToJson());
    }

    public InputLog Log { get; }

    /// <summary>The broker has every output up to here: they are stepped again, not published.</summary>
    public long ConfirmedOutputs { get; }

    /// <summary>Steps the log again; returns when its last tick is in its shard's queue.</summary>
    /// <returns>Ticks brought back.</returns>
    public long Replay(TickRouter router, ISessionJournal? sessions)
    {
        LogReplay replay = new(_state, router, sessions, after: 0);
        _reader.Read(after: 0, replay.Visit);
        return replay.TickCount;
    }

    public void Dispose()
    {
        Log.Dispose();
        _folder?.Dispose();
    }

    /// <summary>What must be known before the first record is brought back.</summary>
    private static void Look(ReadOnlySpan<byte> records, long position, ref Setup? setup, ref long confirmed)
    {
        FrameReader frame = new(records, position);
        while (frame.TryRead(out LogRecord record))
        {
            if (record.TickCount > 0)
                frame.SkipTicks(record.TickCount);
            else if (record.Kind == LogRecordKind.Setup)
                setup = Setup.Parse(record.Bytes);
            else if (record.Kind == LogRecordKind.OutputsConfirmed)
                confirmed = Math.Max(confirmed, record.Upto);
        }
    }
}
