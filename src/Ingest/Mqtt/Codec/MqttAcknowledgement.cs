namespace StreamRnn.Ingest.Mqtt.Codec;

/// <summary>
/// PUBACK, PUBREC, PUBREL and PUBCOMP, MQTT 5.0 sections 3.4 to 3.7, which share one form.
/// <code>
///   body: packet id | MQTT 5: reason code, may be left out if 0 | properties, may be left out if none
/// </code>
/// </summary>
public readonly ref struct MqttAcknowledgement
{
    public MqttPacketType Type { get; init; }

    public ushort PacketId { get; init; }

    /// <summary>Success in MQTT 3.1.1.</summary>
    public MqttReasonCode ReasonCode { get; init; }

    public MqttProperties Properties { get; init; }

    public static MqttFault TryParse(in MqttPacket packet, MqttVersion version, out MqttAcknowledgement acknowledgement)
    {
        var input = new MqttInput(packet.Body);
        ushort packetId = input.PacketId();
        byte code = 0;
        MqttProperties properties = default;
        if (version == MqttVersion.V5 && !input.AtEnd)
        {
            code = input.Byte();   // any: the specification's lists bind the sender, and mosquitto's 0x95 is not on them
            if (!input.AtEnd)
                properties = input.Properties(version, MqttPropertySet.Acknowledgement);
        }

        acknowledgement = new MqttAcknowledgement
        {
            Type = packet.Type,
            PacketId = packetId,
            ReasonCode = (MqttReasonCode)code,
            Properties = properties,
        };
        return input.End();
    }
}
