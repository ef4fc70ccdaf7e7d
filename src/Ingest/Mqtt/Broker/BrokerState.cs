using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>
/// State shared by the connections: sessions, subscriptions, retained messages, under one lock. Nothing under it waits for a socket: a
/// delivery is a copy into an <see cref="Outbox"/>.
/// </summary>
/// <param name="journal">Journal by which redeliveries are recognised across restarts; null where nothing is kept.</param>
internal sealed partial class BrokerState(MqttBrokerOptions options, MqttBrokerCounters counters, TimeProvider time, IDeliveryJournal? journal)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, BrokerSession> _sessions = [];
    private readonly SubscriptionTree _subscriptions = new();
    private readonly RetainedMessages _retained = new(options.MaximumRetainedMessages, options.MaximumRetainedBytes);
    private readonly List<Subscription> _matches = [];
    private readonly Dictionary<BrokerSession, (byte Qos, bool RetainAsPublished, uint[]? Identifiers)> _receivers = [];
    private readonly QueueBudget _budget = new(options.MaximumTotalQueuedBytes);
    private int _subscriptionCount;

    /// <summary>Milliseconds on the broker's monotonic clock.</summary>
    public long Now => (long)time.GetElapsedTime(0).TotalMilliseconds;

    public int SubscriptionCount => Volatile.Read(ref _subscriptionCount);

    public int SessionCount
    {
        get
        {
            lock (_lock)
                return _sessions.Count;
        }
    }

    /// <summary>
    /// Backlog of connected clients: messages that wait for room in flight, and bytes that wait for a socket. A measure of progress.
    /// </summary>
    public long Unsent
    {
        get
        {
            lock (_lock)
                return _sessions.Values.Sum(session => session.Connection is { IsAborted: false } connection ? session.WaitingCount + connection.WaitingBytes : 0L);
        }
    }

    public int RetainedCount
    {
        get
        {
            lock (_lock)
                return _retained.Count;
        }
    }

    /// <summary>Gives a connection its session, the one that waits for it or a new one, after taking it from another connection.</summary>
    /// <param name="will">Null when there is none.</param>
    /// <param name="accept">Answers CONNACK, told whether the session was present, before anything else is sent.</param>
    public BrokerSession Attach(
        BrokerConnection connection, string clientId, bool cleanStart, long expiryMilliseconds,
        BrokerMessage? will, long willDelayMilliseconds, Action<bool> accept)
    {
        lock (_lock)
        {
            long now = Now;
            if (_sessions.TryGetValue(clientId, out BrokerSession? session))
            {
                if (session.Connection is { } previous)
                {
                    Lose(session, now);
                    previous.Abort(MqttBrokerClose.TakenOver, MqttReasonCode.SessionTakenOver);
                }
                if ((cleanStart || session.EndsAt <= now) && _sessions.ContainsKey(clientId))
                    End(session);
            }

            bool present = _sessions.TryGetValue(clientId, out session);
            if (!present)
            {
                EnsureRoom();
                _sessions.Add(clientId, session = new BrokerSession(clientId, options, counters, _budget));
            }

            session!.ExpiryMilliseconds = expiryMilliseconds;
            RecordLife(session, isNew: !present);
            (session.Will, session.WillDelayMilliseconds) = (will, willDelayMilliseconds);
            accept(present);
            session.Attach(connection, now);
            return session;
        }
    }

    /// <summary>A connection ended.</summary>
    /// <param name="withWill">True if the client's will is to be published.</param>
    /// <param name="expiryMilliseconds">Null leaves what the client said at CONNECT.</param>
    public void Detach(BrokerConnection connection, BrokerSession session, bool withWill, long? expiryMilliseconds)
    {
        lock (_lock)
        {
            if (session.Connection != connection)
                return;   // taken over, which has seen to everything
            if (!withWill)
                session.Will = null;
            session.ExpiryMilliseconds = expiryMilliseconds ?? session.ExpiryMilliseconds;
            RecordLife(session, isNew: false);
            Lose(session, Now);
        }
    }

    /// <summary>Sends a message to the subscribers of its topic, and retains it if asked.</summary>
    /// <param name="publisher">Null for the owner's own.</param>
    public void Route(in MqttPublish publish, BrokerSession? publisher)
    {
        if (!publish.Retain && Volatile.Read(ref _subscriptionCount) == 0)
            return;
        lock (_lock)
        {
            Match(publish.Topic);
            if (_matches.Count == 0 && !publish.Retain)
                return;
            long now = Now;
            Route(new BrokerMessage(publish, publish.Properties, now), publisher, now);
        }
    }

    /// <returns>The reason code for SUBACK; <paramref name="isNew"/> where there was no subscription to that very filter.</returns>
    public MqttReasonCode Subscribe(BrokerSession session, in MqttTopicFilter filter, uint identifier, out bool isNew)
    {
        isNew = false;
        if (filter.Filter.StartsWith(MqttTopic.SharePrefix))
            return MqttReasonCode.SharedSubscriptionsNotSupported;
        if (!SubscriptionTree.Fits(filter.Filter))
            return MqttReasonCode.QuotaExceeded;

        lock (_lock)
        {
            MqttReasonCode code = Add(session, filter, identifier, out isNew);
            if (code < MqttReasonCode.UnspecifiedError)
                RecordSubscription(session, filter, identifier);
            return code;
        }
    }

    public bool Unsubscribe(BrokerSession session, ReadOnlySpan<byte> filter)
    {
        lock (_lock)
        {
            if (!session.Subscriptions.GetAlternateLookup<ReadOnlySpan<byte>>().Remove(filter, out _, out Subscription? subscription))
                return false;
            Forget(filter, subscription);
            RecordUnsubscription(session, filter);
            return true;
        }
    }

    /// <summary>Sends the retained messages a new subscription selects.</summary>
    public void SendRetained(BrokerSession session, in MqttTopicFilter filter, uint identifier)
    {
        lock (_lock)
        {
            long now = Now;
            List<BrokerMessage> messages = [];
            _retained.Match(filter.Filter, now, messages);
            foreach (BrokerMessage message in messages)
            {
                byte qos = Math.Min(message.Qos, filter.Qos);
                session.Deliver(new Delivery(message, qos, Retain: true, 0, identifier == 0 ? null : [identifier]), now);
            }
        }
    }

    /// <summary>A delivery is done with: PUBACK, PUBCOMP, or a refusal in the place of PUBREC.</summary>
    public bool TryAcknowledge(BrokerSession session, ushort packetId)
    {
        lock (_lock)
            return session.TryAcknowledge(packetId, Now);
    }

    /// <summary>The socket has taken everything: what waits in the session may follow.</summary>
    public void Pump(BrokerSession session)
    {
        lock (_lock)
            session.Pump(Now);
    }

    /// <summary>The client has received a QoS 2 delivery (PUBREC): it must not be sent again.</summary>
    public void Receive(BrokerSession session, ushort packetId)
    {
        lock (_lock)
            session.Receive(packetId);
    }

    /// <summary>Publishes wills that are due, ends sessions and retained messages that have expired.</summary>
    public void Sweep()
    {
        lock (_lock)
        {
            long now = Now;
            foreach (BrokerSession session in _sessions.Values)
            {
                if (session.WillDueAt <= now)
                    PublishWill(session, now);
                if (session.EndsAt <= now)
                    End(session);
            }
            _retained.RemoveExpired(now);
        }
    }

    private void Route(BrokerMessage message, BrokerSession? publisher, long now)
    {
        if (message.Retain && !_retained.TryStore(message))
            counters.MessageDropped(MqttBrokerDrop.RetainedStoreFull);

        // Overlapping subscriptions give one delivery, with the highest QoS and the identifiers of all.
        foreach (Subscription subscription in _matches)
        {
            if (subscription.NoLocal && subscription.Session == publisher)
                continue;
            _receivers.TryGetValue(subscription.Session, out (byte Qos, bool RetainAsPublished, uint[]? Identifiers) so);
            uint[]? identifiers = subscription.Identifier == 0 ? so.Identifiers : [.. so.Identifiers ?? [], subscription.Identifier];
            _receivers[subscription.Session] =
                (Math.Max(so.Qos, subscription.Qos), so.RetainAsPublished | subscription.RetainAsPublished, identifiers);
        }
        foreach ((BrokerSession session, (byte qos, bool asPublished, uint[]? identifiers)) in _receivers)
            session.Deliver(new Delivery(message, Math.Min(message.Qos, qos), message.Retain && asPublished, 0, identifiers, ++_deliveries), now);
        _receivers.Clear();
    }

    private MqttReasonCode Add(BrokerSession session, in MqttTopicFilter filter, uint identifier, out bool isNew)
    {
        var byFilter = session.Subscriptions.GetAlternateLookup<ReadOnlySpan<byte>>();
        isNew = !byFilter.TryGetValue(filter.Filter, out Subscription? subscription);
        if (isNew && (session.Subscriptions.Count >= options.MaximumSubscriptionsPerClient || _subscriptionCount >= options.MaximumSubscriptions))
            return MqttReasonCode.QuotaExceeded;

        subscription ??= new Subscription(session);
        subscription.Qos = filter.Qos;
        subscription.NoLocal = filter.NoLocal;
        subscription.RetainAsPublished = filter.RetainAsPublished;
        subscription.Identifier = identifier;
        if (isNew)
        {
            byFilter[filter.Filter] = subscription;
            _subscriptions.Add(filter.Filter, subscription);
            Volatile.Write(ref _subscriptionCount, _subscriptionCount + 1);
        }
        return (MqttReasonCode)subscription.Qos;
    }

    private void Match(ReadOnlySpan<byte> topic)
    {
        _matches.Clear();
        _subscriptions.Match(topic, _matches);
    }

    private void Lose(BrokerSession session, long now)
    {
        session.Detach(now);
        long willDelay = Math.Min(session.WillDelayMilliseconds, session.ExpiryMilliseconds);
        session.WillDueAt = session.Will is null ? BrokerMessage.Never : now + willDelay;
        if (session.WillDueAt <= now)
            PublishWill(session, now);
        if (session.EndsAt <= now)
            End(session);
    }

    private void End(BrokerSession session)
    {
        _sessions.Remove(session.ClientId);
        foreach ((byte[] filter, Subscription subscription) in session.Subscriptions)
            Forget(filter, subscription);
        session.Subscriptions.Clear();
        session.Discard();
        RecordEnd(session);
        CloseSource(session);
        if (session.WillDueAt != BrokerMessage.Never)
            PublishWill(session, Now);
    }

    private void PublishWill(BrokerSession session, long now)
    {
        (BrokerMessage? will, session.Will, session.WillDueAt) = (session.Will, null, BrokerMessage.Never);
        if (will is null)
            return;
        Match(will.Topic);
        Route(will, session, now);
    }

    private void Forget(ReadOnlySpan<byte> filter, Subscription subscription)
    {
        _subscriptions.Remove(filter, subscription);
        Volatile.Write(ref _subscriptionCount, _subscriptionCount - 1);
    }

    private void EnsureRoom()
    {
        if (_sessions.Count < options.MaximumSessions)
            return;
        BrokerSession? oldest = _sessions.Values.Where(session => session.Connection is null).MinBy(session => session.EndsAt);
        if (oldest is not null)
            End(oldest);
    }
}
