using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>A message kept beyond the call that brought it: shared by every subscriber's queue and by the retained store.</summary>
internal sealed class BrokerMessage
{
    public const long Never = long.MaxValue;

    private readonly byte[] _bytes;   // topic | properties that are forwarded | payload
    private readonly int _topicLength;
    private readonly int _propertiesLength;
    private readonly int _payloadLength;

    /// <param name="publish">With its topic, not an alias.</param>
    /// <param name="properties">Those of the publish or of the will.</param>
    /// <param name="now">Milliseconds on the broker's clock.</param>
    public BrokerMessage(in MqttPublish publish, MqttProperties properties, long now)
    {
        _bytes = new byte[publish.Topic.Length + properties.Bytes.Length + publish.Payload.Length];
        _topicLength = publish.Topic.Length;
        _payloadLength = publish.Payload.Length;
        publish.Topic.CopyTo(_bytes);

        ExpiresAt = Never;
        var forwarded = new MqttPropertyWriter(_bytes.AsSpan(_topicLength, properties.Bytes.Length));
        foreach (MqttProperty property in properties)
        {
            if (property.Id == MqttPropertyId.MessageExpiryInterval)
                ExpiresAt = now + property.Number * 1000L;
            else if (property.Id is not (MqttPropertyId.TopicAlias or MqttPropertyId.WillDelayInterval))
                forwarded.Copy(property);
        }
        _propertiesLength = forwarded.Properties.Bytes.Length;
        publish.Payload.CopyTo(_bytes.AsSpan(_topicLength + _propertiesLength));

        Qos = publish.Qos;
        Retain = publish.Retain;
    }

    public ReadOnlySpan<byte> Topic => _bytes.AsSpan(0, _topicLength);

    public ReadOnlySpan<byte> Payload => _bytes.AsSpan(_topicLength + _propertiesLength, _payloadLength);

    /// <summary>Forwarded properties, without the expiry.</summary>
    public MqttProperties Properties => new(_bytes.AsSpan(_topicLength, _propertiesLength));

    public byte Qos { get; }

    public bool Retain { get; }

    /// <summary>Milliseconds on the broker's clock; <see cref="Never"/>.</summary>
    public long ExpiresAt { get; init; }

    /// <summary>Memory it holds, about.</summary>
    public int Size => _bytes.Length + 96;

    /// <summary>Room that the packet of a delivery never exceeds.</summary>
    public int MaximumLength(int identifierCount) => _bytes.Length + 32 + 5 * identifierCount;

    public int Write(Span<byte> into, MqttVersion version, in Delivery delivery, bool dup, long now)
    {
        ReadOnlySpan<byte> properties = _bytes.AsSpan(_topicLength, _propertiesLength);
        int identifierCount = delivery.Identifiers?.Length ?? 0;
        if (version == MqttVersion.V5 && (ExpiresAt != Never || identifierCount > 0))
        {
            var extended = new byte[_propertiesLength + 5 + 5 * identifierCount];
            properties.CopyTo(extended);
            var extra = new MqttPropertyWriter(extended.AsSpan(_propertiesLength));
            if (ExpiresAt != Never)
                extra.Number(MqttPropertyId.MessageExpiryInterval, (uint)Math.Max(1, (ExpiresAt - now + 999) / 1000));
            foreach (uint identifier in delivery.Identifiers ?? [])
                extra.Number(MqttPropertyId.SubscriptionIdentifier, identifier);
            properties = extended.AsSpan(0, _propertiesLength + extra.Properties.Bytes.Length);
        }

        var publish = new MqttPublish
        {
            Topic = Topic,
            Payload = Payload,
            Qos = delivery.Qos,
            Retain = delivery.Retain,
            Dup = dup,
            PacketId = delivery.PacketId,
            Properties = new MqttProperties(properties),
        };
        return MqttPacketWriter.TryWrite(into, version, publish, out int written) ? written : 0;
    }
}

/// <summary>A message on its way to one session.</summary>
/// <param name="Qos">The lower of the message's and the subscription's.</param>
/// <param name="PacketId">0 until it is sent above QoS 0.</param>
/// <param name="Identifiers">Of the subscriptions that matched.</param>
/// <param name="Number">Rises over all deliveries that are made because of a message, not of a subscription.</param>
internal readonly record struct Delivery(BrokerMessage Message, byte Qos, bool Retain, ushort PacketId, uint[]? Identifiers, long Number = 0);
