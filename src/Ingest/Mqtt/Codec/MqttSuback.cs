namespace StreamRnn.Ingest.Mqtt.Codec;

/// <summary>
/// SUBACK and UNSUBACK, MQTT 5.0 sections 3.9 and 3.11, which share one form.
/// <code>
///   body: packet id | properties, MQTT 5 | a reason code per filter (none in an UNSUBACK of MQTT 3.1.1)
/// </code>
/// </summary>
public readonly ref struct MqttSuback
{
    /// <summary><see cref="MqttPacketType.Suback"/> or <see cref="MqttPacketType.Unsuback"/>.</summary>
    public MqttPacketType Type { get; init; }

    public ushort PacketId { get; init; }

    public MqttProperties Properties { get; init; }

    /// <summary>Reason codes in the order of the filters, each a <see cref="MqttReasonCode"/>.</summary>
    public ReadOnlySpan<byte> ReasonCodes { get; init; }

    public static MqttFault TryParse(in MqttPacket packet, MqttVersion version, out MqttSuback suback)
    {
        var input = new MqttInput(packet.Body);
        ushort packetId = input.PacketId();
        MqttProperties properties = input.Properties(version, MqttPropertySet.Acknowledgement);
        bool hasCodes = HasCodes(packet.Type, version);
        ReadOnlySpan<byte> codes = hasCodes ? input.Rest() : default;
        input.FailIf(hasCodes && codes.IsEmpty, MqttFault.EmptyList);
        foreach (byte code in codes)
            input.FailIf(!MqttReasonCodes.IsAllowed(packet.Type, version, code), MqttFault.ReasonCode);

        suback = new MqttSuback { Type = packet.Type, PacketId = packetId, Properties = properties, ReasonCodes = codes };
        return input.End();
    }

    internal static bool HasCodes(MqttPacketType type, MqttVersion version) =>
        type == MqttPacketType.Suback || version == MqttVersion.V5;
}
