using StreamRnn.Engine.Stepping;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Tests.Stepping;

/// <summary>Ticks straight into an engine, as a router brings them.</summary>
internal static class Feeding
{
    /// <summary>Each tick as a packet of its own.</summary>
    public static void Feed(this StreamEngine engine, ReadOnlySpan<Tick> ticks, PacketLedger? ledger = null, Func<int, long>? packet = null)
    {
        TickRouter router = new(engine.Inboxes);
        PacketBlocks blocks = new();
        for (int i = 0; i < ticks.Length; i++)
        {
            blocks.Begin(new TickOrigin { Ledger = ledger, Packet = packet?.Invoke(i) ?? 0 });
            blocks.Add(in ticks[i]);
            router.Route(blocks);
        }
    }

    /// <summary>All ticks as one packet.</summary>
    public static void FeedTogether(this StreamEngine engine, ReadOnlySpan<Tick> ticks)
    {
        PacketBlocks blocks = new();
        blocks.Begin();
        blocks.Add(ticks);
        new TickRouter(engine.Inboxes).Route(blocks);
    }

    public static void Broadcast(this StreamEngine engine, TickBlockKind kind, long position) => new TickRouter(engine.Inboxes).Broadcast(new PacketBlocks(), kind, position);
}
