using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>
/// State that outlives a connection: subscriptions, messages waiting, messages sent and not acknowledged, MQTT 5.0 section 4.1. Guarded by
/// the lock of <see cref="BrokerState"/>.
/// </summary>
/// <param name="isRestored">True if the session comes from an earlier run of the broker.</param>
internal sealed class BrokerSession(string clientId, MqttBrokerOptions options, MqttBrokerCounters counters, QueueBudget budget, bool isRestored = false)
{
    private Queue<Delivery> _waiting = new();
    private readonly Dictionary<ushort, (long Order, Delivery Delivery)> _inFlight = [];
    private readonly Dictionary<ushort, long> _releasing = [];   // QoS 2 deliveries the client has received, and their order
    private long _waitingBytes;
    private long _order;
    private ushort _lastPacketId;
    private bool _isCatchingUp = isRestored;

    public string ClientId { get; } = clientId;

    /// <summary>Null while the client is away.</summary>
    public BrokerConnection? Connection { get; private set; }

    /// <summary>Milliseconds the session outlives its connection by.</summary>
    public long ExpiryMilliseconds { get; set; }

    /// <summary>End of the session, on the broker's clock; <see cref="BrokerMessage.Never"/> while connected.</summary>
    public long EndsAt { get; set; } = BrokerMessage.Never;

    /// <summary>True if it is in the journal, because it outlives its connection.</summary>
    public bool IsRecorded { get; set; }

    /// <summary>Position of the session's last change in the journal; 0 for none.</summary>
    public long RecordedAt { get; set; }

    /// <summary>Last <see cref="ExpiryMilliseconds"/> written to the journal.</summary>
    public long RecordedExpiry { get; set; }

    public BrokerMessage? Will { get; set; }

    public long WillDelayMilliseconds { get; set; }

    /// <summary>Time at which the will of a lost connection is published; <see cref="BrokerMessage.Never"/> while connected.</summary>
    public long WillDueAt { get; set; } = BrokerMessage.Never;

    public Dictionary<byte[], Subscription> Subscriptions { get; } = new(Utf8KeyComparer.Instance);

    /// <summary>
    /// Source by which the client's redeliveries are recognised; null before its first connection. Set by the connection's reader.
    /// </summary>
    public PacketSource? Source { get; set; }

    /// <summary>Deliveries that wait for room in the socket or in flight.</summary>
    public int WaitingCount => _waiting.Count;

    /// <summary>Number, among all deliveries, of the oldest one not yet acknowledged; <see cref="long.MaxValue"/> for none.</summary>
    public long OldestOwed
    {
        get
        {
            long oldest = _waiting.TryPeek(out Delivery waiting) ? waiting.Number : long.MaxValue;
            foreach ((_, Delivery sent) in _inFlight.Values)
                oldest = Math.Min(oldest, sent.Number);
            return oldest;
        }
    }

    /// <summary>A new connection: what was in flight goes out again first, in its order, with its ids and DUP [MQTT-4.4.0-1].</summary>
    public void Attach(BrokerConnection connection, long now)
    {
        (Connection, EndsAt, WillDueAt) = (connection, BrokerMessage.Never, BrokerMessage.Never);
        foreach (ushort received in _releasing.OrderBy(releasing => releasing.Value).Select(releasing => releasing.Key))
            connection.Release(received);
        if (_inFlight.Count > 0)
        {
            IEnumerable<Delivery> unacknowledged = _inFlight.Values.OrderBy(sent => sent.Order).Select(sent => sent.Delivery);
            _waiting = new Queue<Delivery>([.. unacknowledged, .. _waiting]);
            _waitingBytes = _waiting.Sum(delivery => (long)delivery.Message.Size);
            _inFlight.Clear();
        }
        Pump(now);
    }

    public void Detach(long now) => (Connection, EndsAt) = (null, now + ExpiryMilliseconds);

    /// <summary>Sends a message, or above QoS 0 keeps it until it can be sent, or drops it by the rules and counts.</summary>
    /// <remarks>
    /// After a restart, until the client has caught up, it is the oldest that go where there is no room, counted apart: what is published again
    /// the client may have long since, and what it lacks is at the end.
    /// </remarks>
    public void Deliver(in Delivery delivery, long now)
    {
        if (delivery.Qos == 0)
        {
            if (Connection is not null)
                Count(Connection.TrySend(delivery, dup: false, now));
            return;
        }

        int size = delivery.Message.Size;
        bool taken;
        while (!(taken = TryTakeRoom(size)) && _isCatchingUp && _waiting.TryDequeue(out Delivery oldest))
        {
            _waitingBytes -= oldest.Message.Size;
            budget.Return(oldest.Message.Size);
            counters.MessageDropped(MqttBrokerDrop.Overtaken);
        }
        if (!taken)
        {
            counters.MessageDropped(MqttBrokerDrop.QueueFull);
            return;
        }
        _waiting.Enqueue(delivery);
        _waitingBytes += size;
        Pump(now);
    }

    /// <summary>The client has acknowledged a delivery, at QoS 2 for the second time.</summary>
    /// <returns>False when there is none of that id.</returns>
    public bool TryAcknowledge(ushort packetId, long now)
    {
        bool known = TryTakeInFlight(packetId, out _) || _releasing.Remove(packetId);
        Pump(now);
        return known;
    }

    /// <summary>
    /// Records that the client has received a QoS 2 delivery: only the id of the message is kept, until the client has its PUBREL.
    /// </summary>
    public void Receive(ushort packetId)
    {
        if (TryTakeInFlight(packetId, out long order))
            _releasing[packetId] = order;
    }

