using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Ingest.Intake;

/// <summary>The log of a run that keeps nothing: every position is durable at once, and no packet has one.</summary>
public sealed class NoLog : ITickLog
{
    public static readonly NoLog Instance = new();

    private NoLog()
    {
    }

    public long DurablePosition => long.MaxValue;

    public bool IsKept => false;

    public bool TryAppend(in Packet packet, ulong hash, PacketBlocks blocks, Action<PacketBlocks, long> write)
    {
        write(blocks, 0);
        return true;
    }

    public void Acknowledge(long position, PacketLedger ledger, long packet) => ledger.Complete(packet);

    public void WaitUntilDurable(long position)
    {
    }
}
