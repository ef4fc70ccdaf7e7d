namespace StreamRnn.Ingest;

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
    /// Appends a packet and hands its ticks to their shards as one act, so that the order of a stream's ticks in the log is the order of their
    /// steps. Above QoS 0 it waits while the disk is full.
    /// </summary>
    /// <param name="hash">Of topic and payload.</param>
    /// <param name="ticks">At least one; they get their positions.</param>
    /// <param name="router">Where room for the ticks is reserved.</param>
    /// <param name="scratch">As long as <paramref name="ticks"/>; overwritten.</param>
    /// <returns>False where it was not appended and is not to be acknowledged: the reserved room is given back.</returns>
    bool TryAppend(in Packet packet, ulong hash, Span<Tick> ticks, TickRouter router, Span<Tick> scratch);

    /// <summary>Completes a packet of a ledger once a position is durable.</summary>
    void Acknowledge(long position, PacketLedger ledger, long packet);

    /// <summary>Returns once a position is durable.</summary>
    void WaitUntilDurable(long position);
}
