using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Ingest.Tests.Ticks;

/// <summary>The reading end of an inbox, as a shard would be.</summary>
internal static class TickInboxes
{
    /// <summary>Takes what is there, waiting while nothing is.</summary>
    /// <param name="each">Called for each tick with what its packet's ticks share.</param>
    /// <returns>Ticks taken; 0 when the inbox is complete and empty.</returns>
    public static int Take(this TickInbox inbox, Span<Tick> into, Action<TickOrigin>? each = null)
    {
        if (!inbox.WaitToRead())
            return 0;
        int count = 0;
        while (inbox.TryRead(out TickBlock? block))
        {
            block.Ticks.CopyTo(into[count..]);
            count += block.Ticks.Length;
            for (int i = 0; i < block.Ticks.Length; i++)
                each?.Invoke(block.Origin);
            inbox.Return([block]);
        }
        return count;
    }

    public static PacketBlocks Packet(params ReadOnlySpan<Tick> ticks)
    {
        PacketBlocks packet = new();
        packet.Begin();
        packet.Add(ticks);
        return packet;
    }
}
