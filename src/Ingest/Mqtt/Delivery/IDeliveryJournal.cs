using System.Buffers;

namespace StreamRnn.Ingest.Mqtt.Delivery;

/// <summary>The sessions of senders and of a broker's clients, written down so that a delivery is recognised across a restart.</summary>
public interface IDeliveryJournal
{
    /// <summary>True while the disk is full and as much waits for it as may. A record that no sender waits for must not be appended then.</summary>
    bool IsStuck { get; }

    /// <summary>Opens the session of a sender that has connected. Called by the connection's reader before its first packet.</summary>
    /// <param name="name">Of the session: the client id.</param>
    /// <param name="isResumed">True if the session goes on: the sender may then send again what it was not acknowledged.</param>
    PacketSource Open(string name, DuplicateRule rule, bool isResumed);

    /// <summary>Ends a session for good: nothing of it will be repeated.</summary>
    void Close(PacketSource source);

    /// <summary>Notes that a sender has released a QoS 2 message (PUBREL); the packet of the ledger, its PUBCOMP, is completed once that is durable.</summary>
    void Release(PacketSource source, ushort packetId, PacketLedger ledger, long packet);

    /// <summary>Notes that the sender has every acknowledgement up to this position: it will not send those packets again.</summary>
    void Confirm(PacketSource source, long position);

    /// <summary>Appends a record that a broker needs after a restart.</summary>
    /// <param name="record">Meaningful to <see cref="ISessionJournal"/> alone.</param>
    /// <returns>Its position.</returns>
    long Append(ReadOnlySpan<byte> record);

    /// <summary>Returns once a position is durable.</summary>
    void WaitUntilDurable(long position);
}

/// <summary>The keeper of a broker's sessions, as the journal sees it: records between two snapshots, and the snapshot.</summary>
public interface ISessionJournal
{
    /// <summary>Applies a record of an earlier run, in the order of writing, before the broker starts.</summary>
    void Apply(ReadOnlySpan<byte> record);

    /// <summary>Writes all that <see cref="Read"/> and the records after it need.</summary>
    void Write(IBufferWriter<byte> snapshot);

    /// <summary>Reads a snapshot, before any record that follows it.</summary>
    void Read(ReadOnlySpan<byte> snapshot);
}
