using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>Change of a session that outlives its connection. Numbers are on disk and never change.</summary>
internal enum SessionChange : byte
{
    /// <summary>It began, or lives for another time: expiry in milliseconds (8).</summary>
    Opened = 1,

    Ended = 2,

    /// <summary>Filter, options (1), identifier (4).</summary>
    Subscribed = 3,

    /// <summary>Filter.</summary>
    Unsubscribed = 4,
}

/// <summary>
/// Writes the fields of records and snapshots, little-endian; text and blobs with their length (4) before them.
/// <code>
///   record    change (1) | client id | what the change has
///   snapshot  version (1) | sessions (4): client id, expiry (8), last packet id (2),
///             subscriptions (4): filter, options (1), identifier (4);
///             deliveries (4): message, QoS (1), retain (1), packet id (2), identifiers (4): identifier (4);
///             releases (4): packet id (2)
///             | retained (4): message
///   message   topic | properties | payload | QoS (1) | retain (1) | milliseconds to live (8), -1 for ever
/// </code>
/// </summary>
internal readonly struct SessionWriter(IBufferWriter<byte> to)
{
    public const byte Version = 1;

    public void Byte(byte value)
    {
        to.GetSpan(1)[0] = value;
        to.Advance(1);
    }

    public void UInt16(ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(to.GetSpan(2), value);
        to.Advance(2);
    }

    public void UInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(to.GetSpan(4), value);
        to.Advance(4);
    }

    public void Int64(long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(to.GetSpan(8), value);
        to.Advance(8);
    }

    public void Bytes(ReadOnlySpan<byte> value)
    {
        UInt32((uint)value.Length);
        to.Write(value);
    }

    public void Text(string value) => Bytes(Encoding.UTF8.GetBytes(value));

    public void Message(BrokerMessage message, long now)
    {
        Bytes(message.Topic);
        Bytes(message.Properties.Bytes);
        Bytes(message.Payload);
        Byte(message.Qos);
        Byte(message.Retain ? (byte)1 : (byte)0);
        Int64(message.ExpiresAt == BrokerMessage.Never ? -1 : Math.Max(0, message.ExpiresAt - now));
    }
}

/// <summary>Reads what <see cref="SessionWriter"/> has written.</summary>
/// <exception cref="InvalidDataException">By every method: the bytes end too soon, though their checksum held.</exception>
internal ref struct SessionReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    public byte Byte() => Take(1)[0];

    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Take(8));

    public ReadOnlySpan<byte> Bytes() => Take(UInt32());

    public string Text() => Encoding.UTF8.GetString(Bytes());

    public BrokerMessage Message(long now)
    {
        ReadOnlySpan<byte> topic = Bytes();
        var properties = new MqttProperties(Bytes());
        ReadOnlySpan<byte> payload = Bytes();
        byte qos = Byte();
        bool retain = Byte() == 1;
        long left = Int64();
        return new BrokerMessage(new MqttPublish { Topic = topic, Payload = payload, Qos = qos, Retain = retain }, properties, now)
        {
            ExpiresAt = left < 0 ? BrokerMessage.Never : now + left,
        };
    }

    private ReadOnlySpan<byte> Take(uint count)
    {
        if (count > _rest.Length)
            throw new InvalidDataException("The broker's sessions on disk end in the middle; were they written by another version?");
        ReadOnlySpan<byte> taken = _rest[..(int)count];
        _rest = _rest[(int)count..];
        return taken;
    }
}
