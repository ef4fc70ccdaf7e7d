using System.Text;
using StreamRnn.Engine.Publish;
using StreamRnn.Ingest.Mqtt.Broker;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Worker.Configuration;

namespace StreamRnn.Worker.Hosting;

/// <summary>Converts a worker's configuration to options of the MQTT layer.</summary>
internal static class LinkOptions
{
    // Room for topic and properties: a payload that is too large is the intake's to refuse and count, not a broken connection.
    private const int PacketOverhead = 64 << 10;

    // What a broker may send at least: one that is told less withholds larger messages, and nobody counts them.
    private const int LeastPacketBytes = 4 << 20;

    /// <summary>The connection that takes ticks in and acknowledges them. It publishes nothing and keeps no buffer for it.</summary>
    public static BrokerLinkOptions Receiver(StreamRnnOptions options) => Connection(options) with
    {
        Subscriptions = [.. options.Mqtt.EffectiveSubscriptions.Select(s => new MqttSubscription(s.Filter, (byte)s.Qos))],
        PublishBufferMessages = 1,
        PublishBufferBytes = 1024,
    };

    /// <summary>The connection that publishes, and says by its last will that the worker is gone.</summary>
    public static BrokerLinkOptions Sender(StreamRnnOptions options) => Connection(options) with
    {
        ClientId = options.Mqtt.ClientId + "-out",
        Will = options.Publish.Status
            ? new MqttWill(Encoding.UTF8.GetString(new NoticeCodec(options.Publish.Prefix).StatusTopic), NoticeCodec.Offline.ToArray())
            : null,
        ReceiveMaximum = 16,
    };

    public static MqttBrokerOptions Broker(StreamRnnOptions options) => new()
    {
        ListenAddress = options.Broker.Address,
        Port = options.Broker.Port,
        UserName = options.Broker.Username,
        Password = options.Broker.PasswordFile is string file ? SecretFile.Read(file) : null,
        AllowAnonymous = options.Broker.AllowAnonymous,
        MaximumConnections = options.Broker.Clients,
        MaximumSessions = options.Broker.Sessions,
        MaximumRetainedMessages = options.Broker.RetainedMessages,
        MaximumPacketBytes = (2 * options.Limits.PayloadBytes) + PacketOverhead,
    };

    private static BrokerLinkOptions Connection(StreamRnnOptions options) => new BrokerLinkOptions
    {
        Host = "",
        Version = options.Mqtt.Version,
        ClientId = options.Mqtt.ClientId,
        Username = options.Mqtt.Username,
        PasswordFile = options.Mqtt.PasswordFile,
        Authentication = options.Mqtt.Auth.Method is string method ? new MqttAuthenticationOptions(method, options.Mqtt.Auth.DataFile) : null,
        Proxy = options.Mqtt.Proxy is null ? null : new Uri(options.Mqtt.Proxy),
        WebSocket = new MqttWebSocketOptions { Headers = options.Mqtt.WebSocket.ByName },
        Tls = new MqttTlsOptions
        {
            CaFile = options.Mqtt.Tls.CaFile,
            CertificateFile = options.Mqtt.Tls.CertificateFile,
            KeyFile = options.Mqtt.Tls.KeyFile,
            AllowUntrusted = options.Mqtt.Tls.AllowUntrusted,
            Alpn = options.Mqtt.Tls.Alpn,
        },
        KeepAlive = options.Mqtt.KeepAlive,
        SessionExpiry = options.Mqtt.SessionExpiry,
        ReceiveMaximum = options.Mqtt.ReceiveMaximum,
        MaximumPacketBytes = Math.Max(LeastPacketBytes, (2 * options.Limits.PayloadBytes) + PacketOverhead),
        PublishBufferMessages = options.Mqtt.PublishBufferMessages,
        PublishBufferBytes = options.Mqtt.PublishBufferBytes,
    }.At(options.Mqtt.Address!);
}
