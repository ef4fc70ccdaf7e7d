namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>Reason why a connection ended. Numbers are never reused.</summary>
public enum MqttBrokerClose
{
    None = 0,

    /// <summary>The client sent DISCONNECT.</summary>
    ClientDisconnected = 1,

    /// <summary>Without DISCONNECT.</summary>
    ConnectionLost = 2,

    /// <summary>Bytes that are not MQTT.</summary>
    Malformed = 3,

    /// <summary>MQTT, but not what may be sent here and now.</summary>
    ProtocolError = 4,

    ConnectTimeout = 5,

    /// <summary>Silence for one and a half times the keep-alive.</summary>
    KeepAliveTimeout = 6,

    /// <summary>Wrong or missing credentials.</summary>
    NotAuthorized = 7,

    ConnectionLimit = 8,

    /// <summary>Another connection came with the same client id.</summary>
    TakenOver = 9,

    /// <summary>It did not read what was sent to it.</summary>
    SlowConsumer = 10,

    /// <summary>A client id or a session that cannot be had.</summary>
    SessionRefused = 11,

    ServerShutdown = 12,
}

/// <summary>Reason why a message did not reach a client. Numbers are never reused.</summary>
public enum MqttBrokerDrop
{
    /// <summary>QoS 0 while the subscriber's socket is slow.</summary>
    SlowConsumer = 0,

    /// <summary>QoS 1 while the session's queue is full.</summary>
    QueueFull = 1,

    /// <summary>Larger than the subscriber's maximum packet size.</summary>
    PacketTooLarge = 2,

    /// <summary>The message's expiry interval passed in the queue.</summary>
    Expired = 3,

    /// <summary>Not retained, because the store is full; it was delivered to those subscribed.</summary>
    RetainedStoreFull = 4,

    /// <summary>Lost with a session that expired or was pushed out.</summary>
    SessionEnded = 5,

    /// <summary>
    /// From the queue of a session that has not caught up since a restart, to make room for newer ones. What is published again its client may have
    /// had before: how many are really missing the client's own numbers say.
    /// </summary>
    Overtaken = 6,
}

/// <summary>Counters of the broker since it started. Any thread may read.</summary>
public sealed class MqttBrokerCounters
{
    private readonly long[] _closed = new long[Enum.GetValues<MqttBrokerClose>().Length];
    private readonly long[] _dropped = new long[Enum.GetValues<MqttBrokerDrop>().Length];
    private long _connectionsAccepted;
    private long _messagesReceived;
    private long _messagesSent;

    public long ConnectionsAccepted => Volatile.Read(ref _connectionsAccepted);

    /// <summary>PUBLISH packets taken from clients.</summary>
    public long MessagesReceived => Volatile.Read(ref _messagesReceived);

    /// <summary>PUBLISH packets written to clients, repeats included.</summary>
    public long MessagesSent => Volatile.Read(ref _messagesSent);

    /// <summary>Connections ended, or refused, for this reason.</summary>
    public long Closed(MqttBrokerClose reason) => Volatile.Read(ref _closed[(int)reason]);

    /// <summary>Deliveries that were not made, for this reason.</summary>
    public long Dropped(MqttBrokerDrop reason) => Volatile.Read(ref _dropped[(int)reason]);

    internal void ConnectionAccepted() => Interlocked.Increment(ref _connectionsAccepted);

    internal void MessageReceived() => Interlocked.Increment(ref _messagesReceived);

    internal void MessageSent() => Interlocked.Increment(ref _messagesSent);

    internal void ConnectionClosed(MqttBrokerClose reason) => Interlocked.Increment(ref _closed[(int)reason]);

    internal void MessageDropped(MqttBrokerDrop reason, long count = 1) => Interlocked.Add(ref _dropped[(int)reason], count);
}
