using System.Buffers;
using System.Buffers.Binary;
using Microsoft.Extensions.Logging;
using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Serving;
using StreamRnn.Engine.Stepping;
using StreamRnn.Engine.Storage;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Snapshots;

/// <summary>
/// Keeps the way back short. While ticks come it cuts their order again and again: one place, the same in every shard and in the log. When
/// the broker has every output of what lies before a cut, that is written down, and those outputs are not published again after a restart.
/// When stepping again what came since the last snapshot would take about a second, the states at the cut are saved as well.
/// </summary>
/// <remarks>
/// A snapshot counts only when the log is durable and the outputs are confirmed up to its place. Without ticks nothing happens here, and no
/// timer runs.
/// </remarks>
internal sealed class Checkpointer
{
    // Of a tick, from the log to its shard: 6.8 million in 4.9 s on a busy machine.
    private static readonly TimeSpan ReadBack = TimeSpan.FromMicroseconds(0.7);

    // Of a section of names: some thousands.
    private const int NamesBytes = 64 << 10;

    // From this share of the replay limit on a snapshot is taken where it at most doubles what was written to the log since the last.
    private const double EarlyShare = 0.7;

    private readonly InputLog _log;
    private readonly StreamEngine _engine;
    private readonly TickRouter _router;
    private readonly PacketBlocks _message = new();
    private readonly SnapshotStore _store;
    private readonly ServingPlan _plan;
    private readonly long _planPosition;
    private readonly KeptModels _models;
    private readonly ISessionJournal? _sessions;
    private readonly Action<long, Action<long>> _mark;
    private readonly Action? _settle;
    private readonly DurabilityOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly Thread _thread;
    private readonly object _lock = new();
    private readonly ArrayBufferWriter<byte> _sessionBytes = new();
    private SnapshotHead? _last;
    private TimeSpan _busyAtSnapshot;
    private long _positionAtSnapshot;
    private long _bytesAtSnapshot;
    private long _cutAt;
    private long _reached;
    private long _confirmed;
    private bool _isAheadOfFile;
    private volatile bool _savesSessions;
    private bool _isDue;
    private bool _isIdle;
    private bool _closing;

    /// <param name="last">The snapshot that was recovered; null for none.</param>
    /// <param name="plans">The last of them holds from here on.</param>
    /// <param name="sessions">The embedded broker's, which go into the snapshot; null for a broker elsewhere.</param>
    /// <param name="mark">
    /// Asks the link to say, by the action, when the broker has everything published so far; called where the position has been reached.
    /// </param>
    /// <param name="settle">Returns when a recording has what was published so far: what lies before a snapshot is not stepped again.</param>
    public Checkpointer(InputLog log, StreamEngine engine, TickRouter router, SnapshotStore store, SnapshotHead? last, ServingHistory plans,
        KeptModels models, ISessionJournal? sessions, Action<long, Action<long>> mark, Action? settle, DurabilityOptions options, TimeProvider clock, ILogger logger)
    {
        (_log, _engine, _router, _store, _last, _models, _sessions, _mark) = (log, engine, router, store, last, models, sessions, mark);
        (_plan, _planPosition) = (plans.Last!, plans.LastPosition);
        (_settle, _options, _clock, _logger) = (settle, options, clock, logger);
        _positionAtSnapshot = last?.Position ?? 0;
        _thread = new Thread(Run) { Name = "checkpoints", IsBackground = true };
        engine.BarrierReached = Reached;
        log.Committed = SetDue;
    }

    /// <summary>Snapshots written since the start.</summary>
    public long SnapshotCount { get; private set; }

    /// <summary>Bytes of them.</summary>
    public long SnapshotBytes { get; private set; }

    /// <summary>Snapshots abandoned since the start, for a full disk or a failed write.</summary>
    public long FailedCount { get; private set; }

    /// <summary>Time that a restart would take to step the log behind the last snapshot.</summary>
    public TimeSpan WorkToRepeat => _engine.Busy - _busyAtSnapshot + ((_log.AppendedPosition - _positionAtSnapshot) * ReadBack);

