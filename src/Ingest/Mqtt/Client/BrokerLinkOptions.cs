using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>A filter to receive by.</summary>
/// <param name="Qos">0, 1 or 2. At 0 a message that is lost on the way, or that comes while a shard is full, is lost.</param>
public sealed record MqttSubscription(string Filter, byte Qos = 1)
{
    /// <summary>Pairs of filters that can match the same topic.</summary>
    public static IEnumerable<(string One, string Other)> Overlaps(IReadOnlyList<MqttSubscription> subscriptions)
    {
        for (int i = 0; i < subscriptions.Count; i++)
            for (int j = i + 1; j < subscriptions.Count; j++)
                if (Overlap(subscriptions[i].Filter.Split('/'), subscriptions[j].Filter.Split('/')))
                    yield return (subscriptions[i].Filter, subscriptions[j].Filter);
    }

    private static bool Overlap(ReadOnlySpan<string> one, ReadOnlySpan<string> other)
    {
        while (true)
        {
            if (one is ["#", ..] || other is ["#", ..])
                return true;
            if (one.IsEmpty || other.IsEmpty)
                return one.IsEmpty && other.IsEmpty;
            if (one[0] != other[0] && one[0] != "+" && other[0] != "+")
                return false;
            one = one[1..];
            other = other[1..];
        }
    }
}

/// <summary>Message that the broker publishes when the client vanishes.</summary>
public sealed record MqttWill(string Topic, byte[] Payload, byte Qos = 1, bool Retain = true);

/// <summary>Encryption of the connection, TLS 1.2 or later.</summary>
public sealed record MqttTlsOptions
{
    /// <summary>PEM file of the authorities to trust in place of the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary>PEM file of our own certificate, for brokers that ask for one.</summary>
    public string? CertificateFile { get; init; }

    /// <summary>PEM file of its private key.</summary>
    public string? KeyFile { get; init; }

    /// <summary>Takes any certificate: whoever sits between us and the broker can read and forge everything.</summary>
    public bool AllowUntrusted { get; init; }

    /// <summary>Protocols named in the TLS handshake (ALPN), for brokers that share a port with a web server. Not over WebSocket, which is one of them.</summary>
    public IReadOnlyList<string> Alpn { get; init; } = [];
}

/// <summary>MQTT in the frames of a WebSocket.</summary>
public sealed record MqttWebSocketOptions
{
    /// <summary>Path and query of the URL.</summary>
    public string Path { get; init; } = "/mqtt";

    /// <summary>Headers of the request that opens the WebSocket.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();
}

/// <summary>An authentication method of MQTT 5 whose proof is one token.</summary>
/// <param name="DataFile">File of the token, read at every connect; null where the method has none.</param>
public sealed record MqttAuthenticationOptions(string Method, string? DataFile);

/// <summary>A connection to one broker.</summary>
public sealed record BrokerLinkOptions
{
    public required string Host { get; init; }

    public int Port { get; init; } = 1883;

    /// <summary>
    /// Protocol version. With 3.1.1 the broker's limit of messages in flight applies, 20 in mosquitto unless max_inflight_messages is set.
    /// </summary>
    public MqttVersion Version { get; init; } = MqttVersion.V5;

    /// <summary>The broker keeps our session under this name; two clients of one name throw each other out.</summary>
    public required string ClientId { get; init; }

    public string? Username { get; init; }

    public string? Password { get; init; }

    /// <summary>File that holds the password and nothing else, read at every connect; null where <see cref="Password"/> is the one.</summary>
    public string? PasswordFile { get; init; }

    /// <summary>Null for none beside user name and password.</summary>
    public MqttAuthenticationOptions? Authentication { get; init; }

    /// <summary>Null for a plain connection.</summary>
    public MqttTlsOptions? Tls { get; init; }

    /// <summary>Null for a connection by TCP.</summary>
    public MqttWebSocketOptions? WebSocket { get; init; }

    /// <summary>HTTP proxy that is asked for a tunnel to the broker; null for none.</summary>
    public Uri? Proxy { get; init; }

    /// <summary>Forgets what the broker kept for this client id, and has it keep nothing.</summary>
    public bool CleanStart { get; init; }

    /// <summary>Stopping ends the session at the broker, which would keep it otherwise. MQTT 5 only.</summary>
    public bool EndSessionOnStop { get; init; }

    /// <summary>Time that the broker keeps our session, and queues for it, after a disconnect.</summary>
    public TimeSpan SessionExpiry { get; init; } = TimeSpan.FromDays(1);

    /// <summary>
    /// Drops a message after the broker has closed the connection on it five times. Disable for a broker that crashes for unrelated
    /// reasons; the message then blocks the ones behind it.
    /// </summary>
    public bool GivesUpMessages { get; init; } = true;

