using System.Net;
using System.Text;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>A link's options in the terms of MQTTnet.</summary>
internal static class ConnectOptions
{
    /// <summary>CONNECT: who we are, what the broker is to keep for us, and how much we take at once. Reads the files of secrets.</summary>
    /// <exception cref="IOException">A file cannot be read, or is empty.</exception>
    /// <remarks>
    /// MqttClient's keep-alive is off. It would take a handler that holds the reader back for a broker that is silent, and end the connection;
    /// it polls four times a second. <see cref="BrokerChannelAdapter"/> writes the real period into the packet, <see cref="MqttSender"/> keeps it.
    /// </remarks>
    public static MqttClientOptions Connect(BrokerLinkOptions options)
    {
        bool isV5 = options.Version == MqttVersion.V5;
        return new MqttClientOptions
        {
            ProtocolVersion = isV5 ? MqttProtocolVersion.V500 : MqttProtocolVersion.V311,
            ChannelOptions = new MqttClientTcpOptions { RemoteEndpoint = new DnsEndPoint(options.Host, options.Port) },
            ClientId = options.ClientId,
            CleanSession = options.CleanStart,
            Credentials = options.Username is null ? null
                : new MqttClientCredentials(options.Username, Bytes(options.PasswordFile is string file ? SecretFile.Read(file) : options.Password)),
            AuthenticationMethod = options.Authentication?.Method,
            AuthenticationData = options.Authentication?.DataFile is string data ? Bytes(SecretFile.Read(data)) : null,
            KeepAlivePeriod = TimeSpan.Zero,
            Timeout = options.ConnectTimeout,
            SessionExpiryInterval = isV5 && !options.CleanStart ? (uint)Math.Min(options.SessionExpiry.TotalSeconds, uint.MaxValue) : 0,
            ReceiveMaximum = isV5 ? (ushort)options.ReceiveMaximum : default,
            MaximumPacketSize = isV5 ? (uint)options.MaximumPacketBytes : 0,
            TopicAliasMaximum = isV5 ? (ushort)TopicAliases.Maximum : default,
            WillTopic = options.Will?.Topic,
            WillPayload = options.Will?.Payload,
            WillQualityOfServiceLevel = (MqttQualityOfServiceLevel)(options.Will?.Qos ?? 0),
            WillRetain = options.Will?.Retain ?? false,
        };
    }

    /// <summary>
    /// Builds a SUBSCRIBE to all filters. Retained messages are not requested again where the broker has the subscription already (MQTT 5).
    /// </summary>
    public static MqttClientSubscribeOptions Subscribe(BrokerLinkOptions options)
    {
        var subscribe = new MqttClientSubscribeOptions();
        foreach (MqttSubscription subscription in options.Subscriptions)
            subscribe.TopicFilters.Add(new MQTTnet.Packets.MqttTopicFilter
            {
                Topic = subscription.Filter,
                QualityOfServiceLevel = (MqttQualityOfServiceLevel)subscription.Qos,
                RetainHandling = options.Version == MqttVersion.V5
                    ? MQTTnet.Protocol.MqttRetainHandling.SendAtSubscribeIfNewSubscriptionOnly : MQTTnet.Protocol.MqttRetainHandling.SendAtSubscribe,
            });
        return subscribe;
    }

    private static byte[]? Bytes(string? text) => text is null ? null : Encoding.UTF8.GetBytes(text);
}