    /// <summary>About what a snapshot would write now.</summary>
    private long NextSnapshotBytes => IsNextWhole ? _engine.RowBytes + _log.Directory.NameBytes : _engine.ChangedRowBytes;

    /// <summary>True if the next snapshot is to stand alone.</summary>
    private bool IsNextWhole => !IsOfThisPlan || _isAheadOfFile || _store.IsLongChain;

    /// <summary>True if the rows of the last snapshot have the present layout.</summary>
    private bool IsOfThisPlan => _plan.Equals(_last?.Plan);

    public void Start() => _thread.Start();

    /// <summary>Saves the states a last time, when nothing is taken in any more and the shards still run, and ends.</summary>
    /// <param name="patience">Time for the broker to confirm the last outputs; after it the log must suffice. Zero saves nothing.</param>
    public void Stop(TimeSpan patience)
    {
        lock (_lock)
        {
            _closing = true;
            Monitor.PulseAll(_lock);
        }
        if (_thread.ThreadState.HasFlag(ThreadState.Unstarted))
            return;
        _thread.Join();
        if (patience > TimeSpan.Zero)
            Snapshot(patience);
    }

    /// <summary>Notes a commit.</summary>
    private void SetDue()
    {
        lock (_lock)
        {
            _isDue = true;
            if (_isIdle)
                Monitor.PulseAll(_lock);
        }
    }

    private void Run()
    {
        for (long cutAt = _clock.GetTimestamp(); WaitUntilDue(cutAt); cutAt = _clock.GetTimestamp())
        {
            if (IsSnapshotDue())
                Snapshot(patience: null);
            else if (WaitUntil(() => _reached >= _cutAt, patience: null))
                Cut(TickBlockKind.Barrier);
        }
    }

    /// <summary>
    /// True if the work of a restart has reached its limit, or is near it and the log has grown by as many bytes as a snapshot would write.
    /// </summary>
    private bool IsSnapshotDue()
    {
        TimeSpan work = WorkToRepeat;
        return work >= _options.ReplayLimit
            || (work >= EarlyShare * _options.ReplayLimit && _log.WrittenBytes - _bytesAtSnapshot >= NextSnapshotBytes);
    }

    /// <returns>False when it is to end.</returns>
    private bool WaitUntilDue(long cutAt)
    {
        lock (_lock)
        {
            while (!_isDue && !_closing)
            {
                _isIdle = true;
                Monitor.Wait(_lock);
                _isIdle = false;
            }
            TimeSpan left;
            while (!_closing && (left = _options.ConfirmInterval - _clock.GetElapsedTime(cutAt)) > TimeSpan.Zero)
                Monitor.Wait(_lock, left);
            _isDue = false;
            return !_closing;
        }
    }

    /// <param name="patience">Null for as long as the worker runs.</param>
    private bool WaitUntil(Func<bool> condition, TimeSpan? patience)
    {
        long startedAt = _clock.GetTimestamp();
        lock (_lock)
        {
            while (!condition())
            {
                if (patience is TimeSpan limit)
                {
                    TimeSpan left = limit - _clock.GetElapsedTime(startedAt);
                    if (left <= TimeSpan.Zero)
                        return false;
                    Monitor.Wait(_lock, left);
                }
                else if (_closing)
                {
                    return false;
                }
                else
                {
                    Monitor.Wait(_lock);
                }
            }
        }
        return true;
    }

    /// <summary>Cuts here. The cut before must have come through.</summary>
    private LogCut Cut(TickBlockKind kind)
    {
        _savesSessions = kind != TickBlockKind.Barrier;
        _router.Reserve(_message, kind);
        return _log.Cut(_savesSessions, at =>
        {
            lock (_lock)
                (_cutAt, _reached) = (at, Math.Min(_reached, at - 1));   // before any shard can come to it; where nothing was appended since, the last one was here too
            _message.Write(at);
        });
    }

    /// <summary>The publisher has handed over every output of what lies before the cut.</summary>
    private void Reached(long position)
    {
        if (_savesSessions && _sessions is not null)
        {
            _sessionBytes.ResetWrittenCount();
            _sessions.Write(_sessionBytes);
        }
        _mark(position, Confirmed);
        lock (_lock)
        {
            _reached = position;
            Monitor.PulseAll(_lock);
        }
    }

