using System.Numerics;
using System.Runtime.CompilerServices;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Delivery;

/// <summary>
/// Acknowledgements that one connection has to send, in order of arrival. The reader opens a packet, the thread that finishes its ticks
/// completes it, and the connection's writer takes what is due: an acknowledgement leaves only when its packet and all before it are
/// complete [MQTT-4.6.0-2].
/// </summary>
public sealed class PacketLedger
{
    /// <summary>In the place of a QoS: the acknowledgement owed is the PUBCOMP of a release.</summary>
    public const byte Release = 3;

    private Entry[] _ring;   // a power of two, so that a packet finds its entry by a mask
    private Action _due;
    private Action? _send;
    private long _opened;
    private long _taken;

    /// <param name="capacity">Packets open at once: what the peer was told as Receive Maximum.</param>
    /// <param name="due">
    /// Called by the completing thread when the oldest open packet is done, which makes its acknowledgement and perhaps others due; must
    /// not block. It is called again only after <see cref="Take"/> has emptied what was due.
    /// </param>
    /// <param name="send">
    /// Takes and sends what is due on the calling thread, as far as nothing blocks; null where that is another thread's business alone.
    /// </param>
    public PacketLedger(int capacity, Action due, Action? send = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, 1 << 20);
        Capacity = capacity;
        _ring = new Entry[BitOperations.RoundUpToPowerOf2((uint)capacity)];
        (_due, _send) = (due, send);
    }

    /// <summary>Memory of a ledger, in bytes.</summary>
    public static long MemoryBoundBytes(int capacity) => BitOperations.RoundUpToPowerOf2((uint)capacity) * (long)Unsafe.SizeOf<Entry>();

    public int Capacity { get; }

    /// <summary>
    /// True while the reader sends by itself, when it has handled what it received, what it opened with nothing to wait for; nobody is told of that
    /// meanwhile. Set and read by the reader alone.
    /// </summary>
    public bool IsReaderSending { get; set; }

    /// <summary>True if the oldest open packet is done.</summary>
    public bool IsDue => IsDone(Volatile.Read(ref _taken));

    /// <summary>True if the peer has as many packets in flight as allowed; one more is a protocol error.</summary>
    public bool IsFull => OpenCount == Capacity;

    /// <summary>Packets opened and not yet taken for acknowledgement.</summary>
    public int OpenCount => (int)(Volatile.Read(ref _opened) - Volatile.Read(ref _taken));

    /// <summary>Notes a packet. Called by the connection's reader only.</summary>
    /// <param name="tickCount">Ticks to wait for; 0 for a packet that was refused, which is acknowledged like any other.</param>
    /// <returns>The packet's number, or -1 when the peer has more in flight than it was allowed.</returns>
    public long TryOpen(ushort packetId, byte qos, int tickCount)
    {
        long packet = _opened;
        if (packet - Volatile.Read(ref _taken) == Capacity)
            return -1;

        ref Entry entry = ref At(packet);
        (entry.PacketId, entry.Qos, entry.Pending, entry.Position) = (packetId, qos, tickCount, 0);
        Volatile.Write(ref _opened, packet + 1);
        if (tickCount == 0 && !IsReaderSending && IsNext(packet))
            _due();
        return packet;
    }

    /// <summary>Notes where a packet is in the journal, before its first tick can be done with.</summary>
    public void SetPosition(long packet, long position) => At(packet).Position = position;

    /// <summary>One tick of the packet is done with. Any thread.</summary>
    public void Complete(long packet)
    {
        if (Interlocked.Decrement(ref At(packet).Pending) == 0 && IsNext(packet))
            _due();
    }

    /// <summary>One tick of the packet is done with. Any thread.</summary>
    /// <param name="batch">Takes the ledger where an acknowledgement is due, if the calling thread can send it.</param>
    public void Complete(long packet, ref AckBatch batch)
    {
        if (Interlocked.Decrement(ref At(packet).Pending) != 0 || !IsNext(packet))
            return;
        if (_send is null)
            _due();
        else
            batch.Add(this);
    }

    /// <summary>Sends what is due on the calling thread, as far as nothing blocks.</summary>
    public void SendDue() => _send?.Invoke();

    /// <summary>
    /// Takes acknowledgements that are due, oldest first. Called by one thread at a time, and again until it returns less than there is
    /// room for.
    /// </summary>
    /// <returns>The number written to <paramref name="into"/>.</returns>
    public int Take(Span<PacketAcknowledgement> into)
    {
        int count = 0;
        while (count < into.Length)
        {
            if (!IsDone(_taken))
            {
                // The completing thread writes Pending and reads _taken, this one the other way round: without the fence each could miss
                // the other's write, and the acknowledgement would wait for the next packet.
                Interlocked.MemoryBarrier();
                if (!IsDone(_taken))
                    break;
            }
            ref Entry entry = ref At(_taken);
            into[count++] = new PacketAcknowledgement(entry.PacketId, entry.Qos, entry.Position);
            Volatile.Write(ref _taken, _taken + 1);
        }
        return count;
    }

    /// <summary>
    /// The connection is gone: nothing is due any more, and nothing of it is held. Queues forget a tick, and so the ledger it came by, only
    /// when its place in them is used again; without this each connection of a device that connects for one message would stay there, whole.
    /// Not while <see cref="Take"/> runs.
    /// </summary>
    public void Close() => (_due, _send, _ring) = (static () => { }, null, [new Entry { Pending = -1 }]);

    private bool IsDone(long packet) => packet < Volatile.Read(ref _opened) && Volatile.Read(ref At(packet).Pending) == 0;

    /// <summary>True if a packet that is done is the oldest that is open: nobody has been told of it.</summary>
    private bool IsNext(long packet)
    {
        Interlocked.MemoryBarrier();
        return Volatile.Read(ref _taken) == packet;
    }

    private ref Entry At(long packet)
    {
        Entry[] ring = _ring;   // once: it may be closed meanwhile
        return ref ring[packet & (ring.Length - 1)];
    }

    private struct Entry
    {
        public long Position;
        public int Pending;
        public ushort PacketId;
        public byte Qos;
    }
}

/// <summary>An acknowledgement to send: PUBACK at QoS 1, PUBREC at QoS 2, PUBCOMP for <see cref="PacketLedger.Release"/>.</summary>
/// <param name="Position">Of its packet in the journal; 0 where nothing was written down.</param>
public readonly record struct PacketAcknowledgement(ushort PacketId, byte Qos, long Position = 0)
{
    public MqttPacketType PacketType => Qos switch { 2 => MqttPacketType.Pubrec, PacketLedger.Release => MqttPacketType.Pubcomp, _ => MqttPacketType.Puback };
}
