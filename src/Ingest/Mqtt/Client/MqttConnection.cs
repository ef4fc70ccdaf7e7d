using System.Diagnostics;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// One connection from CONNECT to its end. The client's thread reads (<see cref="Run"/>); a second thread sends what falls due:
/// acknowledgements, messages that had to wait for the window, pings. Publishers send for themselves, which spares a hop.
/// </summary>
internal sealed class MqttConnection : IDisposable
{
    private const int LongestSend = 64 * 1024;

    private readonly MqttClient _client;
    private readonly MqttClientOptions _options;
    private readonly MqttLink _link;
    private readonly OutgoingMessages _outgoing;
    private readonly PacketLedger _ledger;
    private readonly TopicAliases _aliases = new();
    private readonly Lock _sending = new();
    private readonly object _due = new();
    private readonly Thread _sender;
    private readonly PacketAcknowledgement[] _acknowledgements = new PacketAcknowledgement[512];
    private readonly byte[] _acknowledgementBytes = new byte[512 * 4];
    private readonly AcknowledgementBarrier _barrier = new();
    private readonly Queue<ushort> _releases = new();   // ids of PUBRELs to send, under the lock of what is due
    private PacketSource? _source;
    private TimeSpan _keepAlive;
    private ITimer? _timer;
    private byte[] _buffer = new byte[LongestSend];
    private bool _somethingDue;
    private bool _closed;
    private bool _established;
    private bool _windowOpened;
    private volatile bool _reading;
    private long _lastReadAt;
    private long _lastSentAt;
    private long _pingAt;
    private string? _failure;

    public MqttConnection(MqttClient client, MqttClientOptions options, MqttLink link, OutgoingMessages outgoing)
    {
        _client = client;
        _options = options;
        _link = link;
        _outgoing = outgoing;
        _ledger = new PacketLedger(2 * options.ReceiveMaximum, SignalDue);   // at QoS 2 a message is owed two answers
        _sender = new Thread(SendWhatIsDue) { Name = "mqtt send " + options.ClientId, IsBackground = true };
    }

    public MqttServerLimits Limits { get; private set; } = MqttServerLimits.From(default);

    private int Window => Math.Min(_options.PublishWindow, Limits.ReceiveMaximum);

    // A broker of 3.1.1 has a limit and no way to say it. mosquitto's is 20; what exceeds it is confirmed and dropped (seen with 2.0.11).
    private int WindowAtQos2 => _options.Version == MqttVersion.V311 ? Math.Min(Window, 20) : Window;

    /// <summary>Whether the broker accepted us.</summary>
    public bool WasEstablished => _established;

    /// <summary>Whether another client took our id: coming back would throw it out in turn.</summary>
    public bool TakenOver { get; private set; }

    /// <summary>Connects and reads until the connection ends.</summary>
    /// <returns>Why it ended.</returns>
    public string Run()
    {
        try
        {
            Write(MqttHandshake.Connect(_options));
            string reason = Read();
            return Volatile.Read(ref _failure) ?? reason;
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            return Volatile.Read(ref _failure) ?? (_established ? e.Message : "no CONNACK: " + e.Message);
        }
    }

    /// <summary>Sends messages that wait, as far as the window allows. Any thread.</summary>
    public void SendMessages()
    {
        lock (_sending)
        {
            while (!_closed && _established)
            {
                ReadOnlySpan<byte> piece;
                lock (_outgoing)
                    piece = _outgoing.TakeUnsent(Window, WindowAtQos2, LongestSend);
                if (piece.IsEmpty || !TryWrite(piece))
                    return;
                lock (_outgoing)
                {
                    _outgoing.Written();
                    _client.Released(_outgoing.Release());
                }
            }
        }
    }

    /// <summary>Sends the acknowledgements that are due, many in one write.</summary>
    public void SendAcknowledgements()
    {
        lock (_sending)
        {
            for (int count = _acknowledgements.Length; count == _acknowledgements.Length && !_closed;)
            {
                count = _ledger.Take(_acknowledgements);
                int length = 0;
                foreach (PacketAcknowledgement owed in _acknowledgements.AsSpan(0, count))
                {
                    var answer = new MqttAcknowledgement { Type = owed.PacketType, PacketId = owed.PacketId };
                    MqttPacketWriter.TryWrite(_acknowledgementBytes.AsSpan(length), _options.Version, answer, out int written);
                    length += written;
                }
                if (length > 0 && !TryWrite(_acknowledgementBytes.AsSpan(0, length)))
                    return;
                foreach (PacketAcknowledgement sent in _acknowledgements.AsSpan(0, count))
                    _barrier.Sent(sent.Position);
            }
            if (_barrier.IsOwed && Volatile.Read(ref _pingAt) == 0)
                Ping();
        }
    }