    /// <summary>Without traffic for so long we ask whether the broker is there; no answer for as long again ends the connection.</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Time limit of connection, encryption and CONNACK together.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>First pause between two attempts to connect; it doubles, with jitter, up to <see cref="MaximumPause"/>.</summary>
    public TimeSpan MinimumPause { get; init; } = TimeSpan.FromSeconds(0.5);

    public TimeSpan MaximumPause { get; init; } = TimeSpan.FromSeconds(30);

    public IReadOnlyList<MqttSubscription> Subscriptions { get; init; } = [];

    public MqttWill? Will { get; init; }

    /// <summary>Messages received and not yet acknowledged. Fewer than a commit's worth and the broker waits for us.</summary>
    public int ReceiveMaximum { get; init; } = ushort.MaxValue;

    /// <summary>Longest packet taken; the broker is told.</summary>
    public int MaximumPacketBytes { get; init; } = 4 << 20;

    /// <summary>Messages above QoS 0 sent and not yet confirmed; the broker may allow fewer. A small window waits for every round trip.</summary>
    public int PublishWindow { get; init; } = 8192;

    /// <summary>Messages kept until they are confirmed, sent or not.</summary>
    public int PublishBufferMessages { get; init; } = 16_384;

    /// <summary>Bytes of these messages.</summary>
    public int PublishBufferBytes { get; init; } = 8 << 20;

    /// <summary>
    /// What the client holds at worst, in bytes: the read buffer while it grows, what is kept for sending, and a few words for each
    /// message that is not yet acknowledged.
    /// </summary>
    public long MemoryBoundBytes => (2L * MaximumPacketBytes) + PublishBufferBytes + (32L * PublishBufferMessages) + (64L * ReceiveMaximum);

    /// <summary>The address in the form that lines and reports show.</summary>
    public BrokerAddress Address => new() { Host = Host, Port = Port, IsEncrypted = Tls is not null, Path = WebSocket?.Path };

    /// <summary>The same options for a broker at this address. TLS keeps its settings where it was set up.</summary>
    public BrokerLinkOptions At(BrokerAddress address) => this with
    {
        Host = address.Host,
        Port = address.Port,
        Tls = address.IsEncrypted ? Tls ?? new MqttTlsOptions() : null,
        WebSocket = address.Path is null ? null : (WebSocket ?? new MqttWebSocketOptions()) with { Path = address.Path },
    };

    /// <exception cref="ArgumentException">An option is out of range; the message names it.</exception>
    internal void Validate()
    {
        static void Require(bool holds, string rule)
        {
            if (!holds)
                throw new ArgumentException(rule);
        }
        Require(Host.Length > 0, "Host is empty: name the broker.");
        Require(Port is > 0 and <= ushort.MaxValue, $"Port is {Port}: 1 to 65535.");
        Require(ClientId.Length > 0 || CleanStart, "ClientId is empty: a session that survives needs a name.");
        Require((Password is null && PasswordFile is null) || Username is not null, "Password is set without Username.");
        Require(Proxy is null || Proxy.Scheme == "http", $"Proxy is {Proxy}: http://HOST:PORT.");
        Require(Authentication is null || Version == MqttVersion.V5, "Authentication is set, which MQTT 3.1.1 does not have.");
        Require(ReceiveMaximum is > 0 and <= ushort.MaxValue, $"ReceiveMaximum is {ReceiveMaximum}: 1 to 65535.");
        Require(PublishWindow is > 0 and <= ushort.MaxValue, $"PublishWindow is {PublishWindow}: 1 to 65535.");
        Require(PublishBufferMessages is > 0 and < ushort.MaxValue - 1, $"PublishBufferMessages is {PublishBufferMessages}: 1 to 65533, fewer than there are packet ids.");
        Require(PublishBufferBytes >= 1024, $"PublishBufferBytes is {PublishBufferBytes}: at least 1024.");
        Require(MaximumPacketBytes >= 1024, $"MaximumPacketBytes is {MaximumPacketBytes}: at least 1024.");
        Require(KeepAlive >= TimeSpan.FromSeconds(1) && KeepAlive.TotalSeconds <= ushort.MaxValue, $"KeepAlive is {KeepAlive}: 1 s to 18 h.");
        Require(MinimumPause > TimeSpan.Zero && MaximumPause >= MinimumPause, "MinimumPause must be positive and not above MaximumPause.");
        foreach (MqttSubscription subscription in Subscriptions)
        {
            Require(MqttTopic.IsFilter(System.Text.Encoding.UTF8.GetBytes(subscription.Filter)),
                $"Subscription '{subscription.Filter}' is no topic filter: + stands alone in its level, # alone in the last.");
            Require(subscription.Qos <= 2, $"Subscription '{subscription.Filter}' asks for QoS {subscription.Qos}: 0, 1 or 2.");
        }
    }
}
