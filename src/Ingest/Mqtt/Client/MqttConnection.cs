using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using MQTTnet;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// One connection from CONNECT to its end: handles the broker's packets on the client's thread, which reads them. The other half, <see
/// cref="MqttSender"/>, has a dedicated thread.
/// </summary>
internal sealed class MqttConnection : IDisposable
{
    /// <summary>
    /// What can be acknowledged of so few bytes the reader acknowledges itself, which spares waking the sender; of more the sender has the better
    /// of it, because it takes what several reads brought in one write.
    /// </summary>
    private const int FewBytes = 1024;

    // A peer that has not accepted us yet may be anything.
    private const int LongestBeforeConnack = 64 * 1024;

    private readonly BrokerLink _link;
    private readonly BrokerLinkOptions _options;
    private readonly BrokerTransport _transport;
    private readonly Publications _publications;
    private readonly MqttSender _sender;
    private readonly IncomingMessages _incoming;
    private readonly TopicAliases _aliases = new();
    private readonly BrokerChannelAdapter _adapter;
    private readonly IMqttClient _client;
    private readonly CancellationTokenSource _over = new();
    private readonly TaskCompletionSource _accepted = new();   // by MqttClient, which sees CONNACK later than we do
    private readonly TaskCompletionSource _ended = new();      // MqttClient is done with the connection
    private byte[] _buffer = new byte[64 * 1024];
    private Task? _handshake;
    private ReadPace _pace;
    private volatile bool _subscribes;
    private volatile bool _established;
    private bool _mayGoOn;
    private bool _endedByBroker;
    private bool _blamesPacket;
    private string? _violation;

    /// <param name="unwritten">As of <see cref="IncomingMessages"/>.</param>
    /// <param name="cancelled">Ends the attempt to connect.</param>
    public MqttConnection(BrokerLink link, BrokerLinkOptions options, Publications publications, IDeliveryJournal? journal, PacketSource unwritten,
        CancellationToken cancelled)
    {
        (_link, _options, _publications) = (link, options, publications);
        _transport = options.WebSocket is null ? new TcpTransport(options) : new WebSocketTransport(options);
        _sender = new MqttSender(options, _transport, publications, journal, unwritten, link.Clock);
        _incoming = _sender.Incoming;
        _adapter = new BrokerChannelAdapter(options, _transport, _sender, cancelled);
        _client = new MqttClientFactory().CreateMqttClient(_adapter);
        _client.DisconnectedAsync += ended =>
        {
            _sender.Fail(ended.Exception?.Message ?? ended.ReasonString ?? "MqttClient left");   // for a reason of its own, if it is the first
            _ended.TrySetResult();
            return Task.CompletedTask;
        };
    }

    public BrokerLimits Limits { get; private set; } = BrokerLimits.From(default);

    /// <summary>True if the broker accepted the connection.</summary>
    public bool WasEstablished => _established;

    /// <summary>True if another client took our id: coming back would throw it out in turn.</summary>
    public bool TakenOver { get; private set; }

    /// <summary>The broker's reason in its DISCONNECT; success where it gave none.</summary>
    public MqttReasonCode EndCode { get; private set; }

    /// <summary>
    /// True if the broker may have ended the connection over a packet of ours, and not because of the network, of us, or of a shutdown.
    /// MQTT 5 states it; 3.1.1 can only close.
    /// </summary>
    public bool EndedOverPacket => _established && _violation is null && (_blamesPacket
        || (_options.Version == MqttVersion.V311 && (_endedByBroker || _sender.FoundPeerGone)));

