using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Mqtt.Codec;

/// <summary>Content at the start of a buffer.</summary>
public enum MqttReadResult
{
    /// <summary>The beginning of a packet: come back with more bytes.</summary>
    NeedMore,

    /// <summary>A packet; its first byte and length are legal, its body is still to be parsed.</summary>
    Packet,

    /// <summary>No packet: close the connection.</summary>
    Malformed,
}

/// <summary>
/// One packet, sliced from a buffer: its type, the flags of its first byte, and what follows the remaining length. Each packet type has
/// a struct of the same name whose <c>TryParse</c> reads the body.
/// </summary>
public readonly ref struct MqttPacket
{
    public MqttPacketType Type { get; init; }

    /// <summary>The low half of the first byte.</summary>
    public byte Flags { get; init; }

    /// <summary>Variable header and payload.</summary>
    public ReadOnlySpan<byte> Body { get; init; }

    /// <summary>Bytes of the whole packet: what to advance the buffer by.</summary>
    public int Length { get; init; }
}

/// <summary>
/// Slices a byte stream into packets, MQTT 5.0 section 2.1 (the same in 3.1.1):
/// <code>
///   byte 0          bytes 1..4                        then
///   type | flags    remaining length, 1 to 4 bytes    body
/// </code>
/// What can be refused by its first bytes is refused before its body has come.
/// </summary>
public static class MqttPacketReader
{
    /// <param name="buffer">Bytes received and not yet read.</param>
    /// <param name="maximumPacketSize">The longest packet taken, header included.</param>
    public static MqttReadResult TryRead(
        ReadOnlySpan<byte> buffer, int maximumPacketSize, out MqttPacket packet, out MqttFault fault)
    {
        packet = default;
        fault = MqttFault.None;
        if (buffer.IsEmpty)
            return MqttReadResult.NeedMore;

        var type = (MqttPacketType)(buffer[0] >> 4);
        byte flags = (byte)(buffer[0] & 0x0F);
        fault = CheckFirstByte(type, flags);
        if (fault != MqttFault.None)
            return MqttReadResult.Malformed;

        int size = MqttVariableByteInteger.TryRead(buffer[1..], out uint remaining);
        if (size == 0)
            return MqttReadResult.NeedMore;
        if (size < 0)
            fault = MqttFault.VariableByteInteger;
        else if (remaining + size + 1 > maximumPacketSize)
            fault = MqttFault.PacketTooLarge;
        else if (remaining > 0 && type is (MqttPacketType.Pingreq or MqttPacketType.Pingresp))
            fault = MqttFault.TrailingBytes;
        if (fault != MqttFault.None)
            return MqttReadResult.Malformed;

        int start = 1 + size;
        int length = start + (int)remaining;
        if (buffer.Length < length)
            return MqttReadResult.NeedMore;

        packet = new MqttPacket { Type = type, Flags = flags, Body = buffer[start..length], Length = length };
        return MqttReadResult.Packet;
    }

    private static MqttFault CheckFirstByte(MqttPacketType type, byte flags)
    {
        switch (type)
        {
            case 0:
                return MqttFault.PacketType;
            case MqttPacketType.Publish:
                int qos = (flags >> 1) & 3;
                return qos == 3 || (qos == 0 && (flags & MqttPublish.DupFlag) != 0) ? MqttFault.Qos : MqttFault.None;
            case MqttPacketType.Pubrel or MqttPacketType.Subscribe or MqttPacketType.Unsubscribe:
                return flags == 2 ? MqttFault.None : MqttFault.ReservedBits;
            default:
                return flags == 0 ? MqttFault.None : MqttFault.ReservedBits;
        }
    }
}
