using Microsoft.Extensions.Logging;
using StreamRnn.Engine.Storage;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Intake;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Journal;

/// <summary>
/// Writing end of the input log. Readers of sockets append to the frame that is being filled; the commit thread takes the frame, writes it,
/// syncs it and wakes whoever waits for it. It waits for the disk alone, not for a shard or a broker.
/// </summary>
/// <remarks>
/// The next frame goes as soon as the last one is on the disk and something waits, but not sooner than the commit interval after that. An
/// fsync that fails ends the process: nobody knows what is on the disk then, and asking again would be told a success that is none.
/// </remarks>
public sealed class InputLog : ITickLog, IDeliveryJournal, IDisposable
{
    /// <summary>Positions of one frame, about: then it goes whatever the interval. Bounds the memory of intake that waits for the disk.</summary>
    public const int FramePositions = 4096;

    // How often a full disk is asked again.
    private static readonly TimeSpan FullDiskPause = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Memory bound of the log: two frames at their largest, a packet of new streams with the longest names on top, while their memory
    /// doubles.
    /// </summary>
    public const long MemoryBoundBytes = 2L * 2 * (FramePositions + PacketIntake.MaximumTicks) * (FrameBuffer.MostTickBytes + FrameBuffer.MostNameBytes);

    private readonly LogIndex _state;
    private readonly SegmentWriter _segments;   // the commit thread's
    private readonly TimeSpan _interval;
    private readonly TimeProvider _clock;
    private readonly Action<string> _failed;
    private readonly ILogger _logger;
    private readonly Thread _thread;
    private readonly object _lock = new();       // of what is being filled and of the state
    private readonly object _committed = new();  // of those who wait for the disk
    private FrameBuffer _filling = new();
    private FrameBuffer _spare = new();
    private long _durable;
    private long _bytes;
    private long _frames;
    private int _waiting;
    private bool _isDue;
    private bool _isIdle;
    private bool _isResting;
    private bool _isFull;
    private bool _refusing;
    private bool _closing;

    /// <param name="end">Of what was recovered.</param>
    /// <param name="failed">Receives the reason, with the remedy, when the process must end.</param>
    public InputLog(IDataFiles files, LogIndex state, LogEnd end, DurabilityOptions options, Action<string> failed, TimeProvider clock, ILogger logger)
    {
        (_state, _interval, _failed, _clock, _logger) = (state, options.CommitInterval, failed, clock, logger);
        _segments = new SegmentWriter(files, options.SegmentBytes, end.Crc);
        _durable = end.NextPosition - 1;
        _filling.Begin(end.NextPosition);
        _thread = new Thread(Run) { Name = "commit", IsBackground = true };
    }

    public long DurablePosition => Volatile.Read(ref _durable);

    public bool IsKept => true;

    /// <summary>The last position appended, on the disk or not yet.</summary>
    public long AppendedPosition
    {
        get
        {
            lock (_lock)
                return _filling.NextPosition - 1;
        }
    }

    /// <summary>Streams that have been named in the log; others have no state.</summary>
    public int DefinedStreams
    {
        get
        {
            lock (_lock)
                return _state.DefinedStreams;
        }
    }

    /// <summary>Names of the streams.</summary>
    public StreamDirectory Directory => _state.Directory;