    /// <summary>Connects and reads until the connection ends.</summary>
    /// <returns>The reason of its end.</returns>
    /// <exception cref="SocketException">There is no connection; also the other exceptions of <see cref="BrokerTransport.Connect"/>.</exception>
    public string Run()
    {
        _handshake = MakeAsync();   // connects and sends CONNECT on this thread
        _adapter.Opened.GetAwaiter().GetResult();
        using ITimer silence = _link.Clock.CreateTimer(_ => SaySilent(), null, WrongPort.Silence, Timeout.InfiniteTimeSpan);
        try
        {
            string reason = Read();
            return _violation ?? _sender.Failure ?? reason;
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            _endedByBroker |= _sender.Failure is null && MqttSender.IsPeerGone(e);
            return _violation ?? _sender.Failure ?? (_established ? e.Message : $"no CONNACK: {e.Message}{WrongPort.TakesTls(_options)}");
        }
    }

    /// <summary>Ends the connection if the broker has not accepted us yet.</summary>
    public void GiveUp()
    {
        if (!_established)
            _sender.Fail($"no CONNACK within {_options.ConnectTimeout.TotalSeconds:0.#} s{WrongPort.TakesTls(_options)}");
    }

    /// <summary>Sends messages that wait, as far as the window allows. Any thread.</summary>
    public void SendMessages() => _sender.SendMessages();

    /// <summary>Sends the acknowledgements that are due.</summary>
    public void SendAcknowledgements() => _sender.SendAcknowledgements();

    /// <summary>
    /// Sends DISCONNECT, unless the broker has not accepted the connection yet, and closes. The broker drops the will and keeps the
    /// session, unless asked to end it.
    /// </summary>
    [SuppressMessage("Design", "CA1031", Justification = "The connection may have ended in any way; it ends here in any case.")]
    public void Disconnect(MqttReasonCode code = MqttReasonCode.Success)
    {
        try
        {
            if (_established && _accepted.Task.Wait(_options.ConnectTimeout))
                _client.DisconnectAsync(new MqttClientDisconnectOptions { Reason = (MqttClientDisconnectOptionsReason)code }, _over.Token).GetAwaiter().GetResult();
        }
        catch (Exception)
        {
            // It is gone already.
        }
        _transport.Close();
    }

    /// <summary>Ends the connection and waits until no thread sends on it.</summary>
    public void Dispose()
    {
        _transport.Close();
        _sender.Stop();
        _incoming.Ledger.Close();
        _adapter.End();
        _over.Cancel();
        if (_handshake is not null)
        {
            _handshake.GetAwaiter().GetResult();
            _ended.Task.Wait(_options.ConnectTimeout);
        }
        _client.Dispose();
        _over.Dispose();
        _transport.Dispose();
    }

    private void SaySilent()
    {
        if (!_established && _sender.Failure is null)
            _link.Silent($"no answer to CONNECT for {WrongPort.Silence.TotalSeconds:0} s{WrongPort.TakesTls(_options)}");
    }

