namespace StreamRnn.Ingest.Mqtt.Codec;

/// <summary>
/// CONNACK, MQTT 5.0 section 3.2.
/// <code>
///   body: session present (01) | reason code, or return code in MQTT 3.1.1 | properties, MQTT 5
/// </code>
/// </summary>
public readonly ref struct MqttConnack
{
    public bool SessionPresent { get; init; }

    /// <summary>Translated from and to the return codes of MQTT 3.1.1.</summary>
    public MqttReasonCode ReasonCode { get; init; }

    public MqttProperties Properties { get; init; }

    public static MqttFault TryParse(in MqttPacket packet, MqttVersion version, out MqttConnack connack)
    {
        var input = new MqttInput(packet.Body);
        byte flags = input.Byte();
        byte code = input.Byte();
        MqttReasonCode? reason = version == MqttVersion.V311 ? MqttReasonCodes.FromReturnCode(code)
            : MqttReasonCodes.IsAllowed(MqttPacketType.Connack, version, code) ? (MqttReasonCode)code : null;
        input.FailIf(reason is null, MqttFault.ReasonCode);
        input.FailIf(flags > 1 || (flags == 1 && reason != MqttReasonCode.Success), MqttFault.ReservedBits);

        connack = new MqttConnack
        {
            SessionPresent = flags == 1,
            ReasonCode = reason ?? MqttReasonCode.UnspecifiedError,
            Properties = input.Properties(version, MqttPropertySet.Connack),
        };
        return input.End();
    }
}
