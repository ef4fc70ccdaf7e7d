namespace StreamRnn.Ingest.Mqtt.Codec;

/// <summary>
/// Writes packets, one overload per form. Each says false, having written nothing of use, when the destination is too small; the fields
/// are the caller's responsibility (topic names valid, strings well-formed and at most 65,535 bytes).
/// </summary>
public static class MqttPacketWriter
{
    public static ReadOnlySpan<byte> Pingreq => [0xC0, 0];

    public static ReadOnlySpan<byte> Pingresp => [0xD0, 0];

    /// <summary>Bytes of the whole packet.</summary>
    public static int LengthOf(MqttVersion version, in MqttPublish publish)
    {
        int body = BodyLength(version, publish);
        return 1 + MqttVariableByteInteger.SizeOf((uint)body) + body;
    }

    public static bool TryWrite(Span<byte> destination, MqttVersion version, in MqttPublish publish, out int written)
    {
        MqttOutput output = Begin(destination, MqttPacketType.Publish, publish.Flags, BodyLength(version, publish));
        output.Binary(publish.Topic);
        if (publish.Qos > 0)
            output.UInt16(publish.PacketId);
        output.Properties(version, publish.Properties);
        output.Raw(publish.Payload);
        return End(destination, output, BodyLength(version, publish), out written);
    }

    public static bool TryWrite(Span<byte> destination, MqttVersion version, in MqttAcknowledgement acknowledgement, out int written)
    {
        byte flags = (byte)(acknowledgement.Type == MqttPacketType.Pubrel ? 2 : 0);
        MqttOutput output = Begin(destination, acknowledgement.Type, flags);
        output.UInt16(acknowledgement.PacketId);
        ReasonAndProperties(ref output, version, acknowledgement.ReasonCode, acknowledgement.Properties);
        return End(destination, output, out written);
    }

    /// <summary>The version is the packet's own.</summary>
    public static bool TryWrite(Span<byte> destination, in MqttConnect connect, out int written)
    {
        MqttOutput output = Begin(destination, MqttPacketType.Connect, 0);
        output.Binary("MQTT"u8);
        output.Byte((byte)connect.Version);
        output.Byte(connect.Flags);
        output.UInt16(connect.KeepAliveSeconds);
        output.Properties(connect.Version, connect.Properties);
        output.Binary(connect.ClientId);
        if (connect.HasWill)
        {
            output.Properties(connect.Version, connect.WillProperties);
            output.Binary(connect.WillTopic);
            output.Binary(connect.WillPayload);
        }
        if (connect.HasUserName)
            output.Binary(connect.UserName);
        if (connect.HasPassword)
            output.Binary(connect.Password);
        return End(destination, output, out written);
    }

    public static bool TryWrite(Span<byte> destination, MqttVersion version, in MqttConnack connack, out int written)
    {
        MqttOutput output = Begin(destination, MqttPacketType.Connack, 0);
        output.Byte((byte)(connack.SessionPresent ? 1 : 0));
        output.Byte(version == MqttVersion.V5 ? (byte)connack.ReasonCode : MqttReasonCodes.ToReturnCode(connack.ReasonCode));
        output.Properties(version, connack.Properties);
        return End(destination, output, out written);
    }

    public static bool TryWrite(Span<byte> destination, MqttVersion version, in MqttSubscribe subscribe, out int written)
    {
        MqttOutput output = Begin(destination, MqttPacketType.Subscribe, 2);
        output.UInt16(subscribe.PacketId);
        output.Properties(version, subscribe.Properties);
        output.Raw(subscribe.Filters.Bytes);
        return End(destination, output, out written);
    }

    public static bool TryWrite(Span<byte> destination, MqttVersion version, in MqttUnsubscribe unsubscribe, out int written)
    {
        MqttOutput output = Begin(destination, MqttPacketType.Unsubscribe, 2);
        output.UInt16(unsubscribe.PacketId);
        output.Properties(version, unsubscribe.Properties);
        output.Raw(unsubscribe.Filters.Bytes);
        return End(destination, output, out written);
    }

    public static bool TryWrite(Span<byte> destination, MqttVersion version, in MqttSuback suback, out int written)
    {
        MqttOutput output = Begin(destination, suback.Type, 0);
        output.UInt16(suback.PacketId);
        output.Properties(version, suback.Properties);
        if (MqttSuback.HasCodes(suback.Type, version))
            output.Raw(suback.ReasonCodes);
        return End(destination, output, out written);
    }

    public static bool TryWrite(Span<byte> destination, MqttVersion version, in MqttDisconnect disconnect, out int written)
    {
        MqttOutput output = Begin(destination, disconnect.Type, 0);
        ReasonAndProperties(ref output, version, disconnect.ReasonCode, disconnect.Properties);
        return End(destination, output, out written);
    }

    private static int BodyLength(MqttVersion version, in MqttPublish publish)
    {
        int properties = publish.Properties.Bytes.Length;
        return 2 + publish.Topic.Length + (publish.Qos > 0 ? 2 : 0)
            + (version == MqttVersion.V5 ? MqttVariableByteInteger.SizeOf((uint)properties) + properties : 0) + publish.Payload.Length;
    }

    /// <summary>Both may be left out where they say nothing, which makes the common acknowledgement four bytes in both versions.</summary>
    private static void ReasonAndProperties(
        ref MqttOutput output, MqttVersion version, MqttReasonCode reason, MqttProperties properties)
    {
        if (version != MqttVersion.V5 || (reason == MqttReasonCode.Success && properties.IsEmpty))
            return;
        output.Byte((byte)reason);
        if (!properties.IsEmpty)
            output.Properties(version, properties);
    }

    /// <summary>Writes the first byte and leaves room for a remaining length as long as the one expected.</summary>
    private static MqttOutput Begin(Span<byte> destination, MqttPacketType type, byte flags, int expected = 0)
    {
        var output = new MqttOutput(destination);
        output.Byte((byte)((byte)type << 4 | flags));
        output.VariableByteInteger((uint)expected);
        return output;
    }

    private static bool End(Span<byte> destination, MqttOutput output, out int written) => End(destination, output, 0, out written);

    /// <summary>Writes the remaining length; where it is longer than expected, the body moves up.</summary>
    private static bool End(Span<byte> destination, MqttOutput output, int expected, out int written)
    {
        int start = 1 + MqttVariableByteInteger.SizeOf((uint)expected);
        int body = output.Length - start;
        int shift = MqttVariableByteInteger.SizeOf((uint)Math.Max(body, 0)) - (start - 1);
        written = 0;
        if (output.Overflowed || shift > destination.Length - output.Length)
            return false;

        if (shift > 0)
            destination.Slice(start, body).CopyTo(destination[(start + shift)..]);
        MqttVariableByteInteger.Write(destination[1..], (uint)body);
        written = output.Length + shift;
        return true;
    }
}
