using System.Buffers.Binary;

namespace StreamRnn.Ingest.Mqtt.Codec;

/// <summary>Writes fields one after the other. The first that does not fit sticks: nothing is written after it.</summary>
internal ref struct MqttOutput(Span<byte> destination)
{
    private readonly Span<byte> _destination = destination;

    public int Length { get; private set; }

    public bool Overflowed { get; private set; }

    public readonly Span<byte> Written => _destination[..Length];

    public void Byte(byte value)
    {
        if (TryGrow(1, out Span<byte> room))
            room[0] = value;
    }

    public void UInt16(ushort value)
    {
        if (TryGrow(2, out Span<byte> room))
            BinaryPrimitives.WriteUInt16BigEndian(room, value);
    }

    public void UInt32(uint value)
    {
        if (TryGrow(4, out Span<byte> room))
            BinaryPrimitives.WriteUInt32BigEndian(room, value);
    }

    public void VariableByteInteger(uint value)
    {
        if (TryGrow(MqttVariableByteInteger.SizeOf(value), out Span<byte> room))
            MqttVariableByteInteger.Write(room, value);
    }

    /// <summary>Writes two bytes of length, then the bytes.</summary>
    public void Binary(ReadOnlySpan<byte> value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value.Length, ushort.MaxValue, nameof(value));
        UInt16((ushort)value.Length);
        Raw(value);
    }

    public void Raw(ReadOnlySpan<byte> value)
    {
        if (TryGrow(value.Length, out Span<byte> room))
            value.CopyTo(room);
    }

    /// <summary>Property length and properties; nothing in MQTT 3.1.1.</summary>
    public void Properties(MqttVersion version, MqttProperties properties)
    {
        if (version != MqttVersion.V5)
            return;
        VariableByteInteger((uint)properties.Bytes.Length);
        Raw(properties.Bytes);
    }

    private bool TryGrow(int count, out Span<byte> room)
    {
        Overflowed |= count > _destination.Length - Length;
        room = Overflowed ? default : _destination.Slice(Length, count);
        Length += room.Length;
        return !Overflowed;
    }
}
