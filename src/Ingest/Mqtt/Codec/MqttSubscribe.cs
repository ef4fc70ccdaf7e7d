namespace StreamRnn.Ingest.Mqtt.Codec;

/// <summary>
/// SUBSCRIBE, MQTT 5.0 section 3.8.
/// <code>
///   body: packet id | properties, MQTT 5 | at least one filter with its options
/// </code>
/// </summary>
public readonly ref struct MqttSubscribe
{
    public ushort PacketId { get; init; }

    public MqttProperties Properties { get; init; }

    public MqttTopicFilters Filters { get; init; }

    public static MqttFault TryParse(in MqttPacket packet, MqttVersion version, out MqttSubscribe subscribe)
    {
        var input = new MqttInput(packet.Body);
        ushort packetId = input.PacketId();
        MqttProperties properties = input.Properties(version, MqttPropertySet.Subscribe);
        ReadOnlySpan<byte> filters = input.Rest();
        MqttFault fault = MqttTopicFilters.Check(filters, withOptions: true, version);
        input.FailIf(fault != MqttFault.None, fault);

        subscribe = new MqttSubscribe
        {
            PacketId = packetId,
            Properties = properties,
            Filters = new MqttTopicFilters(filters, withOptions: true),
        };
        return input.Fault;
    }
}

/// <summary>
/// UNSUBSCRIBE, MQTT 5.0 section 3.10.
/// <code>
///   body: packet id | properties, MQTT 5 | at least one filter
/// </code>
/// </summary>
public readonly ref struct MqttUnsubscribe
{
    public ushort PacketId { get; init; }

    public MqttProperties Properties { get; init; }

    public MqttTopicFilters Filters { get; init; }

    public static MqttFault TryParse(in MqttPacket packet, MqttVersion version, out MqttUnsubscribe unsubscribe)
    {
        var input = new MqttInput(packet.Body);
        ushort packetId = input.PacketId();
        MqttProperties properties = input.Properties(version, MqttPropertySet.Unsubscribe);
        ReadOnlySpan<byte> filters = input.Rest();
        MqttFault fault = MqttTopicFilters.Check(filters, withOptions: false, version);
        input.FailIf(fault != MqttFault.None, fault);

        unsubscribe = new MqttUnsubscribe
        {
            PacketId = packetId,
            Properties = properties,
            Filters = new MqttTopicFilters(filters, withOptions: false),
        };
        return input.Fault;
    }
}
