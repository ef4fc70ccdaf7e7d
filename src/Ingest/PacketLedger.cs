namespace StreamRnn.Ingest;

/// <summary>
/// The acknowledgements one connection owes, in order of arrival. The reader opens a packet, whoever is done with its ticks completes it,
/// the connection's writer takes what is due: an acknowledgement leaves only when its packet and all before it are done [MQTT-4.6.0-2].
/// </summary>
public sealed class PacketLedger
{
    private readonly Entry[] _ring;
    private readonly Action _due;
    private long _opened;
    private long _taken;

    /// <param name="capacity">Packets open at once: what the peer was told as Receive Maximum.</param>
    /// <param name="due">Called by the completing thread when an acknowledgement may have fallen due; must not block.</param>
    public PacketLedger(int capacity, Action due)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        _ring = new Entry[capacity];
        _due = due;
    }

    /// <summary>Packets opened and not yet taken for acknowledgement.</summary>
    public int OpenCount => (int)(Volatile.Read(ref _opened) - Volatile.Read(ref _taken));

    /// <summary>Notes a packet. Called by the connection's reader only.</summary>
    /// <param name="tickCount">Ticks to wait for; 0 for a packet that was refused, which is acknowledged like any other.</param>
    /// <returns>The packet's number, or -1 when the peer has more in flight than it was allowed.</returns>
    public long TryOpen(ushort packetId, byte qos, int tickCount)
    {
        long packet = _opened;
        if (packet - Volatile.Read(ref _taken) == _ring.Length)
            return -1;

        ref Entry entry = ref _ring[packet % _ring.Length];
        (entry.PacketId, entry.Qos, entry.Pending) = (packetId, qos, tickCount);
        Volatile.Write(ref _opened, packet + 1);
        if (tickCount == 0)
            _due();
        return packet;
    }

    /// <summary>One tick of the packet is done with. Any thread.</summary>
    public void Complete(long packet)
    {
        if (Interlocked.Decrement(ref _ring[packet % _ring.Length].Pending) == 0)
            _due();
    }

    /// <summary>Takes acknowledgements that are due, oldest first. Called by one thread at a time.</summary>
    /// <returns>How many were written to <paramref name="into"/>.</returns>
    public int Take(Span<PacketAcknowledgement> into)
    {
        int count = 0;
        long taken = _taken;
        while (count < into.Length && taken < Volatile.Read(ref _opened))
        {
            ref Entry entry = ref _ring[taken % _ring.Length];
            if (Volatile.Read(ref entry.Pending) != 0)
                break;
            into[count++] = new PacketAcknowledgement(entry.PacketId, entry.Qos);
            Volatile.Write(ref _taken, ++taken);
        }
        return count;
    }

    private struct Entry
    {
        public int Pending;
        public ushort PacketId;
        public byte Qos;
    }
}

/// <summary>An acknowledgement to send: PUBACK at QoS 1, PUBREC at QoS 2.</summary>
public readonly record struct PacketAcknowledgement(ushort PacketId, byte Qos);
