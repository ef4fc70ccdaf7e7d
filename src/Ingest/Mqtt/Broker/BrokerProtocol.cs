using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>
/// Server side of the protocol after CONNECT, for one client: the effect of each packet and the answer to it. Runs on the connection's
/// reader, except for the acknowledgements, which any thread that completes one may send.
/// </summary>
internal sealed class BrokerProtocol
{
    private readonly MqttBroker _broker;
    private readonly BrokerConnection _connection;
    private readonly PacketLedger _ledger;
    private readonly object _taking = new();
    private readonly TopicAliases _aliases;
    private BrokerSession? _session;
    private PacketSource? _source;
    private bool _keepWill = true;
    private long? _expiryMilliseconds;

    public BrokerProtocol(MqttBroker broker, BrokerConnection connection)
    {
        _broker = broker;
        _connection = connection;
        _aliases = new TopicAliases(broker.Options.TopicAliasMaximum);
        int answers = 2 * broker.Options.ReceiveMaximum;   // at QoS 2 a message is owed two
        _ledger = new PacketLedger(answers, send: connection.ServeNow, due: () =>
        {
            if (!connection.IsReader)
                broker.Sender.Mark(connection);
        });
        TimeoutMilliseconds = (int)broker.Options.ConnectTimeout.TotalMilliseconds;
    }

    public string ClientId => _session?.ClientId ?? "(unknown)";

    public MqttVersion Version { get; private set; } = MqttVersion.V311;

    public int SendMaximum { get; private set; }

    public long ClientMaximumPacketBytes { get; private set; } = long.MaxValue;

    /// <summary>Silence to be taken for death; 0 for never.</summary>
    public int TimeoutMilliseconds { get; private set; }

    /// <summary>Stopwatch stamp of the last receive.</summary>
    public long ReceivedAt { get; set; }

    public BrokerVerdict TimedOut() => _session is null
        ? new BrokerVerdict(MqttBrokerClose.ConnectTimeout, MqttReasonCode.Success, "no CONNECT in time")
        : new BrokerVerdict(MqttBrokerClose.KeepAliveTimeout, MqttReasonCode.KeepAliveTimeout, $"silent for {TimeoutMilliseconds} ms");

    public BrokerVerdict Handle(in MqttPacket packet)
    {
        if (_session is null)
            return HandleConnect(packet);

        switch (packet.Type)
        {
            case MqttPacketType.Publish:
                return HandlePublish(packet);
            case MqttPacketType.Puback or MqttPacketType.Pubrec or MqttPacketType.Pubrel or MqttPacketType.Pubcomp:
                return HandleAcknowledgement(packet, _session);
            case MqttPacketType.Subscribe:
                return HandleSubscribe(packet, _session);
            case MqttPacketType.Unsubscribe:
                return HandleUnsubscribe(packet, _session);
            case MqttPacketType.Pingreq:
                _connection.Reply(MqttPacketWriter.Pingresp);
                return BrokerVerdict.GoOn;
            case MqttPacketType.Disconnect:
                return HandleDisconnect(packet);
            default:
                return BrokerVerdict.ProtocolError($"unexpected {packet.Type}");
        }
    }

    /// <summary>Acknowledges the completed messages, in order of arrival.</summary>
    public void TakeAcknowledgements()
    {
        Span<PacketAcknowledgement> due = stackalloc PacketAcknowledgement[64];
        Span<byte> packets = stackalloc byte[4 * 64];
        lock (_taking)
        {
            int count;
            while (_session is not null && (count = _ledger.Take(due)) > 0)
            {
                int length = 0;
                foreach (PacketAcknowledgement acknowledgement in due[..count])
                {
                    MqttPacketWriter.TryWrite(packets[length..], Version,
                        new MqttAcknowledgement { Type = acknowledgement.PacketType, PacketId = acknowledgement.PacketId }, out int written);
                    length += written;
                }
                _connection.Reply(packets[..length]);
                Monitor.PulseAll(_taking);
            }
        }
    }

    /// <summary>The socket has room: what waits in the session follows.</summary>
    public void Pump()
    {
        if (_session is { WaitingCount: > 0 } session)
            _broker.State.Pump(session);
    }