    /// <summary>
    /// What was confirmed goes with the next packet, and by itself when none comes for so long: without that a kill after a quiet night would
    /// have the last outputs published again.
    /// </summary>
    public TimeSpan ConfirmationPatience { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Callback of the commit thread after each fsync; must not block.</summary>
    public Action? Committed { get; set; }

    /// <summary>Bytes written since the start.</summary>
    public long WrittenBytes => Volatile.Read(ref _bytes);

    /// <summary>Frames written since the start: fsyncs.</summary>
    public long WrittenFrames => Volatile.Read(ref _frames);

    /// <summary>True while the disk is full and intake blocks.</summary>
    public bool IsFull => Volatile.Read(ref _isFull);

    public bool IsStuck
    {
        get
        {
            lock (_lock)
                return _isFull && _filling.Count >= FramePositions;
        }
    }

    /// <summary>True while the commit thread sleeps: nothing pending, and nothing arrived within the last wait.</summary>
    public bool IsResting => Volatile.Read(ref _isResting);

    public void Start() => _thread.Start();

    public PacketSource Open(string name, DuplicateRule rule, bool isResumed)
    {
        if (rule == DuplicateRule.None)
            return new PacketSource(id: 0, name, rule, capacity: 1);   // not worth a word: it will never be heard of again

        PacketSource source;
        lock (_lock)
        {
            PacketSource? known = _state.Find(name);
            if (known is { } && known.Rule != rule)
                _state.Remove(known);
            if (known?.Rule != rule)
            {
                source = _state.Add(name, rule);
                _filling.Source(source);
                return source;
            }
            source = known;
            source.IsKnown = true;
        }
        lock (source.Lock)
        {
            lock (_lock)
            {
                if (!isResumed)
                    _filling.SourceEvent(LogRecordKind.SourceAnew, source.Id);
                source.Connect(isResumed);
            }
        }
        return source;
    }

    public void Close(PacketSource source)
    {
        lock (_lock)
        {
            if (_state.Find(source.Name) != source)
                return;
            _state.Remove(source);
            _filling.SourceEvent(LogRecordKind.SourceGone, source.Id);
        }
    }

    public bool TryAppend(in Packet packet, ulong hash, PacketBlocks blocks, Action<PacketBlocks, long> write)
    {
        ReadOnlySpan<Tick> ticks = blocks.Ticks;
        lock (_lock)
        {
            if (!TryWaitForRoom(mayWait: packet.Qos > 0))
                return false;
            for (int last = MaximumStream(ticks); _state.DefinedStreams <= last; _state.DefinedStreams++)
                _filling.Stream(_state.Directory.Utf8Name(_state.DefinedStreams), _state.Directory.TopicLength(_state.DefinedStreams));
            _filling.Packet(in packet, hash, ticks);

            long position = _filling.NextPosition - 1;
            packet.Ledger?.SetPosition(blocks.Origin.Packet, position);
            packet.Source?.Note(packet.PacketId, packet.Qos, hash, position);
            write(blocks, position);
            SetDue();
            return true;
        }
    }

    public void Acknowledge(long position, PacketLedger ledger, long packet)
    {
        lock (_lock)
        {
            if (DurablePosition < position)
            {
                _filling.Owed.Add((ledger, packet));
                SetDue();
                return;
            }
        }
        ledger.Complete(packet);
    }

    public void Release(PacketSource source, ushort packetId, PacketLedger ledger, long packet)
    {
        lock (_lock)
        {
            source.Release(packetId);
            if (source.Id > 0)
            {
                _filling.Release(source.Id, packetId);
                _filling.Owed.Add((ledger, packet));
                SetDue();
                return;
            }
        }
        ledger.Complete(packet);
    }

    public void Confirm(PacketSource source, long position)
    {
        if (source.Id == 0)
            return;
        lock (source.Lock)
        {
            lock (_lock)
            {
                source.Confirm(position);
                _filling.AcknowledgementsConfirmed(source.Id, position);
                Rouse();
            }
        }
    }

    /// <summary>The broker has every output up to this position.</summary>
    public void ConfirmOutputs(long position)
    {
        lock (_lock)
        {
            if (position <= _state.ConfirmedOutputs)
                return;
            _state.ConfirmedOutputs = position;
            _filling.OutputsConfirmed(position);
            Rouse();
        }
    }

    /// <summary>Cuts the order of everything at this place, the same in the log and in every shard.</summary>
    /// <param name="saves">True if sessions are saved there.</param>
    /// <param name="write">Hands the control message to the shards, given the place; called inside the lock, so it must not wait.</param>
    public LogCut Cut(bool saves, Action<long> write)
    {
        lock (_lock)
        {
            long position = _filling.NextPosition - 1;
            write(position);
            return new LogCut(position, _state.DefinedStreams, saves ? SourceTable.Write(_state.Sources) : default);
        }
    }

    /// <summary>Resets a stream, at one place of the log and of its shard's ticks.</summary>
    /// <param name="write">Hands the reset to the shard, given its position; called inside the lock, so it must not wait.</param>
    /// <returns>The position; 0 where nothing is taken in any more and nothing was handed over.</returns>
    public long Reset(int stream, Action<long> write)
    {
        lock (_lock)
        {
            if (!TryWaitForRoom(mayWait: true))
                return 0;
            long position = _filling.NextPosition;
            _filling.Reset(stream);
            write(position);
            SetDue();
            return position;
        }
    }

    public long Append(ReadOnlySpan<byte> record) => Append(LogRecordKind.BrokerSession, record);

    public long Append(LogRecordKind kind, ReadOnlySpan<byte> record)
    {
        lock (_lock)
        {
            _filling.Text(kind, record);
            SetDue();
            return _filling.NextPosition - 1;
        }
    }

    public void WaitUntilDurable(long position)
    {
        if (DurablePosition >= position)
            return;
        lock (_lock)
        {
            if (_filling.FirstPosition <= position)
                SetDue();   // it may be a record that would have gone with the next packet
        }
        lock (_committed)
        {
            _waiting++;
            while (DurablePosition < position)
                Monitor.Wait(_committed);
            _waiting--;
        }
    }

    /// <summary>Ends intake: packets that wait for room on the disk are refused, and their senders resend them.</summary>
    public void Refuse()
    {
        lock (_lock)
        {
            _refusing = true;
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Writes what was appended and ends.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _closing = _refusing = true;
            Monitor.PulseAll(_lock);
        }
        if (!_thread.ThreadState.HasFlag(ThreadState.Unstarted))
            _thread.Join();
        _segments.Dispose();
    }

    private static int MaximumStream(ReadOnlySpan<Tick> ticks)
    {
        int maximum = -1;
        foreach (ref readonly Tick tick in ticks)
            maximum = Math.Max(maximum, tick.Stream);
        return maximum;
    }

    private bool TryWaitForRoom(bool mayWait)
    {
        while (!_refusing && (_filling.Count >= FramePositions || _isFull))
        {
            if (_isFull && !mayWait)
                return false;
            Monitor.Wait(_lock);
        }
        return !_refusing;
    }

    private void SetDue()
    {
        _isDue = true;
        if (_isIdle || _filling.Count >= FramePositions)
        {
            _isIdle = false;
            Monitor.PulseAll(_lock);
        }
    }

    private void Run()
    {
        long committedAt = _clock.GetTimestamp() - _clock.TimestampFrequency;
        while (TryTake(committedAt, out FrameBuffer frame, out bool wasDue))
        {
            if (frame.Count > 0 && !TryCommit(frame))
                return;
            committedAt = _clock.GetTimestamp();
            foreach ((PacketLedger ledger, long packet) in frame.Owed)
                ledger.Complete(packet);
            frame.Owed.Clear();
            if (wasDue)
                Committed?.Invoke();   // a confirmation alone is followed by nothing that would have to be confirmed
        }
        try
        {
            _segments.End();
        }
        catch (IOException)
        {
            // It is cut at the next start.
        }
    }

    /// <summary>Waits until the next frame is to go.</summary>
    /// <param name="wasDue">True if the frame holds more than confirmations, so that something waits for it.</param>
    /// <returns>False when nothing is left and nothing more will come.</returns>
    private bool TryTake(long committedAt, out FrameBuffer frame, out bool wasDue)
    {
        lock (_lock)
        {
            WaitUntilDue();
            TimeSpan left;
            while (!_closing && _filling.Count < FramePositions && (left = _interval - _clock.GetElapsedTime(committedAt)) > TimeSpan.Zero)
                Monitor.Wait(_lock, left);

            (frame, wasDue) = (_filling, _isDue);
            if (_closing && frame.Count == 0 && frame.Owed.Count == 0)
                return false;
            _isDue = false;
            _filling = _spare;
            _spare = frame;
            _filling.Begin(frame.NextPosition);
            Monitor.PulseAll(_lock);
            return true;
        }
    }

    /// <summary>Returns too when only confirmations have come and no packet has taken them along.</summary>
    private void WaitUntilDue()
    {
        while (!_isDue && !_closing)
        {
            _isIdle = true;
            bool roused = Monitor.Wait(_lock, _isResting ? Timeout.InfiniteTimeSpan : ConfirmationPatience);
            _isIdle = false;
            Volatile.Write(ref _isResting, !roused && _filling.Count == 0);
            if (!roused && !_isResting)
                return;
        }
    }

    /// <summary>A thread that rests begins to count the time.</summary>
    private void Rouse()
    {
        if (_isIdle && _isResting)
            Monitor.PulseAll(_lock);
    }

    private bool TryCommit(FrameBuffer frame)
    {
        try
        {
            while (!_segments.TryWrite(frame))
            {
                if (!IsFull)
                    Log.DiskFull(_logger);
                Volatile.Write(ref _isFull, true);
                lock (_lock)
                {
                    if (_closing)
                        return false;   // nothing of it was acknowledged
                    Monitor.Wait(_lock, FullDiskPause);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _failed($"the input log cannot be written: {e.Message} Nothing that was acknowledged is lost; what was not comes again. "
                + "Look at the disk before starting the worker again");
            return false;
        }

        Volatile.Write(ref _bytes, _bytes + frame.Bytes.Length);
        Volatile.Write(ref _frames, _frames + 1);
        Volatile.Write(ref _durable, frame.NextPosition - 1);
        lock (_committed)
        {
            if (_waiting > 0)
                Monitor.PulseAll(_committed);
        }
        if (IsFull)
        {
            Log.DiskHasRoom(_logger);
            lock (_lock)
            {
                Volatile.Write(ref _isFull, false);
                Monitor.PulseAll(_lock);
            }
        }
        return true;
    }
}

/// <summary>A position in the log's order, and the log's index there.</summary>
/// <param name="Streams">Names written down before it.</param>
/// <param name="Sources">Sessions, see <see cref="SourceTable"/>; empty where nothing is saved.</param>
public sealed record LogCut(long Position, int Streams, ReadOnlyMemory<byte> Sources);
