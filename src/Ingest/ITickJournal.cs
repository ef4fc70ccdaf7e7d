namespace StreamRnn.Ingest;

/// <summary>
/// What is written down before it counts: everything that can change a state, in one order for the whole process. A position is a place in
/// that order; it is durable when it has reached the disk, and what follows from it leaves the process only then.
/// </summary>
public interface ITickJournal
{
    /// <summary>The last position that has reached the disk.</summary>
    long DurablePosition { get; }

    /// <summary>
    /// Whether the disk is full and as much waits for it as may: what nobody waits for, as packets are waited for, must not be appended then.
    /// </summary>
    bool IsStuck { get; }

    /// <summary>A sender has connected. Called by the connection's reader before its first packet.</summary>
    /// <param name="name">Of its session: the client id.</param>
    /// <param name="isResumed">Whether the session goes on: then it may send again what it was not acknowledged.</param>
    PacketSource Open(string name, DuplicateRule rule, bool isResumed);

    /// <summary>A session is over for good: nothing of it will be repeated.</summary>
    void Close(PacketSource source);

    /// <summary>
    /// Writes a packet down and hands its ticks to their shards as one act, so that the order of a stream's ticks on disk is the order of
    /// their steps. Above QoS 0 it waits while the disk is full.
    /// </summary>
    /// <param name="hash">Of topic and payload.</param>
    /// <param name="ticks">At least one; they get their positions.</param>
    /// <param name="router">Where room for the ticks is reserved.</param>
    /// <param name="scratch">As long as <paramref name="ticks"/>; overwritten.</param>
    /// <returns>False where it was not written and is not to be acknowledged: the reserved room is given back.</returns>
    bool TryAppend(in Packet packet, ulong hash, Span<Tick> ticks, TickRouter router, Span<Tick> scratch);

    /// <summary>Completes a packet of a ledger once a position is durable.</summary>
    void Acknowledge(long position, PacketLedger ledger, long packet);

    /// <summary>A sender has released a QoS 2 message (PUBREL); the packet of the ledger, its PUBCOMP, is completed when that is durable.</summary>
    void Release(PacketSource source, ushort packetId, PacketLedger ledger, long packet);

    /// <summary>The sender has every acknowledgement up to this position, by its own word: it will not send those packets again.</summary>
    void Confirm(PacketSource source, long position);

    /// <summary>Writes down what a broker must know of its sessions after a restart.</summary>
    /// <param name="record">Meaningful to <see cref="ISessionJournal"/> alone.</param>
    /// <returns>Its position.</returns>
    long Append(ReadOnlySpan<byte> record);

    void WaitUntilDurable(long position);
}

/// <summary>The keeper of a broker's sessions, as the journal sees it: records between two snapshots, and the snapshot.</summary>
public interface ISessionJournal
{
    /// <summary>A record comes back, in the order of writing, before the broker starts.</summary>
    void Apply(ReadOnlySpan<byte> record);

    /// <summary>Writes all that <see cref="Read"/> and the records after it need.</summary>
    void Write(System.Buffers.IBufferWriter<byte> snapshot);

    /// <summary>Takes a snapshot in, before any record that follows it.</summary>
    void Read(ReadOnlySpan<byte> snapshot);
}