    /// <summary>MqttClient's part: CONNECT to CONNACK and SUBSCRIBE to SUBACK. What the answers mean is read by <see cref="Read"/>.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever it is ends the connection, with its words.")]
    private async Task MakeAsync()
    {
        bool isAsked = false;
        try
        {
            MqttClientOptions connect = ConnectOptions.Connect(_options);   // reads the secrets
            isAsked = true;
            await _client.ConnectAsync(connect, _over.Token).ConfigureAwait(false);
            _accepted.TrySetResult();
            if (_subscribes)
                await _client.SubscribeAsync(ConnectOptions.Subscribe(_options), _over.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            _adapter.Fail(e);   // where it was not asked to connect yet
            _sender.Fail(e.Message);
            _accepted.TrySetResult();
            if (!isAsked)
                _ended.TrySetResult();   // MqttClient will not say so
        }
    }

    private string Read()
    {
        int filled = 0;
        while (true)
        {
            _sender.Reading = true;
            int count = _transport.Read(_buffer, filled);
            _sender.Reading = false;
            if (count == 0)
            {
                _endedByBroker = _sender.Failure is null;
                return _established ? "the broker closed the connection"
                    : "the broker closed the connection instead of answering CONNECT" + (filled == 0 ? WrongPort.TakesTls(_options) : "");
            }
            long receivedAt = Stopwatch.GetTimestamp();
            _sender.Heard();
            filled += count;

            int at = 0;
            PacketLedger ledger = _incoming.Ledger;
            ledger.IsReaderSending = count <= FewBytes;
            string? reason = HandleAll(_buffer.AsSpan(0, filled), receivedAt, ref at);
            if (ledger.IsReaderSending && ledger.IsDue)
                ledger.SendDue();
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

    /// <summary>Handles every complete packet.</summary>
    /// <param name="at">Offset of the next packet.</param>
    /// <returns>The reason why the connection must end, or null.</returns>
    private string? HandleAll(ReadOnlySpan<byte> received, long receivedAt, ref int at)
    {
        while (true)
        {
            int maximum = _established ? _options.MaximumPacketBytes : Math.Min(_options.MaximumPacketBytes, LongestBeforeConnack);
            MqttReadResult result = MqttPacketReader.TryRead(received[at..], maximum, out MqttPacket packet, out MqttFault fault);
            if (result == MqttReadResult.NeedMore)
                return null;
            string? reason = result == MqttReadResult.Malformed ? Malformed(fault, received[at..], maximum) : Handle(packet, receivedAt);
            if (reason is not null)
                return reason;
            at += packet.Length;
        }
    }

    /// <returns>The reason why the connection must end, or null.</returns>
    private string? Handle(in MqttPacket packet, long receivedAt)
    {
        if (!_established)
            return packet.Type == MqttPacketType.Connack ? HandleConnack(packet)
                : packet.Type == MqttPacketType.Auth && _options.Authentication is MqttAuthenticationOptions method
                    ? $"the broker asks for another step of the authentication {method.Method}; methods of one token alone are supported"
                : Violation(MqttFault.PacketType);
        switch (packet.Type)
        {
            case MqttPacketType.Publish:
                return HandlePublish(packet, receivedAt);
            case MqttPacketType.Puback or MqttPacketType.Pubrec or MqttPacketType.Pubrel or MqttPacketType.Pubcomp:
                return HandleAcknowledgement(packet);
            case MqttPacketType.Pingresp:
                _sender.PingAnswered();
                return null;
            case MqttPacketType.Suback when _subscribes:
                return HandleSuback(packet);
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
            (string words, string remedy) = ("the broker refuses us: " + Words(connack.ReasonCode, connack.Properties), Remedy(connack.ReasonCode));
            _link.RefuseConnection(connack.ReasonCode, words, remedy);
            return words + remedy;
        }

        Limits = BrokerLimits.From(connack.Properties);
        TimeSpan keepAlive = Limits.KeepAliveSeconds > 0 ? TimeSpan.FromSeconds(Limits.KeepAliveSeconds) : _options.KeepAlive;
        _transport.Established(keepAlive);
        bool isKnown = _incoming.Connected(connack.SessionPresent);
        _subscribes = _link.Connected(connack.SessionPresent, isKnown) && _options.Subscriptions.Count > 0;
        _established = true;
        _sender.Start(Limits, keepAlive);
        if (!_adapter.TryReceive(packet))
            return Violation(MqttFault.Truncated);
        if (!_subscribes)
            _link.Ready();
        _sender.SignalDue();   // messages may wait from before
        return null;
    }

    private string? HandleSuback(in MqttPacket packet)
    {
        MqttFault fault = MqttSuback.TryParse(packet, _options.Version, out MqttSuback suback);
        if (fault != MqttFault.None)
            return Violation(fault);
        if (suback.PacketId != BrokerChannelAdapter.SubscribeId || suback.ReasonCodes.Length != _options.Subscriptions.Count || !_adapter.TryReceive(packet))
            return Violation(MqttReasonCode.ProtocolError, "a SUBACK to another SUBSCRIBE than ours");
        _link.Subscribed(suback.ReasonCodes);
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
            _link.Received(publish, new MqttPublishContext { Ledger = _incoming.Ledger, ClientId = _options.ClientId, ReceivedAt = receivedAt, Source = _incoming.WrittenSource }, _incoming);
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
            case MqttPacketType.Pubrec when !acknowledgement.ReasonCode.Refuses():
                if (!_sender.TryRelease(packetId))
                    return TooMany();
                _publications.Received(packetId);
                _mayGoOn = true;
                return null;
        }

        byte qos = packet.Type == MqttPacketType.Puback ? (byte)1 : (byte)2;
        // PUBCOMP ends what PUBREC has taken; its one code says that the broker has forgotten the id already.
        MqttReasonCode reason = packet.Type == MqttPacketType.Pubcomp ? MqttReasonCode.Success : acknowledgement.ReasonCode;
        acknowledgement.Properties.TryGet(MqttPropertyId.ReasonString, out ReadOnlySpan<byte> text);
        _publications.TryConfirm(packetId, qos, reason, text, _sender.Window, _sender.WindowAtQos2, out bool mayGoOn);
        _mayGoOn |= mayGoOn;
        return null;
    }

    private string HandleDisconnect(in MqttPacket packet)
    {
        MqttFault fault = MqttDisconnect.TryParse(packet, _options.Version, out MqttDisconnect disconnect);
        if (fault != MqttFault.None)
            return Violation(fault);
        EndCode = disconnect.ReasonCode;
        TakenOver = disconnect.ReasonCode == MqttReasonCode.SessionTakenOver;
        _blamesPacket = disconnect.ReasonCode is MqttReasonCode.MalformedPacket or MqttReasonCode.ProtocolError or MqttReasonCode.NotAuthorized
            or MqttReasonCode.TopicNameInvalid or MqttReasonCode.TopicAliasInvalid or MqttReasonCode.PacketTooLarge or MqttReasonCode.PayloadFormatInvalid
            or MqttReasonCode.RetainNotSupported or MqttReasonCode.QosNotSupported;
        return "the broker ended the connection: " + Words(disconnect.ReasonCode, disconnect.Properties);
    }

    /// <summary>Hint at the setting to check. The secret itself is never named.</summary>
    private string Remedy(MqttReasonCode code) => code switch
    {
        MqttReasonCode.UnsupportedProtocolVersion => "; try MQTT 3.1.1",
        MqttReasonCode.BadUserNameOrPassword or MqttReasonCode.NotAuthorized => _options switch
        {
            { Username: string user } => $"; check user {user}, {(_options.PasswordFile is string file ? $"the password in {file}" : "its password")} and client id {_options.ClientId}",
            _ => $"; check client id {_options.ClientId}, user name and password: none is set",
        },
        MqttReasonCode.BadAuthenticationMethod => $"; check the authentication method {_options.Authentication?.Method ?? "(none is set)"}",
        _ => "",
    };

    private string TooMany() => Violation(MqttReasonCode.ReceiveMaximumExceeded, $"more than {_options.ReceiveMaximum} messages in flight");

    private string Malformed(MqttFault fault, ReadOnlySpan<byte> packet, int maximum)
    {
        if (!_established && WrongPort.Of(packet, _options) is string hint)
            return hint;
        if (fault != MqttFault.PacketTooLarge)
            return Violation(fault);
        MqttVariableByteInteger.TryRead(packet[1..], out uint length);
        return Violation(fault.ToReasonCode(), $"a packet of {length} bytes where {maximum} are allowed");
    }

    private string Violation(MqttFault fault) => Violation(fault.ToReasonCode(), fault.ToString());

    /// <summary>Ends the connection over a protocol violation of the broker: counted, with the reason sent in MQTT 5.</summary>
    private string Violation(MqttReasonCode code, string what)
    {
        _violation = "the broker sent what is not MQTT: " + what;   // before the goodbye fails on a socket that is closed already
        _link.Violated();
        if (_established && _options.Version == MqttVersion.V5)
            Disconnect(code);
        return _violation;
    }

    private static string Words(MqttReasonCode code, MqttProperties properties) =>
        properties.TryGet(MqttPropertyId.ReasonString, out ReadOnlySpan<byte> text)
            ? $"{code} ({System.Text.Encoding.UTF8.GetString(text)})" : code.ToString();
}