    /// <summary>Says goodbye: the broker drops our will and keeps our session.</summary>
    public void Disconnect()
    {
        Span<byte> bytes = stackalloc byte[8];
        MqttPacketWriter.TryWrite(bytes, _options.Version, new MqttDisconnect { Type = MqttPacketType.Disconnect }, out int written);
        lock (_sending)
            if (_established && !_closed)
                TryWrite(bytes[..written]);
        _link.Close();
    }

    /// <summary>Ends the connection and waits until nobody sends on it any more.</summary>
    public void Dispose()
    {
        _link.Close();
        lock (_sending)
            _closed = true;
        SignalDue();
        if (_established)
            _sender.Join();
        _timer?.Dispose();
        _link.Dispose();
    }

    private string Read()
    {
        int filled = 0;
        while (true)
        {
            _reading = true;
            int count = _link.Read(_buffer.AsSpan(filled));
            _reading = false;
            if (count == 0)
                return _established ? "the broker closed the connection" : "the broker closed the connection instead of answering CONNECT";
            long receivedAt = Stopwatch.GetTimestamp();
            Volatile.Write(ref _lastReadAt, _client.Clock.GetTimestamp());
            filled += count;

            int at = 0;
            while (true)
            {
                MqttReadResult result = MqttPacketReader.TryRead(_buffer.AsSpan(at, filled - at), _options.MaximumPacketBytes, out MqttPacket packet, out MqttFault fault);
                if (result == MqttReadResult.NeedMore)
                    break;
                string? reason = result == MqttReadResult.Malformed ? Violation(fault) : Handle(packet, receivedAt);
                if (reason is not null)
                    return reason;
                at += packet.Length;
            }

            if (_windowOpened)
            {
                _windowOpened = false;
                SignalDue();
            }
            filled -= at;
            _buffer.AsSpan(at, filled).CopyTo(_buffer);
            if (filled == _buffer.Length)
                Array.Resize(ref _buffer, (int)Math.Min(2L * _buffer.Length, _options.MaximumPacketBytes));
        }
    }

    /// <returns>Why the connection must end, or null.</returns>
    private string? Handle(in MqttPacket packet, long receivedAt)
    {
        if (!_established)
            return packet.Type == MqttPacketType.Connack ? HandleConnack(packet) : Violation(MqttFault.PacketType);
        switch (packet.Type)
        {
            case MqttPacketType.Publish:
                return HandlePublish(packet, receivedAt);
            case MqttPacketType.Puback or MqttPacketType.Pubrec or MqttPacketType.Pubrel or MqttPacketType.Pubcomp:
                return HandleAcknowledgement(packet);
            case MqttPacketType.Pingresp:
                HandlePingresp();
                return null;
            case MqttPacketType.Suback:
                MqttFault fault = MqttSuback.TryParse(packet, _options.Version, out MqttSuback suback);
                if (fault == MqttFault.None && suback.ReasonCodes.Length == _options.Subscriptions.Count)
                    _client.Subscribed(suback.ReasonCodes);
                return fault == MqttFault.None ? null : Violation(fault);
            case MqttPacketType.Disconnect when _options.Version == MqttVersion.V5:
                fault = MqttDisconnect.TryParse(packet, _options.Version, out MqttDisconnect disconnect);
                if (fault != MqttFault.None)
                    return Violation(fault);
                TakenOver = disconnect.ReasonCode == MqttReasonCode.SessionTakenOver;
                return "the broker ended the connection: " + Words(disconnect.ReasonCode, disconnect.Properties);
            default:
                return Violation(MqttFault.PacketType);
        }
    }

