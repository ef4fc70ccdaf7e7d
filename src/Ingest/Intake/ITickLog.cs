using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Ingest.Intake;

/// <summary>
/// The order of everything that changes a state. A position is a place in that order; it is durable once it cannot be lost any more, and what
/// follows from it leaves the process only then.
/// </summary>
public interface ITickLog
{
    /// <summary>The last durable position.</summary>
    long DurablePosition { get; }

    /// <summary>True if what is appended outlives the process.</summary>
    bool IsKept { get; }

    /// <summary>
    /// Appends a packet and hands it to its shards under one lock, so that the order of a stream's ticks in the log is the order of their steps.
    /// Above QoS 0 it waits while the disk is full.
    /// </summary>
    /// <param name="hash">Of topic and payload.</param>
    /// <param name="blocks">At least one tick; room for all of them is reserved.</param>
    /// <param name="write">Hands the blocks to the shards, given the position of the packet; called inside the lock, so it must not wait.</param>
    /// <returns>False where it was not appended and is not to be acknowledged; nothing was handed over.</returns>
    bool TryAppend(in Packet packet, ulong hash, PacketBlocks blocks, Action<PacketBlocks, long> write);

    /// <summary>Completes a packet of a ledger once a position is durable.</summary>
    void Acknowledge(long position, PacketLedger ledger, long packet);

    /// <summary>Returns once a position is durable.</summary>
    void WaitUntilDurable(long position);
}
