namespace StreamRnn.Ingest.Mqtt.Codec;

/// <summary>
/// CONNECT, MQTT 5.0 section 3.1: the one packet that says its own version.
/// <code>
///   body: "MQTT" | level | flags | keep-alive | properties, MQTT 5 | client id
///         | will: properties (MQTT 5), topic, payload | user name | password, each if its flag says so
///   flags: user name (80), password (40), will retain (20), will QoS (10, 08), will (04), clean start (02), 0
/// </code>
/// </summary>
public readonly ref struct MqttConnect
{
    internal const byte CleanStartFlag = 0x02;
    internal const byte WillFlag = 0x04;
    internal const byte WillRetainFlag = 0x20;
    internal const byte PasswordFlag = 0x40;
    internal const byte UserNameFlag = 0x80;

    public MqttVersion Version { get; init; }

    /// <summary>"Clean session" in MQTT 3.1.1.</summary>
    public bool CleanStart { get; init; }

    /// <summary>0 switches it off.</summary>
    public ushort KeepAliveSeconds { get; init; }

    public MqttProperties Properties { get; init; }

    /// <summary>UTF-8; empty asks the server to assign one.</summary>
    public ReadOnlySpan<byte> ClientId { get; init; }

    public bool HasWill { get; init; }

    public byte WillQos { get; init; }

    public bool WillRetain { get; init; }

    public MqttProperties WillProperties { get; init; }

    public ReadOnlySpan<byte> WillTopic { get; init; }

    public ReadOnlySpan<byte> WillPayload { get; init; }

    public bool HasUserName { get; init; }

    public ReadOnlySpan<byte> UserName { get; init; }

    public bool HasPassword { get; init; }

    public ReadOnlySpan<byte> Password { get; init; }

    internal byte Flags => (byte)((CleanStart ? CleanStartFlag : 0)
        | (HasWill ? WillFlag | WillQos << 3 | (WillRetain ? WillRetainFlag : 0) : 0)
        | (HasPassword ? PasswordFlag : 0) | (HasUserName ? UserNameFlag : 0));

    /// <remarks>On <see cref="MqttFault.ProtocolVersion"/> the version asked for is in <paramref name="connect"/>.</remarks>
    public static MqttFault TryParse(in MqttPacket packet, out MqttConnect connect)
    {
        var input = new MqttInput(packet.Body);
        input.FailIf(!input.Binary().SequenceEqual("MQTT"u8), MqttFault.ProtocolName);
        var version = (MqttVersion)input.Byte();
        input.FailIf(version is not (MqttVersion.V311 or MqttVersion.V5), MqttFault.ProtocolVersion);
        byte flags = input.Byte();
        bool has(byte flag) => (flags & flag) != 0;
        byte willQos = (byte)((flags >> 3) & 3);
        input.FailIf((flags & 1) != 0, MqttFault.ReservedBits);
        input.FailIf(willQos == 3, MqttFault.Qos);
        input.FailIf(!has(WillFlag) && (willQos != 0 || has(WillRetainFlag)), MqttFault.ConnectFlags);
        input.FailIf(version == MqttVersion.V311 && has(PasswordFlag) && !has(UserNameFlag), MqttFault.ConnectFlags);

        ushort keepAlive = input.UInt16();
        MqttProperties properties = input.Properties(version, MqttPropertySet.Connect);
        ReadOnlySpan<byte> clientId = input.Text();
        MqttProperties willProperties = has(WillFlag) ? input.Properties(version, MqttPropertySet.Will) : default;
        ReadOnlySpan<byte> willTopic = has(WillFlag) ? input.TopicName() : default;
        ReadOnlySpan<byte> willPayload = has(WillFlag) ? input.Binary() : default;
        ReadOnlySpan<byte> userName = has(UserNameFlag) ? input.Text() : default;
        ReadOnlySpan<byte> password = has(PasswordFlag) ? input.Binary() : default;

        connect = new MqttConnect
        {
            Version = version,
            CleanStart = has(CleanStartFlag),
            KeepAliveSeconds = keepAlive,
            Properties = properties,
            ClientId = clientId,
            HasWill = has(WillFlag),
            WillQos = willQos,
            WillRetain = has(WillRetainFlag),
            WillProperties = willProperties,
            WillTopic = willTopic,
            WillPayload = willPayload,
            HasUserName = has(UserNameFlag),
            UserName = userName,
            HasPassword = has(PasswordFlag),
            Password = password,
        };
        return input.End();
    }
}