    private string? HandleConnack(in MqttPacket packet)
    {
        MqttFault fault = MqttConnack.TryParse(packet, _options.Version, out MqttConnack connack);
        if (fault != MqttFault.None)
            return Violation(fault);
        if (connack.ReasonCode != MqttReasonCode.Success)
        {
            string remedy = connack.ReasonCode switch
            {
                MqttReasonCode.UnsupportedProtocolVersion => "; try MQTT 3.1.1",
                MqttReasonCode.BadUserNameOrPassword or MqttReasonCode.NotAuthorized => "; check user name and password",
                _ => "",
            };
            string words = "the broker refuses us: " + Words(connack.ReasonCode, connack.Properties) + remedy;
            _client.Refuse(connack.ReasonCode, words);
            return words;
        }

        Limits = MqttServerLimits.From(connack.Properties);
        _keepAlive = Limits.KeepAliveSeconds > 0 ? TimeSpan.FromSeconds(Limits.KeepAliveSeconds) : _options.KeepAlive;
        _lastReadAt = _lastSentAt = _client.Clock.GetTimestamp();
        _link.Established(_keepAlive);
        bool subscribe = _client.Connected(connack.SessionPresent, out _source);
        if (subscribe && _options.Subscriptions.Count > 0)
            Write(MqttHandshake.Subscribe(_options));
        _established = true;
        _sender.Start();
        _timer = _client.Clock.CreateTimer(_ => SignalDue(), null, _keepAlive / 4, _keepAlive / 4);
        if (!subscribe || _options.Subscriptions.Count == 0)
            _client.Ready();
        SignalDue();   // messages may wait from before
        return null;
    }

    private string? HandlePublish(in MqttPacket packet, long receivedAt)
    {
        MqttFault fault = MqttPublish.TryParse(packet, _options.Version, out MqttPublish publish);
        if (fault != MqttFault.None)
            return Violation(fault);
        if (_options.Version == MqttVersion.V5 && !_aliases.TryResolve(ref publish))
            return Violation(MqttFault.TopicAlias);
        if (publish.Qos > 0 && _ledger.OpenCount >= _options.ReceiveMaximum)
            return TooMany();
        if (publish.Qos == 2)
        {
            bool isRepeat = _source!.IsUnreleased(publish.PacketId);
            if (!isRepeat && _source.UnreleasedCount >= _options.ReceiveMaximum)
                return TooMany();
            if (isRepeat && !_client.JournalFindsRepeats)
            {
                _ledger.TryOpen(publish.PacketId, publish.Qos, tickCount: 0);
                return null;
            }
        }
        _client.Received(publish, new MqttPublishContext { Ledger = _ledger, ClientId = _options.ClientId, ReceivedAt = receivedAt, Source = _source });
        return null;
    }

    private string TooMany() => Violation(MqttReasonCode.ReceiveMaximumExceeded, $"more than {_options.ReceiveMaximum} messages in flight");

    private string? HandleAcknowledgement(in MqttPacket packet)
    {
        MqttFault fault = MqttAcknowledgement.TryParse(packet, _options.Version, out MqttAcknowledgement acknowledgement);
        if (fault != MqttFault.None)
            return Violation(fault);
        if (packet.Type == MqttPacketType.Pubrel)
            return _client.TryRelease(_source!, acknowledgement.PacketId, _ledger) ? null : TooMany();

        bool isStage = packet.Type == MqttPacketType.Pubrec && (byte)acknowledgement.ReasonCode < 0x80;
        if (isStage)
        {
            // Also for a message we no longer know: the broker waits for it.
            lock (_due)
            {
                if (_releases.Count == ushort.MaxValue)
                    return TooMany();
                _releases.Enqueue(acknowledgement.PacketId);
            }
            _windowOpened = true;
        }
        lock (_outgoing)
        {
            if (isStage)
            {
                _outgoing.TryReceive(acknowledgement.PacketId);
                return null;
            }
            if (!_outgoing.TryConfirm(acknowledgement.PacketId, packet.Type == MqttPacketType.Puback ? (byte)1 : (byte)2))
                return null;   // of a message that an earlier connection had confirmed already
            _client.Confirmed(acknowledgement.ReasonCode);
            _client.Released(_outgoing.Release());
            int window = _outgoing.IsQos2Next ? WindowAtQos2 : Window;
            _windowOpened |= _outgoing.UnsentCount > 0 && _outgoing.InFlight <= window * 3 / 4;   // a quarter at a time, not message by message
        }
        return null;
    }

