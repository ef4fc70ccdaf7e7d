using System.Diagnostics;
using System.Net.Sockets;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// One connection from CONNECT to its end: what the broker's packets mean, on the client's thread, which reads them. The other half, with a
/// thread of its own, is the <see cref="MqttSender"/>.
/// </summary>
internal sealed class MqttConnection : IDisposable
{
    /// <summary>
    /// What can be acknowledged of so few bytes the reader acknowledges itself, which spares waking the sender; of more the sender has the better
    /// of it, because it takes what several reads brought in one write.
    /// </summary>
    private const int FewBytes = 1024;

    private readonly BrokerLink _client;
    private readonly BrokerLinkOptions _options;
    private readonly MqttLink _link;
    private readonly Publications _publications;
    private readonly MqttSender _sender;
    private readonly IncomingMessages _incoming;
    private readonly TopicAliases _aliases = new();
    private byte[] _buffer = new byte[64 * 1024];
    private ReadPace _pace;
    private bool _established;
    private bool _mayGoOn;
    private bool _endedByBroker;
    private bool _blamesPacket;
    private string? _violation;

    /// <param name="unwritten">As of <see cref="IncomingMessages"/>.</param>
    public MqttConnection(BrokerLink client, BrokerLinkOptions options, MqttLink link, Publications publications, ITickJournal? journal, PacketSource unwritten)
    {
        (_client, _options, _link, _publications) = (client, options, link, publications);
        _sender = new MqttSender(options, link, publications, journal, unwritten, client.Clock);
        _incoming = _sender.Incoming;
    }

    public MqttServerLimits Limits { get; private set; } = MqttServerLimits.From(default);

    /// <summary>Whether the broker accepted us.</summary>
    public bool WasEstablished => _established;

    /// <summary>Whether another client took our id: coming back would throw it out in turn.</summary>
    public bool TakenOver { get; private set; }

    /// <summary>
    /// Whether the broker may have ended the connection over what we sent: not the network, not we, and not because it stops. In MQTT 5 it says so;
    /// in 3.1.1 it can only close.
    /// </summary>
    public bool EndedOverPacket => _established && _violation is null && (_blamesPacket
        || (_options.Version == MqttVersion.V311 && (_endedByBroker || _sender.FoundPeerGone)));

    /// <summary>Connects and reads until the connection ends.</summary>
    /// <returns>Why it ended.</returns>
    public string Run()
    {
        try
        {
            _sender.Write(MqttHandshake.Connect(_options));
            string reason = Read();
            return _violation ?? _sender.Failure ?? reason;
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            _endedByBroker |= _sender.Failure is null && MqttSender.IsPeerGone(e);
            return _violation ?? _sender.Failure ?? (_established ? e.Message : "no CONNACK: " + e.Message);
        }
    }

    /// <summary>Sends messages that wait, as far as the window allows. Any thread.</summary>
    public void SendMessages() => _sender.SendMessages();

    /// <summary>Sends the acknowledgements that are due.</summary>
    public void SendAcknowledgements() => _sender.SendAcknowledgements();

    /// <summary>Says goodbye: the broker drops our will and keeps our session, unless it is told to end it.</summary>
    public void Disconnect()
    {
        var properties = new MqttPropertyWriter(stackalloc byte[8]);
        if (_options is { EndSessionOnStop: true, Version: MqttVersion.V5 })
            properties.Number(MqttPropertyId.SessionExpiryInterval, 0);
        _sender.Disconnect(MqttReasonCode.Success, properties.Properties);
        _link.Close();
    }

    /// <summary>Ends the connection and waits until nobody sends on it any more.</summary>
    public void Dispose()
    {
        _link.Close();
        _sender.Stop();
        _incoming.Ledger.Close();
        _link.Dispose();
    }

    private string Read()
    {
        int filled = 0;
        while (true)
        {
            _sender.Reading = true;
            int count = _link.Read(_buffer.AsSpan(filled));
            _sender.Reading = false;
            if (count == 0)
            {
                _endedByBroker = _sender.Failure is null;
                return _established ? "the broker closed the connection" : "the broker closed the connection instead of answering CONNECT";
            }
            long receivedAt = Stopwatch.GetTimestamp();
            _sender.Heard();
            filled += count;

            int at = 0;
            string? reason;
            if (count > FewBytes)
            {
                reason = HandleAll(_buffer.AsSpan(0, filled), receivedAt, ref at);
            }
            else
            {
                PacketLedger.Gather();
                try
                {
                    reason = HandleAll(_buffer.AsSpan(0, filled), receivedAt, ref at);
                }
                finally
                {
                    PacketLedger.SendGathered();
                }
            }
            if (reason is not null)
                return reason;

            if (_mayGoOn)
            {
                _mayGoOn = false;
                _sender.SignalDue();
            }
            filled -= at;
            _buffer.AsSpan(at, filled).CopyTo(_buffer);
            if (filled == _buffer.Length)
                Array.Resize(ref _buffer, (int)Math.Min(2L * _buffer.Length, _options.MaximumPacketBytes));
            if (_options.Subscriptions.Count > 0)
                _pace.After(count);   // who publishes waits for these reads: they make room in flight
        }
    }

