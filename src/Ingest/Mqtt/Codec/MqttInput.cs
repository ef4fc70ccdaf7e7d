using System.Buffers.Binary;
using System.Text.Unicode;

namespace StreamRnn.Ingest.Mqtt.Codec;

/// <summary>
/// Reads the fields of a packet body in order. After the first fault nothing is left to read, so a parser reads all its fields and checks
/// <see cref="Fault"/> once.
/// </summary>
internal ref struct MqttInput(ReadOnlySpan<byte> body)
{
    private ReadOnlySpan<byte> _rest = body;

    public MqttFault Fault { get; private set; }

    public readonly bool AtEnd => _rest.IsEmpty;

    public void Fail(MqttFault fault)
    {
        if (Fault == MqttFault.None)
            Fault = fault;
        _rest = default;
    }

    public void FailIf(bool wrong, MqttFault fault)
    {
        if (wrong)
            Fail(fault);
    }

    public byte Byte()
    {
        ReadOnlySpan<byte> bytes = Take(1);
        return bytes.IsEmpty ? default : bytes[0];
    }

    public ushort UInt16()
    {
        ReadOnlySpan<byte> bytes = Take(2);
        return bytes.IsEmpty ? default : BinaryPrimitives.ReadUInt16BigEndian(bytes);
    }

    public uint UInt32()
    {
        ReadOnlySpan<byte> bytes = Take(4);
        return bytes.IsEmpty ? default : BinaryPrimitives.ReadUInt32BigEndian(bytes);
    }

    public uint VariableByteInteger()
    {
        int size = MqttVariableByteInteger.TryRead(_rest, out uint value);
        if (size > 0)
            _rest = _rest[size..];
        else
            Fail(size == 0 ? MqttFault.Truncated : MqttFault.VariableByteInteger);
        return value;
    }

    public ushort PacketId()
    {
        ushort id = UInt16();
        FailIf(id == 0, MqttFault.PacketIdZero);
        return id;
    }

    /// <summary>Reads two bytes of length, then as many bytes.</summary>
    public ReadOnlySpan<byte> Binary() => Take(UInt16());

    /// <summary>UTF-8 encoded string, section 1.5.4.</summary>
    public ReadOnlySpan<byte> Text()
    {
        ReadOnlySpan<byte> text = Binary();
        FailIf(text.Contains((byte)0) || !Utf8.IsValid(text), MqttFault.IllFormedText);
        return text;
    }

    public ReadOnlySpan<byte> TopicName()
    {
        ReadOnlySpan<byte> topic = Text();
        FailIf(!MqttTopic.IsName(topic), MqttFault.TopicName);
        return topic;
    }

    /// <summary>Property length and properties; nothing in MQTT 3.1.1.</summary>
    /// <param name="allowed">One of <see cref="MqttPropertySet"/>.</param>
    public MqttProperties Properties(MqttVersion version, ulong allowed)
    {
        if (version != MqttVersion.V5 || Fault != MqttFault.None)
            return default;
        ReadOnlySpan<byte> bytes = Take((int)VariableByteInteger());
        if (bytes.IsEmpty)
            return default;

        MqttFault fault = MqttProperties.Check(bytes, allowed);
        FailIf(fault != MqttFault.None, fault);
        return new MqttProperties(bytes);
    }

    public ReadOnlySpan<byte> Rest()
    {
        ReadOnlySpan<byte> rest = _rest;
        _rest = default;
        return rest;
    }

    /// <summary>The parser is done: whatever is left does not belong here.</summary>
    public MqttFault End()
    {
        FailIf(!AtEnd, MqttFault.TrailingBytes);
        return Fault;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length)
        {
            Fail(MqttFault.Truncated);
            return default;
        }

        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
