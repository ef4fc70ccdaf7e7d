using System.Net.Sockets;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// The writing half of a connection: a thread that sends what falls due, acknowledgements, releases, messages that had to wait for the
/// window, pings. Publishers send for themselves, which spares a hop.
/// </summary>
internal sealed class MqttSender
{
    private const int LongestSend = 64 * 1024;
    private const int AcknowledgementBytes = 4;

    private readonly BrokerLinkOptions _options;
    private readonly BrokerTransport _transport;
    private readonly Publications _publications;
    private readonly IncomingMessages _incoming;
    private readonly TimeProvider _clock;
    private readonly Lock _sending = new();
    private readonly object _due = new();
    private readonly Thread _thread;
    private readonly Queue<ushort> _releases = new();   // ids of PUBRELs to send, under the lock of what is due
    private readonly byte[] _releaseBytes = new byte[256 * AcknowledgementBytes];
    private BrokerLimits _limits = BrokerLimits.From(default);
    private TimeSpan _keepAlive;
    private ITimer? _timer;
    private bool _somethingDue;
    private bool _started;
    private bool _closed;
    private long _lastReadAt;
    private long _lastSentAt;
    private long _pingAt;
    private volatile bool _reading;
    private volatile bool _peerGone;
    private string? _failure;

    public MqttSender(BrokerLinkOptions options, BrokerTransport transport, Publications publications, IDeliveryJournal? journal, PacketSource unwritten, TimeProvider clock)
    {
        (_options, _transport, _publications, _clock) = (options, transport, publications, clock);
        _incoming = new IncomingMessages(options, journal, unwritten, SignalDue, SendAcknowledgementsNow);
        _thread = new Thread(SendWhatIsDue) { Name = "mqtt send " + options.ClientId, IsBackground = true };
    }

    public IncomingMessages Incoming => _incoming;

    /// <summary>Error of the write that ended the connection; null while none has.</summary>
    public string? Failure => Volatile.Read(ref _failure);

    /// <summary>True if a write failed because the broker had closed.</summary>
    public bool FoundPeerGone => _peerGone;

    public int Window => Math.Min(_options.PublishWindow, _limits.ReceiveMaximum);

    // A broker of 3.1.1 has a limit and no way to say it. mosquitto's is 20; what exceeds it is confirmed and dropped (seen with 2.0.11).
    public int WindowAtQos2 => _options.Version == MqttVersion.V311 ? Math.Min(Window, 20) : Window;

    /// <summary>True while the reader waits in the socket: only then is silence the broker's.</summary>
    public bool Reading
    {
        set => _reading = value;
    }

    /// <summary>The broker has accepted us: what waits may leave.</summary>
    public void Start(BrokerLimits limits, TimeSpan keepAlive)
    {
        (_limits, _keepAlive) = (limits, keepAlive);
        _lastReadAt = _lastSentAt = _clock.GetTimestamp();
        lock (_sending)
            _started = true;
        _thread.Start();
        _timer = _clock.CreateTimer(_ => SignalDue(), null, keepAlive / 4, keepAlive / 4);
    }

    /// <summary>Records that something was read.</summary>
    public void Heard() => Volatile.Write(ref _lastReadAt, _clock.GetTimestamp());

    /// <summary>Sends messages that wait, as far as the window allows. Any thread.</summary>
    public void SendMessages()
    {
        lock (_sending)
        {
            while (!_closed && _started)
            {
                ReadOnlySpan<byte> piece = _publications.TakeUnsent(Window, WindowAtQos2, LongestSend);
                if (!piece.IsEmpty && !TryWrite(piece))
                    return;
                _publications.Written();   // also what needed no sending, because it was confirmed before the connection broke
                if (piece.IsEmpty)
                    return;
            }
        }
    }

    /// <summary>Sends the due acknowledgements, many in one write, and a PINGREQ behind those that are to be confirmed.</summary>
    /// <param name="pieces">Writes, each of up to 2 KB; what is left the sender sends.</param>
    public void SendAcknowledgements(int pieces = int.MaxValue)
    {
        lock (_sending)
        {
            bool more = true;
            for (; more && pieces > 0 && !_closed; pieces--)
            {
                ReadOnlySpan<byte> piece = _incoming.Take(out more);
                if (!piece.IsEmpty && !TryWrite(piece))
                    return;
            }
            if (more)
            {
                SignalDue();
                return;
            }
            if (_incoming.OwesBarrier && Volatile.Read(ref _pingAt) == 0)
                Ping();
        }
    }

    /// <summary>
    /// Sends the acknowledgements on the thread that made them due, if that does not block: a thread that publishes outputs must not wait
    /// while the broker waits for us to read.
    /// </summary>
    private void SendAcknowledgementsNow()
    {
        if (_sending.TryEnter())
        {
            try
            {
                if (!_closed && _transport.IsWritable)
                {
                    SendAcknowledgements(pieces: 1);
                    return;
                }
            }
            finally
            {
                _sending.Exit();
            }
        }
        SignalDue();
    }

