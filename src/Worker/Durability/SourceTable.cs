using StreamRnn.Ingest;

namespace StreamRnn.Worker.Durability;

/// <summary>
/// The sessions in a snapshot:
/// <code>
/// count (4), then each: number (4)  rule (1)  name (length in 7-bit groups, UTF-8)  packets (4)
///                       packet: QoS (1)  id (2)  hash (8)  position (8)
/// </code>
/// </summary>
internal static class SourceTable
{
    public static byte[] Write(IReadOnlyCollection<PacketSource> sources)
    {
        using MemoryStream bytes = new();
        using BinaryWriter writer = new(bytes);
        writer.Write(sources.Count);
        foreach (PacketSource source in sources)
        {
            writer.Write(source.Id);
            writer.Write((byte)source.Rule);
            writer.Write(source.Name);
            (byte Qos, PacketSource.Received Packet)[] packets = [.. source.Remembered];
            writer.Write(packets.Length);
            foreach ((byte qos, PacketSource.Received packet) in packets)
            {
                writer.Write(qos);
                writer.Write(packet.PacketId);
                writer.Write(packet.Hash);
                writer.Write(packet.Position);
            }
        }
        return bytes.ToArray();
    }

    public static void Read(byte[] bytes, JournalState into)
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
