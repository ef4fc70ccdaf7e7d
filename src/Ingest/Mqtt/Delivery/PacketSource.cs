using System.Numerics;
using System.Runtime.CompilerServices;

namespace StreamRnn.Ingest.Mqtt.Delivery;

/// <summary>Rule by which a redelivered packet is recognised. Numbers are on disk and never change.</summary>
public enum DuplicateRule
{
    /// <summary>Not at all: the sender has no session, and its packet ids say nothing.</summary>
    None = 0,

    /// <summary>
    /// For a broker elsewhere: same packet id and content as a packet that the broker may not know to be acknowledged, see <see
    /// cref="PacketSource.Confirm"/>. DUP is ignored: a broker sets it on messages that were never read.
    /// </summary>
    UntilBarrier = 1,

    /// <summary>
    /// A client of our broker: DUP, on a later connection, same packet id and content. Without DUP the id proves that the client has our
    /// acknowledgement of the message before.
    /// </summary>
    Redelivery = 2,
}

/// <summary>
/// A sender's session and what must be known to recognise its repeats: packets at QoS 1 that it may send again, messages at QoS 2 that it
/// has not released (MQTT 5.0 section 4.3).
/// </summary>
/// <remarks>
/// Packets at QoS 1 are kept in a ring in the order of arrival; only those of earlier connections can be repeated, and only then are they
/// looked up by id. Whoever takes a packet in holds <see cref="Lock"/> from the look-up until it has been noted: the reader of a connection
/// that was taken over may still be at it.
/// </remarks>
public sealed class PacketSource
{
    // Key, hash and links of an entry, and its bucket.
    private const int DictionaryEntryBytes = 20;

    private readonly int _capacity;
    private readonly Dictionary<ushort, Received> _unreleased = [];
    private Dictionary<ushort, Received>? _earlier;
    private Received[] _ring = new Received[16];
    private long _head;
    private long _tail;

    /// <param name="capacity">Packets at QoS 1 a sender may have unacknowledged: older ones it cannot send again.</param>
    public PacketSource(int id, string name, DuplicateRule rule, int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        (Id, Name, Rule, _capacity) = (id, name, rule, capacity);
    }

    /// <summary>Most memory of a session, in bytes: the ring, and by id what came on earlier connections and what is not released.</summary>
    /// <param name="capacity">As for the constructor.</param>
    public static long MemoryBoundBytes(int capacity) =>
        (BitOperations.RoundUpToPowerOf2((uint)capacity) * (long)Unsafe.SizeOf<Received>())
        + (2L * Math.Min(capacity, ushort.MaxValue) * (Unsafe.SizeOf<Received>() + DictionaryEntryBytes));

    /// <summary>Number in the journal.</summary>
    public int Id { get; }

    public string Name { get; }

    public DuplicateRule Rule { get; }

    /// <summary>True if the journal had the session before its present connection.</summary>
    public bool IsKnown { get; set; }

    public Lock Lock { get; } = new();

    /// <summary>Messages at QoS 2 received and not yet released.</summary>
    public int UnreleasedCount
    {
        get
        {
            lock (_unreleased)
                return _unreleased.Count;
        }
    }

    /// <summary>True if a message at QoS 2 was received under this id and not yet released.</summary>
    public bool IsUnreleased(ushort packetId)
    {
        lock (_unreleased)
            return _unreleased.ContainsKey(packetId);
    }

    /// <summary>A new connection of the session.</summary>
    /// <param name="isResumed">False where the session began anew: whatever has an old id is another packet.</param>
    public void Connect(bool isResumed)
    {
        _earlier = null;
        if (!isResumed)
        {
            _head = _tail;
            lock (_unreleased)
                _unreleased.Clear();
        }
        else if (_head < _tail && Rule != DuplicateRule.None)
        {
            _earlier = [];
            for (long i = _head; i < _tail; i++)
                _earlier[At(i).PacketId] = At(i);   // of two with one id the later: the sender reuses an id only when it has our acknowledgement
        }
    }

    /// <summary>True if the packet has been taken in before.</summary>
    /// <param name="position">Position of the packet in the journal.</param>
    public bool IsRepeat(in Packet packet, ulong hash, out long position)
    {
        position = 0;
        Received received;
        if (packet.Qos == 2)
        {
            lock (_unreleased)
            {
                if (!_unreleased.TryGetValue(packet.PacketId, out received) || received.Hash != hash)
                    return false;
            }
        }
        else
        {
            if (_earlier is not { Count: > 0 } || !_earlier.TryGetValue(packet.PacketId, out received))
                return false;
            if (received.Hash != hash || (Rule == DuplicateRule.Redelivery && !packet.IsRedelivery))
            {
                _earlier.Remove(packet.PacketId);
                return false;
            }
        }
        position = received.Position;
        return true;
    }

    /// <summary>A packet has been taken in.</summary>
    public void Note(ushort packetId, byte qos, ulong hash, long position)
    {
        Received received = new(packetId, hash, position);
        if (qos == 2)
        {
            lock (_unreleased)
                _unreleased[packetId] = received;
        }
        else if (qos == 1 && Rule != DuplicateRule.None)
        {
            if (_tail - _head == _capacity)
                _head++;
            else if (_tail - _head == _ring.Length)
                Grow();
            At(_tail++) = received;
        }
    }

    /// <summary>The sender has released a message at QoS 2: its id is free.</summary>
    public void Release(ushort packetId)
    {
        lock (_unreleased)
            _unreleased.Remove(packetId);
    }

    /// <summary>The sender has our acknowledgements up to this position.</summary>
    public void Confirm(long position)
    {
        while (_head < _tail && At(_head).Position <= position)
        {
            if (_earlier is not null && _earlier.TryGetValue(At(_head).PacketId, out Received received) && received.Position <= position)
                _earlier.Remove(received.PacketId);
            _head++;
        }
    }

    /// <summary>Packets that are <see cref="Remembered"/>.</summary>
    public int RememberedCount => (int)(_tail - _head) + UnreleasedCount;

    /// <summary>State to resume deliveries after a restart: packets at QoS 1 in their order, then messages at QoS 2.</summary>
    public IEnumerable<(byte Qos, Received Packet)> Remembered
    {
        get
        {
            for (long i = _head; i < _tail; i++)
                yield return (1, At(i));
            lock (_unreleased)
            {
                foreach (Received received in _unreleased.Values)
                    yield return (2, received);
            }
        }
    }

    private ref Received At(long index) => ref _ring[index & (_ring.Length - 1)];

    private void Grow()
    {
        var grown = new Received[2 * _ring.Length];
        for (long i = _head; i < _tail; i++)
            grown[i & (grown.Length - 1)] = At(i);
        _ring = grown;
    }

    /// <summary>A packet that was taken in.</summary>
    /// <param name="Hash">Of topic and payload.</param>
    /// <param name="Position">In the journal.</param>
    public readonly record struct Received(ushort PacketId, ulong Hash, long Position);
}