    /// <summary>Handles every packet that has come whole.</summary>
    /// <param name="at">Where the next one begins.</param>
    /// <returns>Why the connection must end, or null.</returns>
    private string? HandleAll(ReadOnlySpan<byte> received, long receivedAt, ref int at)
    {
        while (true)
        {
            MqttReadResult result = MqttPacketReader.TryRead(received[at..], _options.MaximumPacketBytes, out MqttPacket packet, out MqttFault fault);
            if (result == MqttReadResult.NeedMore)
                return null;
            string? reason = result == MqttReadResult.Malformed ? Violation(fault) : Handle(packet, receivedAt);
            if (reason is not null)
                return reason;
            at += packet.Length;
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
                _sender.PingAnswered();
                return null;
            case MqttPacketType.Suback:
                MqttFault fault = MqttSuback.TryParse(packet, _options.Version, out MqttSuback suback);
                if (fault == MqttFault.None && suback.ReasonCodes.Length == _options.Subscriptions.Count)
                    _client.Subscribed(suback.ReasonCodes);
                return fault == MqttFault.None ? null : Violation(fault);
            case MqttPacketType.Disconnect when _options.Version == MqttVersion.V5:
                return HandleDisconnect(packet);
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
        TimeSpan keepAlive = Limits.KeepAliveSeconds > 0 ? TimeSpan.FromSeconds(Limits.KeepAliveSeconds) : _options.KeepAlive;
        _link.Established(keepAlive);
        bool isKnown = _incoming.Connected(connack.SessionPresent);
        bool subscribe = _client.Connected(connack.SessionPresent, isKnown) && _options.Subscriptions.Count > 0;
        if (subscribe)
            _sender.Write(MqttHandshake.Subscribe(_options));
        _established = true;
        _sender.Start(Limits, keepAlive);
        if (!subscribe)
            _client.Ready();
        _sender.SignalDue();   // messages may wait from before
        return null;
    }

    private string? HandlePublish(in MqttPacket packet, long receivedAt)
    {
        MqttFault fault = MqttPublish.TryParse(packet, _options.Version, out MqttPublish publish);
        if (fault != MqttFault.None)
            return Violation(fault);
        if (_options.Version == MqttVersion.V5 && !_aliases.TryResolve(ref publish))
            return Violation(MqttFault.TopicAlias);
        if (!_incoming.TryAdmit(publish, out bool isRepeat))
            return TooMany();
        if (!isRepeat)
            _client.Received(publish, new MqttPublishContext { Ledger = _incoming.Ledger, ClientId = _options.ClientId, ReceivedAt = receivedAt, Source = _incoming.Source }, _incoming);
        return null;
    }

    private string? HandleAcknowledgement(in MqttPacket packet)
    {
        MqttFault fault = MqttAcknowledgement.TryParse(packet, _options.Version, out MqttAcknowledgement acknowledgement);
        if (fault != MqttFault.None)
            return Violation(fault);
        ushort packetId = acknowledgement.PacketId;
        switch (packet.Type)
        {
            case MqttPacketType.Pubrel:
                return _incoming.TryRelease(packetId) ? null : TooMany();
            case MqttPacketType.Pubrec when (byte)acknowledgement.ReasonCode < 0x80:
                if (!_sender.TryRelease(packetId))
                    return TooMany();
                _publications.Received(packetId);
                _mayGoOn = true;
                return null;
        }

        byte qos = packet.Type == MqttPacketType.Puback ? (byte)1 : (byte)2;
        if (_publications.TryConfirm(packetId, qos, acknowledgement.ReasonCode, _sender.Window, _sender.WindowAtQos2, out bool mayGoOn))
            _client.Confirmed(acknowledgement.ReasonCode);
        _mayGoOn |= mayGoOn;
        return null;
    }

    private string HandleDisconnect(in MqttPacket packet)
    {
        MqttFault fault = MqttDisconnect.TryParse(packet, _options.Version, out MqttDisconnect disconnect);
        if (fault != MqttFault.None)
            return Violation(fault);
        TakenOver = disconnect.ReasonCode == MqttReasonCode.SessionTakenOver;
        _blamesPacket = disconnect.ReasonCode is MqttReasonCode.MalformedPacket or MqttReasonCode.ProtocolError or MqttReasonCode.NotAuthorized
            or MqttReasonCode.TopicNameInvalid or MqttReasonCode.TopicAliasInvalid or MqttReasonCode.PacketTooLarge or MqttReasonCode.PayloadFormatInvalid
            or MqttReasonCode.RetainNotSupported or MqttReasonCode.QosNotSupported;
        return "the broker ended the connection: " + Words(disconnect.ReasonCode, disconnect.Properties);
    }

    private string TooMany() => Violation(MqttReasonCode.ReceiveMaximumExceeded, $"more than {_options.ReceiveMaximum} messages in flight");

    private string Violation(MqttFault fault) => Violation(fault.ToReasonCode(), fault.ToString());

    /// <summary>The broker did what MQTT forbids: it is told why (MQTT 5), counted, and left.</summary>
    private string Violation(MqttReasonCode code, string what)
    {
        _violation = "the broker sent what is not MQTT: " + what;   // before the goodbye fails on a socket that is closed already
        _client.Violated();
        if (_established && _options.Version == MqttVersion.V5)
            _sender.Disconnect(code);
        return _violation;
    }

    private static string Words(MqttReasonCode code, MqttProperties properties) =>
        properties.TryGet(MqttPropertyId.ReasonString, out ReadOnlySpan<byte> text)
            ? $"{code} ({System.Text.Encoding.UTF8.GetString(text)})" : code.ToString();
}
