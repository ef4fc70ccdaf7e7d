namespace StreamRnn.Ingest.Mqtt.Codec;

/// <summary>
/// PUBLISH, MQTT 5.0 section 3.3, as views into the buffer it was read from.
/// <code>
///   flags: DUP (8), QoS (4, 2), RETAIN (1)
///   body:  topic name | packet id, QoS 1 and 2 | properties, MQTT 5 | payload to the end
/// </code>
/// </summary>
public readonly ref struct MqttPublish
{
    internal const byte DupFlag = 8;
    internal const byte RetainFlag = 1;

    /// <summary>UTF-8; empty where MQTT 5 sends a topic alias in its place.</summary>
    public ReadOnlySpan<byte> Topic { get; init; }

    public ReadOnlySpan<byte> Payload { get; init; }

    public byte Qos { get; init; }

    public bool Retain { get; init; }

    /// <summary>Perhaps sent before. No proof that it was received before.</summary>
    public bool Dup { get; init; }

    /// <summary>0 at QoS 0.</summary>
    public ushort PacketId { get; init; }

    /// <summary>Empty in MQTT 3.1.1.</summary>
    public MqttProperties Properties { get; init; }

    /// <summary>0 when there is none.</summary>
    public ushort TopicAlias => (ushort)Properties.NumberOr(MqttPropertyId.TopicAlias, 0);

    /// <summary>UTF-8; empty when there is none.</summary>
    public ReadOnlySpan<byte> ContentType => Properties.TryGet(MqttPropertyId.ContentType, out ReadOnlySpan<byte> type) ? type : default;

    internal byte Flags => (byte)((Dup ? DupFlag : 0) | Qos << 1 | (Retain ? RetainFlag : 0));

    public static MqttFault TryParse(in MqttPacket packet, MqttVersion version, out MqttPublish publish)
    {
        byte qos = (byte)((packet.Flags >> 1) & 3);
        var input = new MqttInput(packet.Body);
        ReadOnlySpan<byte> topic = input.Text();
        ushort packetId = qos == 0 ? default : input.PacketId();
        MqttProperties properties = input.Properties(version, MqttPropertySet.Publish);

        publish = new MqttPublish
        {
            Topic = topic,
            PacketId = packetId,
            Properties = properties,
            Payload = input.Rest(),
            Qos = qos,
            Retain = (packet.Flags & RetainFlag) != 0,
            Dup = (packet.Flags & DupFlag) != 0,
        };

        bool named = MqttTopic.IsName(topic) || (topic.IsEmpty && publish.TopicAlias != 0);
        input.FailIf(!named, MqttFault.TopicName);
        return input.Fault;
    }
}
