using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Engine.Journal;

/// <summary>
/// The sessions in a snapshot:
/// <code>
/// count (4), then each: number (4)  rule (1)  name (length in 7-bit groups, UTF-8)  packets (4)
///                       packet: QoS (1)  id (2)  hash (8)  position (8)
/// </code>
/// </summary>
public static class SourceTable
{
    private const int SourceBytes = 11 + 64;   // a client id is rarely longer; then the table is made twice
    private const int PacketBytes = 19;

    /// <summary>Most bytes of a session.</summary>
    /// <param name="capacity">Packets it may have unacknowledged.</param>
    public static long MostBytes(int capacity) => SourceBytes + (2L * capacity * PacketBytes);

    /// <summary>Nothing may change meanwhile.</summary>
    public static ReadOnlyMemory<byte> Write(IReadOnlyCollection<PacketSource> sources)
    {
        using MemoryStream bytes = new(sizeof(int) + sources.Sum(source => SourceBytes + (source.RememberedCount * PacketBytes)));   // made once: it may be large
        using BinaryWriter writer = new(bytes);
        writer.Write(sources.Count);
        foreach (PacketSource source in sources)
        {
            writer.Write(source.Id);
            writer.Write((byte)source.Rule);
            writer.Write(source.Name);
            writer.Write(source.RememberedCount);
            foreach ((byte qos, PacketSource.Received packet) in source.Remembered)
            {
                writer.Write(qos);
                writer.Write(packet.PacketId);
                writer.Write(packet.Hash);
                writer.Write(packet.Position);
            }
        }
        return bytes.GetBuffer().AsMemory(0, (int)bytes.Length);
    }

    public static void Read(byte[] bytes, LogIndex into)
    {
        using BinaryReader reader = new(new MemoryStream(bytes));
        for (int left = reader.ReadInt32(); left > 0; left--)
        {
            int id = reader.ReadInt32();
            DuplicateRule rule = (DuplicateRule)reader.ReadByte();
            PacketSource source = into.Add(id, reader.ReadString(), rule);
            for (int packets = reader.ReadInt32(); packets > 0; packets--)
            {
                byte qos = reader.ReadByte();
                ushort packetId = reader.ReadUInt16();
                ulong hash = reader.ReadUInt64();
                source.Note(packetId, qos, hash, reader.ReadInt64());
            }
        }
    }
}