    private bool TryTakeInFlight(ushort packetId, out long order)
    {
        bool known = _inFlight.Remove(packetId, out (long Order, Delivery Delivery) sent);
        if (known)
            budget.Return(sent.Delivery.Message.Size);
        order = sent.Order;
        return known;
    }

    /// <summary>Sends what waits, as far as the client and its socket take it.</summary>
    public void Pump(long now)
    {
        while (Connection is not null && _inFlight.Count + _releasing.Count < Connection.SendMaximum && _waiting.TryPeek(out Delivery delivery))
        {
            bool again = delivery.PacketId != 0;
            if (!again && delivery.Message.ExpiresAt <= now)
            {
                counters.MessageDropped(MqttBrokerDrop.Expired);
                budget.Return(delivery.Message.Size);
            }
            else
            {
                if (!again)
                    delivery = delivery with { PacketId = NextPacketId() };
                BrokerSend result = Connection.TrySend(delivery, dup: again, now);
                if (result == BrokerSend.Full)
                    return;
                Count(result);
                if (result == BrokerSend.Sent)
                    _inFlight.Add(delivery.PacketId, (_order++, delivery));
                else
                    budget.Return(delivery.Message.Size);
            }
            _waiting.Dequeue();
            _waitingBytes -= delivery.Message.Size;
        }
        _isCatchingUp &= Connection is null || _waiting.Count > 0;
    }

    /// <summary>Writes what a restart needs: waiting messages, and before them those sent and not acknowledged.</summary>
    public void Write(SessionWriter writer, long now)
    {
        writer.Text(ClientId);
        writer.Int64(ExpiryMilliseconds);
        writer.UInt16(_lastPacketId);
        writer.UInt32((uint)Subscriptions.Count);
        foreach ((byte[] filter, Subscription subscription) in Subscriptions)
        {
            writer.Bytes(filter);
            writer.Byte(new MqttTopicFilter
            {
                Qos = subscription.Qos,
                NoLocal = subscription.NoLocal,
                RetainAsPublished = subscription.RetainAsPublished,
            }.Options);
            writer.UInt32(subscription.Identifier);
        }

        writer.UInt32((uint)(_inFlight.Count + _waiting.Count));
        foreach (Delivery delivery in _inFlight.Values.OrderBy(sent => sent.Order).Select(sent => sent.Delivery).Concat(_waiting))
        {
            writer.Message(delivery.Message, now);
            writer.Byte(delivery.Qos);
            writer.Byte(delivery.Retain ? (byte)1 : (byte)0);
            writer.UInt16(delivery.PacketId);
            writer.UInt32((uint)(delivery.Identifiers?.Length ?? 0));
            foreach (uint identifier in delivery.Identifiers ?? [])
                writer.UInt32(identifier);
        }
        writer.UInt32((uint)_releasing.Count);
        foreach (ushort id in _releasing.OrderBy(releasing => releasing.Value).Select(releasing => releasing.Key))
            writer.UInt16(id);
    }

    /// <summary>Takes in the deliveries of <see cref="Write"/>; its client is away.</summary>
    public void Read(ref SessionReader reader, ushort lastPacketId, long now)
    {
        EndsAt = now + ExpiryMilliseconds;
        RecordedExpiry = ExpiryMilliseconds;
        // Ids given since are not known. The client may hold some of them, at QoS 2 as received: new ones begin far away from there.
        _lastPacketId = (ushort)(lastPacketId + 0x8000);
        for (uint count = reader.UInt32(); count > 0; count--)
        {
            BrokerMessage message = reader.Message(now);
            byte qos = reader.Byte();
            bool retain = reader.Byte() == 1;
            ushort packetId = reader.UInt16();
            uint[] identifiers = new uint[reader.UInt32()];
            for (int i = 0; i < identifiers.Length; i++)
                identifiers[i] = reader.UInt32();
            Deliver(new Delivery(message, qos, retain, packetId, identifiers.Length == 0 ? null : identifiers), now);
        }
        for (uint count = reader.UInt32(); count > 0; count--)
            _releasing[reader.UInt16()] = _order++;
    }

    /// <summary>The session has ended: what it holds is lost, and counted.</summary>
    public void Discard()
    {
        _releasing.Clear();
        int count = _waiting.Count + _inFlight.Count;
        if (count == 0)
            return;
        counters.MessageDropped(MqttBrokerDrop.SessionEnded, count);
        budget.Return(_waitingBytes + _inFlight.Values.Sum(sent => (long)sent.Delivery.Message.Size));
        _waiting.Clear();
        _inFlight.Clear();
        _waitingBytes = 0;
    }

    private bool TryTakeRoom(int size) =>
        _waiting.Count < options.MaximumQueuedMessages && _waitingBytes + size <= options.MaximumQueuedBytes && budget.TryTake(size);

    private void Count(BrokerSend result)
    {
        if (result == BrokerSend.Full)
            counters.MessageDropped(MqttBrokerDrop.SlowConsumer);
        else if (result == BrokerSend.TooLarge)
            counters.MessageDropped(MqttBrokerDrop.PacketTooLarge);
    }

    private ushort NextPacketId()
    {
        do
        {
            _lastPacketId++;
        }
        while (_lastPacketId == 0 || _inFlight.ContainsKey(_lastPacketId) || _releasing.ContainsKey(_lastPacketId));
        return _lastPacketId;
    }
}

/// <summary>Bytes that all sessions together may hold. Guarded by the lock of <see cref="BrokerState"/>.</summary>
internal sealed class QueueBudget(long maximumBytes)
{
    private long _taken;

    public bool TryTake(int bytes)
    {
        if (_taken + bytes > maximumBytes)
            return false;
        _taken += bytes;
        return true;
    }

    public void Return(long bytes) => _taken -= bytes;
}