    /// <summary>A reader that waits for room in the ledger looks again.</summary>
    public void WakeReader()
    {
        lock (_taking)
            Monitor.PulseAll(_taking);
    }

    public void SayGoodbye(MqttReasonCode code)
    {
        if (_session is null || Version != MqttVersion.V5 || code == MqttReasonCode.Success)
            return;
        Span<byte> packet = stackalloc byte[8];
        MqttPacketWriter.TryWrite(
            packet, Version, new MqttDisconnect { Type = MqttPacketType.Disconnect, ReasonCode = code }, out int length);
        _connection.Reply(packet[..length]);
    }

    public void End(BrokerVerdict verdict)
    {
        lock (_taking)
            _ledger.Close();
        if (_session is null)
            return;
        bool withWill = _keepWill || verdict.Reason != MqttBrokerClose.ClientDisconnected;
        _broker.State.Detach(_connection, _session, withWill, _expiryMilliseconds);
    }

    private BrokerVerdict HandleConnect(in MqttPacket packet)
    {
        if (packet.Type != MqttPacketType.Connect)
            return new BrokerVerdict(MqttBrokerClose.ProtocolError, MqttReasonCode.Success, $"{packet.Type} before CONNECT");

        BrokerVerdict verdict = BrokerHandshake.Check(packet, _broker.Options, out MqttConnect connect);
        if (!verdict.Ends && _broker.Journal is { IsStuck: true })
            verdict = new BrokerVerdict(MqttBrokerClose.SessionRefused, MqttReasonCode.ServerUnavailable, "the disk of the input log is full");
        if (verdict.Ends)
        {
            // MQTT 3.1.1 closes without a word over a packet that is not well-formed.
            if (verdict.Reason != MqttBrokerClose.Malformed || connect.Version >= MqttVersion.V5
                || verdict.Code == MqttReasonCode.UnsupportedProtocolVersion)
            {
                BrokerHandshake.Refuse(_connection, connect.Version, verdict.Code);
            }
            return verdict;
        }

        Version = connect.Version;
        SendMaximum = (int)Math.Min(connect.Properties.NumberOr(MqttPropertyId.ReceiveMaximum, ushort.MaxValue),
            (uint)_broker.Options.MaximumInFlight);
        ClientMaximumPacketBytes = connect.Properties.NumberOr(MqttPropertyId.MaximumPacketSize, uint.MaxValue);
        BrokerSession session = BrokerHandshake.Accept(_broker, _connection, connect, out int keepAliveSeconds, out bool isResumed);
        _source = OpenSource(session, isResumed);
        _session = session;
        TimeoutMilliseconds = keepAliveSeconds * 1500;
        return BrokerVerdict.GoOn;
    }

    /// <summary>
    /// Opens the source by which this client's redeliveries are recognised. Waits for the reader of a connection that was taken over,
    /// outside the broker's lock.
    /// </summary>
    private PacketSource OpenSource(BrokerSession session, bool isResumed)
    {
        PacketSource? source = session.Source;
        if (_broker.Journal is IDeliveryJournal journal)
        {
            // A session that was to last until now may have packets to repeat, and an entry in the journal that goes with it.
            DuplicateRule rule = session.ExpiryMilliseconds > 0 || isResumed ? DuplicateRule.Redelivery : DuplicateRule.None;
            source = journal.Open(session.ClientId, rule, isResumed);
        }
        else
        {
            (source ??= new PacketSource(id: 0, session.ClientId, DuplicateRule.None, capacity: 1)).Connect(isResumed);
        }
        return session.Source = source;
    }