    /// <summary>Releases a message that the broker has received at QoS 2, also an unknown one: the broker waits for the release.</summary>
    /// <returns>False for so many that it makes them up.</returns>
    public bool TryRelease(ushort packetId)
    {
        lock (_due)
        {
            if (_releases.Count == ushort.MaxValue)
                return false;
            _releases.Enqueue(packetId);
            return true;
        }
    }

    /// <summary>PINGRESP: it also says that the broker has dealt with every acknowledgement sent before the PINGREQ.</summary>
    public void PingAnswered()
    {
        long position;
        bool more;
        lock (_sending)
        {
            position = _incoming.PingAnswered();
            Volatile.Write(ref _pingAt, 0);
            more = _incoming.OwesBarrier;
        }
        _incoming.Confirm(position);
        if (more)
            SignalDue();
    }

    /// <summary>Sends a packet that makes or ends the connection. It leaves at once, behind whatever is being written.</summary>
    /// <returns>False where the connection is over.</returns>
    public bool TrySend(ReadOnlySpan<byte> packet)
    {
        lock (_sending)
            return !_closed && TryWrite(packet);
    }

    /// <summary>Stops sending and returns when no thread sends. The transport is closed.</summary>
    public void Stop()
    {
        lock (_sending)
            _closed = true;
        SignalDue();
        if (_started)
            _thread.Join();
        _timer?.Dispose();
    }

    public void SignalDue()
    {
        lock (_due)
        {
            if (_somethingDue)
                return;
            _somethingDue = true;
            Monitor.Pulse(_due);
        }
    }

    /// <summary>Ends the connection; the first reason stands.</summary>
    public void Fail(string reason)
    {
        Interlocked.CompareExchange(ref _failure, reason, null);
        _transport.Close();
    }

    private void SendWhatIsDue()
    {
        while (true)
        {
            lock (_due)
            {
                while (!_somethingDue)
                    Monitor.Wait(_due);
                _somethingDue = false;
            }
            lock (_sending)
                if (_closed)
                    return;
            SendAcknowledgements();
            SendReleases();
            SendMessages();
            KeepAlive();
        }
    }

    private void SendReleases()
    {
        lock (_sending)
        {
            for (int length = _releaseBytes.Length; length == _releaseBytes.Length && !_closed;)
            {
                length = 0;
                lock (_due)
                {
                    while (length < _releaseBytes.Length && _releases.TryDequeue(out ushort id))
                    {
                        var release = new MqttAcknowledgement { Type = MqttPacketType.Pubrel, PacketId = id };
                        MqttPacketWriter.TryWrite(_releaseBytes.AsSpan(length), _options.Version, release, out int written);
                        length += written;
                    }
                }
                if (length > 0 && !TryWrite(_releaseBytes.AsSpan(0, length)))
                    return;
            }
        }
    }

    /// <summary>Asks for a sign of life after three quarters of the keep-alive, also while acknowledgements are held back.</summary>
    private void KeepAlive()
    {
        long asked = Volatile.Read(ref _pingAt);
        if (asked != 0)
        {
            if (!_reading)
                Volatile.Write(ref _pingAt, _clock.GetTimestamp());   // the answer may be here: we are busy, not the broker silent
            else if (_clock.GetElapsedTime(asked) >= _keepAlive)
                Fail($"no answer for {_keepAlive.TotalSeconds:0} s");
            return;
        }
        TimeSpan quiet = 0.75 * _keepAlive;
        if (_clock.GetElapsedTime(Volatile.Read(ref _lastReadAt)) < quiet && _clock.GetElapsedTime(Volatile.Read(ref _lastSentAt)) < quiet)
            return;
        lock (_sending)
        {
            if (_pingAt == 0)   // acknowledgements may have asked meanwhile; two questions at once have one answer too many
                Ping();
        }
    }

    /// <summary>One at a time.</summary>
    private void Ping()
    {
        _incoming.PingSent();
        Volatile.Write(ref _pingAt, Math.Max(1, _clock.GetTimestamp()));
        TryWrite(MqttPacketWriter.Pingreq);
    }

    private bool TryWrite(ReadOnlySpan<byte> bytes)
    {
        try
        {
            _transport.Write(bytes);
            Volatile.Write(ref _lastSentAt, _clock.GetTimestamp());
            return true;
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            _peerGone |= Failure is null && IsPeerGone(e);
            Fail(e.Message);
            return false;
        }
    }

    /// <summary>True if a call on the transport failed because the other side had closed it, and not because of the network.</summary>
    public static bool IsPeerGone(Exception e) => (e as SocketException ?? e.InnerException as SocketException)?.SocketErrorCode
        is SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.Shutdown;
}
