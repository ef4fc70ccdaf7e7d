using System.ComponentModel.DataAnnotations;

namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>The embedded broker. Every bound is a bound on memory; what it refuses is counted.</summary>
public sealed record MqttBrokerOptions
{
    /// <summary>An IP address. Other than loopback it needs credentials, or <see cref="AllowAnonymous"/>.</summary>
    [Required] public string ListenAddress { get; init; } = "127.0.0.1";

    /// <summary>0 takes any free port; the one taken is <see cref="MqttBroker.EndPoint"/>.</summary>
    [Range(0, 65_535)] public int Port { get; init; } = 1883;

    /// <summary>With it every client must give this name and <see cref="Password"/>.</summary>
    public string? UserName { get; init; }

    public string? Password { get; init; }

    /// <summary>Lets every client that reaches the address publish and subscribe.</summary>
    public bool AllowAnonymous { get; init; }

    /// <summary>Each has a thread and two buffers. One more is closed at once.</summary>
    [Range(1, 100_000)] public int MaximumConnections { get; init; } = 256;

    /// <summary>A client that sends a larger packet is disconnected.</summary>
    [Range(1024, 64 << 20)] public int MaximumPacketBytes { get; init; } = 256 * 1024;

    /// <summary>Messages a client may have unacknowledged, 8 bytes each per connection. MQTT 3.1.1 clients, who cannot be told, are not
    /// read further when they reach it.</summary>
    [Range(1, 65_535)] public int ReceiveMaximum { get; init; } = 4096;

    /// <summary>Messages sent to a client and not yet acknowledged by it; a client may ask for less.</summary>
    [Range(1, 65_535)] public int MaximumInFlight { get; init; } = 1000;

    /// <summary>
    /// Messages above QoS 0 a session holds while its client is away or slow; then new ones are dropped. Fewer than a restart publishes
    /// again and a reader that cannot keep up loses some.
    /// </summary>
    [Range(0, 1 << 20)] public int MaximumQueuedMessages { get; init; } = 100_000;

    /// <summary>Bytes of those messages.</summary>
    [Range(0, 1 << 30)] public int MaximumQueuedBytes { get; init; } = 64 << 20;

    /// <summary>Bytes of the messages that all sessions hold together, sent and unacknowledged ones included.</summary>
    [Range(0, 1L << 34)] public long MaximumTotalQueuedBytes { get; init; } = 128 << 20;

    /// <summary>Bytes waiting for a slow socket; then QoS 0 messages to it are dropped.</summary>
    [Range(1 << 16, 1 << 28)] public int MaximumOutboxBytes { get; init; } = 1 << 20;

    [Range(1, 1 << 16)] public int MaximumSubscriptionsPerClient { get; init; } = 256;

    [Range(1, 1 << 22)] public int MaximumSubscriptions { get; init; } = 16_384;

    /// <summary>Sessions, connected or not. Beyond it the one longest disconnected is dropped.</summary>
    [Range(1, 1 << 20)] public int MaximumSessions { get; init; } = 4096;

    [Range(0, 1 << 24)] public int MaximumRetainedMessages { get; init; } = 10_000;

    [Range(0, 1 << 30)] public int MaximumRetainedBytes { get; init; } = 32 << 20;

    /// <summary>Topic aliases a client may define.</summary>
    [Range(0, 65_535)] public int TopicAliasMaximum { get; init; } = 32;

    /// <summary>Longest time that a session outlives its connection; also the time of an MQTT 3.1.1 session that is not clean.</summary>
    public TimeSpan MaximumSessionExpiry { get; init; } = TimeSpan.FromDays(1);

    /// <summary>Silence allowed between a connection and its CONNECT.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A socket that takes nothing for as long, while something waits for it, is closed.</summary>
    public TimeSpan WriteTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Keep-alive imposed on MQTT 5 clients with a longer one, or none. Zero leaves the choice to them.</summary>
    [Range(0, 65_535)] public int MaximumKeepAliveSeconds { get; init; }

    /// <summary>
    /// What it holds at worst, in bytes: per connection two packets and two outboxes, and in all the queued and the retained messages,
    /// 1 KB for each subscription and a will of up to 16 KB for each session.
    /// </summary>
    public long MemoryBoundBytes =>
        (2L * MaximumConnections * (MaximumPacketBytes + MaximumOutboxBytes))
        + MaximumTotalQueuedBytes + MaximumRetainedBytes + (1024L * MaximumSubscriptions) + (16L * 1024 * MaximumSessions);
}