    private BrokerVerdict HandlePublish(in MqttPacket packet)
    {
        MqttFault fault = MqttPublish.TryParse(packet, Version, out MqttPublish publish);
        if (fault != MqttFault.None)
            return BrokerVerdict.Malformed(fault);
        if (publish.Properties.NumberOr(MqttPropertyId.SubscriptionIdentifier, 0) != 0)
            return BrokerVerdict.ProtocolError("a subscription identifier from a client");
        if (!_aliases.TryResolve(ref publish))
            return BrokerVerdict.ProtocolError("a topic alias not defined, or out of bounds", MqttReasonCode.TopicAliasInvalid);

        if (publish.Qos > 0 && !HasRoom())
            return BrokerVerdict.ProtocolError("more in flight than Receive Maximum", MqttReasonCode.ReceiveMaximumExceeded);
        if (_connection.IsAborted)
            return BrokerVerdict.GoOn;
        PacketSource source = _source!;
        bool isRepeat = publish.Qos == 2 && source.IsUnreleased(publish.PacketId);
        if (publish.Qos == 2 && !isRepeat && source.UnreleasedCount >= _broker.Options.ReceiveMaximum)
            return BrokerVerdict.ProtocolError("too many QoS 2 messages without PUBREL", MqttReasonCode.ReceiveMaximumExceeded);

        // A journal recognises repeats by itself, and knows when the original is on disk.
        if (isRepeat && _broker.Journal is null)
        {
            _ledger.TryOpen(publish.PacketId, publish.Qos, tickCount: 0);
            return BrokerVerdict.GoOn;
        }

        if (publish.Qos == 2 && _broker.Journal is null)
            source.Note(publish.PacketId, publish.Qos, hash: 0, position: 0);

        // RETAIN asks the broker to keep the message. To the owner, as to any subscriber of the moment, it is a message like others.
        _broker.Take(publish with { Retain = false },
            new MqttPublishContext { Ledger = _ledger, ClientId = ClientId, ReceivedAt = ReceivedAt, Source = _broker.Journal is null ? null : source });
        if (isRepeat)
            return BrokerVerdict.GoOn;
        if (publish.Qos == 2 && !source.IsUnreleased(publish.PacketId))
            source.Note(publish.PacketId, publish.Qos, hash: 0, position: 0);   // not the owner's, but subscribers shall have it once
        _broker.State.Route(publish, _session);
        return BrokerVerdict.GoOn;
    }

    private bool IsFull => _ledger.OpenCount >= _broker.Options.ReceiveMaximum;

    /// <summary>
    /// True if there is room for another message. An MQTT 5 client has the limit; a 3.1.1 client is not read until there is room.
    /// </summary>
    private bool HasRoom()
    {
        if (!IsFull)
            return true;
        _connection.FlushReplies();
        lock (_taking)
        {
            while (IsFull && Version == MqttVersion.V311 && !_connection.IsAborted)
                Monitor.Wait(_taking);
        }
        return !IsFull || _connection.IsAborted;
    }

    private BrokerVerdict HandleAcknowledgement(in MqttPacket packet, BrokerSession session)
    {
        MqttFault fault = MqttAcknowledgement.TryParse(packet, Version, out MqttAcknowledgement acknowledgement);
        if (fault != MqttFault.None)
            return BrokerVerdict.Malformed(fault);
        switch (packet.Type)
        {
            case MqttPacketType.Pubrel:
                return HandleRelease(acknowledgement.PacketId, _source!);
            case MqttPacketType.Pubrec when (byte)acknowledgement.ReasonCode < 0x80:
                _broker.State.Receive(session, acknowledgement.PacketId);
                Reply(MqttPacketType.Pubrel, acknowledgement.PacketId);
                break;
            default:
                _broker.State.TryAcknowledge(session, acknowledgement.PacketId);
                break;
        }
        return BrokerVerdict.GoOn;
    }

    /// <summary>The client has let go of a QoS 2 message; PUBCOMP leaves when that is written down.</summary>
    private BrokerVerdict HandleRelease(ushort packetId, PacketSource source)
    {
        if (_broker.Journal is not IDeliveryJournal journal)
        {
            source.Release(packetId);
            return _ledger.TryOpen(packetId, PacketLedger.Release, tickCount: 0) >= 0 ? BrokerVerdict.GoOn : TooMany();
        }
        long release = _ledger.TryOpen(packetId, PacketLedger.Release, tickCount: 1);
        if (release < 0)
            return TooMany();
        journal.Release(source, packetId, _ledger, release);
        return BrokerVerdict.GoOn;

        static BrokerVerdict TooMany() =>
            BrokerVerdict.ProtocolError("more PUBRELs than messages it may have in flight", MqttReasonCode.ReceiveMaximumExceeded);
    }