    private void Confirmed(long position)
    {
        _log.ConfirmOutputs(position);
        lock (_lock)
        {
            _confirmed = Math.Max(_confirmed, position);
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Saves the states at a cut, and removes what is not needed any more.</summary>
    private void Snapshot(TimeSpan? patience)
    {
        if (!WaitUntil(() => _reached >= _cutAt, patience))
            return;

        (_busyAtSnapshot, _positionAtSnapshot, _bytesAtSnapshot) = (_engine.Busy, _log.AppendedPosition, _log.WrittenBytes);
        if (_log.AppendedPosition <= (_last?.Position ?? 0))
            return;
        bool all = IsNextWhole;
        LogCut cut = Cut(all ? TickBlockKind.SaveAll : TickBlockKind.SaveChanged);
        SnapshotHead head = new(LogFormat.ArithmeticVersion, cut.Position, all ? 0 : _last!.Position, all ? 0 : _last!.Streams, cut.Streams, _plan);
        _isAheadOfFile = true;   // the shards take these rows for saved from here on
        try
        {
            if (!TryWrite(head, cut, patience))
                return;
            if (_last?.Position >= _planPosition)
                _models.RemoveAllBut(_plan);   // the two newest snapshots are of this set-up, and so is all of the log that they need
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            FailedCount++;
            Log.SnapshotFailed(_logger, e.Message);
            return;
        }
        (_last, _isAheadOfFile) = (head, false);
        SnapshotCount++;
    }

    private bool TryWrite(SnapshotHead head, LogCut cut, TimeSpan? patience)
    {
        IDataFile? file = null;
        bool isPublished = false;
        try
        {
            long rows = 0;
            try
            {
                file = _store.Create(head);
                WriteNames(file, head);
                SnapshotFile.Append(file, SnapshotSection.Sources, cut.Sources.Span);
            }
            finally
            {
                rows = WriteRows(file);
            }
            if (!WaitUntil(() => _reached >= cut.Position && (_sessions is not null || _confirmed >= cut.Position), patience))
                return false;
            if (_sessions is not null)
                SnapshotFile.Append(file, SnapshotSection.BrokerSessions, _sessionBytes.WrittenSpan);
            _log.WaitUntilDurable(cut.Position);
            _settle?.Invoke();
            SnapshotBytes += _store.Publish(file, head, rows);
            isPublished = true;
        }
        finally
        {
            file?.Dispose();
            if (!isPublished)
                _store.RemoveUnfinished();
        }
        _store.RemoveOld();
        return true;
    }

    /// <summary>Writes the rows as the shards save them. They come, whatever becomes of the file: who fails takes the rest as well.</summary>
    private long WriteRows(IDataFile? file)
    {
        long rows = 0;
        IOException? failure = null;
        while (_engine.Rows.TryTake(out RowPiece piece))
        {
            try
            {
                if (file is not null && failure is null)
                    SnapshotFile.Append(file, SnapshotSection.Rows, piece.Bytes);
            }
            catch (IOException e)
            {
                failure = e;
            }
            rows += piece.RowCount;
            _engine.Rows.Return(piece);
        }
        return failure is null ? rows : throw failure;
    }

    private void WriteNames(IDataFile file, SnapshotHead head)
    {
        byte[] names = new byte[NamesBytes];
        int length = 0;
        for (int stream = head.FirstStream; stream < head.Streams; stream++)
        {
            ReadOnlySpan<byte> name = _log.Directory.Utf8Name(stream);
            if (length + 4 + name.Length > names.Length)
            {
                SnapshotFile.Append(file, SnapshotSection.Streams, names.AsSpan(0, length));
                length = 0;
            }
            Span<byte> to = names.AsSpan(length);
            BinaryPrimitives.WriteUInt16LittleEndian(to, (ushort)name.Length);
            BinaryPrimitives.WriteUInt16LittleEndian(to[2..], (ushort)_log.Directory.TopicLength(stream));
            name.CopyTo(to[4..]);
            length += 4 + name.Length;
        }
        SnapshotFile.Append(file, SnapshotSection.Streams, names.AsSpan(0, length));
    }
}
