using System.Text;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>The packets that open a connection, composed from the options.</summary>
internal static class MqttHandshake
{
    /// <summary>CONNECT: who we are, what the broker is to keep for us, and how much we take at once.</summary>
    public static byte[] Connect(BrokerLinkOptions options)
    {
        var properties = new MqttPropertyWriter(stackalloc byte[32]);
        if (options.Version == MqttVersion.V5)
        {
            properties.Number(MqttPropertyId.SessionExpiryInterval, options.CleanStart ? 0 : (uint)Math.Min(options.SessionExpiry.TotalSeconds, uint.MaxValue));
            properties.Number(MqttPropertyId.ReceiveMaximum, (uint)options.ReceiveMaximum);
            properties.Number(MqttPropertyId.MaximumPacketSize, (uint)options.MaximumPacketBytes);
            properties.Number(MqttPropertyId.TopicAliasMaximum, TopicAliases.Maximum);
        }

        var connect = new MqttConnect
        {
            Version = options.Version,
            CleanStart = options.CleanStart,
            KeepAliveSeconds = (ushort)options.KeepAlive.TotalSeconds,
            Properties = options.Version == MqttVersion.V5 ? properties.Properties : default,
            ClientId = Encoding.UTF8.GetBytes(options.ClientId),
            HasUserName = options.Username is not null,
            UserName = Encoding.UTF8.GetBytes(options.Username ?? ""),
            HasPassword = options.Password is not null,
            Password = Encoding.UTF8.GetBytes(options.Password ?? ""),
            HasWill = options.Will is not null,
            WillTopic = Encoding.UTF8.GetBytes(options.Will?.Topic ?? ""),
            WillPayload = options.Will?.Payload,
            WillQos = options.Will?.Qos ?? 0,
            WillRetain = options.Will?.Retain ?? false,
        };
        byte[] bytes = new byte[1024 + Encoding.UTF8.GetMaxByteCount(options.ClientId.Length + (options.Username?.Length ?? 0)
            + (options.Password?.Length ?? 0) + (options.Will?.Topic.Length ?? 0)) + (options.Will?.Payload.Length ?? 0)];
        if (!MqttPacketWriter.TryWrite(bytes, connect, out int written))
            throw new InvalidOperationException("CONNECT is longer than its parts.");
        return bytes[..written];
    }

    /// <summary>
    /// SUBSCRIBE to all filters, under the packet id 0xFFFF, which no message uses. Retained messages are not asked for again where the
    /// broker knows the subscription already (MQTT 5).
    /// </summary>
    public static byte[] Subscribe(BrokerLinkOptions options)
    {
        byte[] bytes = new byte[64 + options.Subscriptions.Sum(subscription => 3 + Encoding.UTF8.GetMaxByteCount(subscription.Filter.Length))];
        var filters = new MqttTopicFilterWriter(new byte[bytes.Length]);
        foreach (MqttSubscription subscription in options.Subscriptions)
            filters.Add(new MqttTopicFilter
            {
                Filter = Encoding.UTF8.GetBytes(subscription.Filter),
                Qos = subscription.Qos,
                RetainHandling = options.Version == MqttVersion.V5 ? MqttRetainHandling.SendIfNew : MqttRetainHandling.Send,
            });
        var subscribe = new MqttSubscribe { PacketId = SubscribeId, Filters = filters.Filters };
        if (!MqttPacketWriter.TryWrite(bytes, options.Version, subscribe, out int written))
            throw new InvalidOperationException("SUBSCRIBE is longer than its parts.");
        return bytes[..written];
    }

    public const ushort SubscribeId = ushort.MaxValue;

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