    private void HandlePingresp()
    {
        long position;
        bool more;
        lock (_sending)
        {
            position = _barrier.Answered();
            Volatile.Write(ref _pingAt, 0);
            more = _barrier.IsOwed;
        }
        if (position > 0)
            _client.BarrierPassed(_source!, position);
        if (more)
            SignalDue();
    }

    private string Violation(MqttFault fault) => Violation(fault.ToReasonCode(), fault.ToString());

    /// <summary>The broker did what MQTT forbids: it is told why (MQTT 5), counted, and left.</summary>
    private string Violation(MqttReasonCode code, string what)
    {
        string reason = "the broker sent what is not MQTT: " + what;
        Interlocked.CompareExchange(ref _failure, reason, null);   // before the goodbye fails on a socket that is closed already
        _client.Violated();
        if (_established && _options.Version == MqttVersion.V5)
        {
            Span<byte> bytes = stackalloc byte[8];
            MqttPacketWriter.TryWrite(bytes, _options.Version, new MqttDisconnect { Type = MqttPacketType.Disconnect, ReasonCode = code }, out int written);
            lock (_sending)
                TryWrite(bytes[..written]);
        }
        return reason;
    }

    private static string Words(MqttReasonCode code, MqttProperties properties) =>
        properties.TryGet(MqttPropertyId.ReasonString, out ReadOnlySpan<byte> text)
            ? $"{code} ({System.Text.Encoding.UTF8.GetString(text)})" : code.ToString();

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

    /// <summary>Asks for a sign of life after three quarters of the keep-alive, also while acknowledgements are held back.</summary>
    private void KeepAlive()
    {
        TimeProvider clock = _client.Clock;
        long asked = Volatile.Read(ref _pingAt);
        if (asked != 0)
        {
            if (!_reading)
                Volatile.Write(ref _pingAt, clock.GetTimestamp());   // the answer may be here: we are busy, not the broker silent
            else if (clock.GetElapsedTime(asked) >= _keepAlive)
                Fail($"no answer for {_keepAlive.TotalSeconds:0} s");
            return;
        }
        TimeSpan quiet = 0.75 * _keepAlive;
        if (clock.GetElapsedTime(Volatile.Read(ref _lastReadAt)) < quiet && clock.GetElapsedTime(Volatile.Read(ref _lastSentAt)) < quiet)
            return;
        lock (_sending)
            Ping();
    }

    /// <summary>One at a time. Its answer also says that the broker has dealt with every acknowledgement sent before it.</summary>
    private void Ping()
    {
        _barrier.Asked();
        Volatile.Write(ref _pingAt, Math.Max(1, _client.Clock.GetTimestamp()));
        TryWrite(MqttPacketWriter.Pingreq);
    }

    /// <summary>Answers the PUBRECs that have come: what they name need not be sent again.</summary>
    private void SendReleases()
    {
        lock (_sending)
        {
            for (int length = _acknowledgementBytes.Length; length == _acknowledgementBytes.Length && !_closed;)
            {
                length = 0;
                lock (_due)
                {
                    while (length + 4 <= _acknowledgementBytes.Length && _releases.TryDequeue(out ushort id))
                    {
                        var release = new MqttAcknowledgement { Type = MqttPacketType.Pubrel, PacketId = id };
                        MqttPacketWriter.TryWrite(_acknowledgementBytes.AsSpan(length), _options.Version, release, out int written);
                        length += written;
                    }
                }
                if (length > 0 && !TryWrite(_acknowledgementBytes.AsSpan(0, length)))
                    return;
            }
        }
    }

    private void SignalDue()
    {
        lock (_due)
        {
            if (_somethingDue)
                return;
            _somethingDue = true;
            Monitor.Pulse(_due);
        }
    }

    private bool TryWrite(ReadOnlySpan<byte> bytes)
    {
        try
        {
            Write(bytes);
            return true;
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            Fail(e.Message);
            return false;
        }
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        _link.Write(bytes);
        Volatile.Write(ref _lastSentAt, _client.Clock.GetTimestamp());
    }

    private void Fail(string reason)
    {
        Interlocked.CompareExchange(ref _failure, reason, null);
        _link.Close();
    }
}