    private BrokerVerdict HandleSubscribe(in MqttPacket packet, BrokerSession session)
    {
        MqttFault fault = MqttSubscribe.TryParse(packet, Version, out MqttSubscribe subscribe);
        if (fault != MqttFault.None)
            return BrokerVerdict.Malformed(fault);

        uint identifier = subscribe.Properties.NumberOr(MqttPropertyId.SubscriptionIdentifier, 0);
        List<byte> codes = [];
        List<bool> retained = [];
        foreach (MqttTopicFilter filter in subscribe.Filters)
        {
            if (filter.NoLocal && filter.Filter.StartsWith(MqttTopic.SharePrefix))
                return BrokerVerdict.ProtocolError("no local on a shared subscription");
            MqttReasonCode code = _broker.State.Subscribe(session, filter, identifier, out bool isNew);
            bool granted = code < MqttReasonCode.UnspecifiedError;
            codes.Add(granted || Version == MqttVersion.V5 ? (byte)code : (byte)MqttReasonCode.UnspecifiedError);
            retained.Add(granted && (filter.RetainHandling == MqttRetainHandling.Send
                || (filter.RetainHandling == MqttRetainHandling.SendIfNew && isNew)));
        }

        _broker.Journal?.WaitUntilDurable(session.RecordedAt);   // a client that is told will not ask again
        Reply(MqttPacketType.Suback, subscribe.PacketId, codes);
        int index = 0;
        foreach (MqttTopicFilter filter in subscribe.Filters)
        {
            if (retained[index++])
                _broker.State.SendRetained(session, filter, identifier);
        }
        return BrokerVerdict.GoOn;
    }

    private BrokerVerdict HandleUnsubscribe(in MqttPacket packet, BrokerSession session)
    {
        MqttFault fault = MqttUnsubscribe.TryParse(packet, Version, out MqttUnsubscribe unsubscribe);
        if (fault != MqttFault.None)
            return BrokerVerdict.Malformed(fault);

        List<byte> codes = [];
        foreach (MqttTopicFilter filter in unsubscribe.Filters)
        {
            bool existed = _broker.State.Unsubscribe(session, filter.Filter);
            codes.Add((byte)(existed ? MqttReasonCode.Success : MqttReasonCode.NoSubscriptionExisted));
        }
        _broker.Journal?.WaitUntilDurable(session.RecordedAt);
        Reply(MqttPacketType.Unsuback, unsubscribe.PacketId, codes);
        return BrokerVerdict.GoOn;
    }

    private BrokerVerdict HandleDisconnect(in MqttPacket packet)
    {
        MqttFault fault = MqttDisconnect.TryParse(packet, Version, out MqttDisconnect disconnect);
        if (fault != MqttFault.None)
            return BrokerVerdict.Malformed(fault);

        const uint Unchanged = uint.MaxValue - 1;
        uint expirySeconds = disconnect.Properties.NumberOr(MqttPropertyId.SessionExpiryInterval, Unchanged);
        if (expirySeconds != Unchanged)
        {
            if (expirySeconds > 0 && _session!.ExpiryMilliseconds == 0)
                return BrokerVerdict.ProtocolError("a session expiry in DISCONNECT after none in CONNECT");
            _expiryMilliseconds = BrokerHandshake.ExpiryMilliseconds(_broker.Options, expirySeconds);
        }
        _keepWill = disconnect.ReasonCode == MqttReasonCode.DisconnectWithWill;
        return new BrokerVerdict(MqttBrokerClose.ClientDisconnected, MqttReasonCode.Success, "DISCONNECT");
    }

    public void Reply(MqttPacketType type, ushort packetId)
    {
        Span<byte> packet = stackalloc byte[8];
        MqttPacketWriter.TryWrite(packet, Version, new MqttAcknowledgement { Type = type, PacketId = packetId }, out int length);
        _connection.Reply(packet[..length]);
    }

    private void Reply(MqttPacketType type, ushort packetId, List<byte> codes)
    {
        byte[] packet = new byte[16 + codes.Count];
        MqttPacketWriter.TryWrite(
            packet, Version, new MqttSuback { Type = type, PacketId = packetId, ReasonCodes = codes.ToArray() }, out int length);
        _connection.Reply(packet.AsSpan(0, length));
    }
}
