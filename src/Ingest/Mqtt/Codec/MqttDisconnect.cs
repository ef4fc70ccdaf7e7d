namespace StreamRnn.Ingest.Mqtt.Codec;

/// <summary>
/// DISCONNECT and AUTH, MQTT 5.0 sections 3.14 and 3.15, which share one form.
/// <code>
///   body: nothing in MQTT 3.1.1 | reason code, may be left out if 0 | properties, may be left out if none
/// </code>
/// </summary>
public readonly ref struct MqttDisconnect
{
    /// <summary><see cref="MqttPacketType.Disconnect"/> or <see cref="MqttPacketType.Auth"/>.</summary>
    public MqttPacketType Type { get; init; }

    public MqttReasonCode ReasonCode { get; init; }

    public MqttProperties Properties { get; init; }

    public static MqttFault TryParse(in MqttPacket packet, MqttVersion version, out MqttDisconnect disconnect)
    {
        var input = new MqttInput(packet.Body);
        byte code = 0;
        MqttProperties properties = default;
        input.FailIf(version == MqttVersion.V311 && packet.Type == MqttPacketType.Auth, MqttFault.PacketType);
        if (version == MqttVersion.V5 && !input.AtEnd)
        {
            code = input.Byte();
            input.FailIf(!MqttReasonCodes.IsAllowed(packet.Type, version, code), MqttFault.ReasonCode);
            if (!input.AtEnd)
            {
                bool auth = packet.Type == MqttPacketType.Auth;
                properties = input.Properties(version, auth ? MqttPropertySet.Auth : MqttPropertySet.Disconnect);
            }
        }

        disconnect = new MqttDisconnect { Type = packet.Type, ReasonCode = (MqttReasonCode)code, Properties = properties };
        return input.End();
    }
}
