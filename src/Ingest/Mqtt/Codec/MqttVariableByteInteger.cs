namespace StreamRnn.Ingest.Mqtt.Codec;

/// <summary>
/// Variable byte integer, MQTT 5.0 section 1.5.5: seven bits a byte, least significant first, the high bit says that more follow; at
/// most four bytes, no more than the value needs.
/// </summary>
internal static class MqttVariableByteInteger
{
    public const uint Maximum = 268_435_455;

    public static int SizeOf(uint value) => value switch { < 1 << 7 => 1, < 1 << 14 => 2, < 1 << 21 => 3, _ => 4 };

    /// <returns>Bytes read; 0 when the integer is not complete; -1 when it is malformed.</returns>
    public static int TryRead(ReadOnlySpan<byte> from, out uint value)
    {
        value = 0;
        for (int i = 0; i < 4; i++)
        {
            if (i == from.Length)
                return 0;
            byte next = from[i];
            value |= (uint)(next & 0x7F) << (7 * i);
            if (next < 0x80)
                return next == 0 && i > 0 ? -1 : i + 1;
        }
        return -1;
    }

    /// <returns>Bytes written; the caller has made room for <see cref="SizeOf"/>.</returns>
    public static int Write(Span<byte> into, uint value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, Maximum);
        int count = 0;
        for (; value >= 0x80; value >>= 7)
            into[count++] = (byte)(value | 0x80);
        into[count++] = (byte)value;
        return count;
    }
}
