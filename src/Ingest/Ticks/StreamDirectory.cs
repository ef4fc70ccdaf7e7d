using System.Runtime.CompilerServices;
using System.Text;
using StreamRnn.Ingest.Faults;

namespace StreamRnn.Ingest.Ticks;

/// <summary>
/// Turns a topic and a path inside its payload into a dense stream id, so that nothing downstream hashes or compares names. Ids count
/// from 0 and are never reused. Safe for any number of threads; a look-up of a known name allocates nothing and takes no lock.
/// </summary>
/// <remarks>
/// <code>
/// slots    hash : 32 | id + 1 : 32      open addressing, linear probing, at most three quarters full
/// entries  position : 32 | length : 16 | topic length : 16
/// chunks   64 KiB of names each, back to back; position = chunk * 64 Ki + offset
/// </code>
/// A name belongs to the first pair of topic and path that gave it: <c>a:b</c> may be the topic a:b or the field b of the topic a, never
/// both. Memory: 19 to 38 bytes a stream for slots and entries (both double when full) and the bytes of the name.
/// </remarks>
public sealed class StreamDirectory
{
    /// <summary>Longest name in bytes.</summary>
    public const int MaximumNameBytes = 1024;

    /// <summary>
    /// Largest number of topic levels of a name. Outputs lie a few levels deeper, and a broker ends the connection over a topic deeper than
    /// it allows (mosquitto: 200), each time the message is resent: one device would block the outputs of all.
    /// </summary>
    public const int MaximumLevels = 128;

    /// <summary>Most streams a directory can be asked to hold: their longest names fill the 32 bits of a position.</summary>
    public const int MaximumLimit = 1 << 22;

    private const int ChunkBytes = 1 << 16;
#if DEBUG
    private const int FirstSlots = 4;
#else
    private const int FirstSlots = 1024;
#endif

    private readonly Lock _growing = new();
    private readonly uint _seed = (uint)Random.Shared.Next();   // keys the hash, so that nobody can choose topics that collide
    private Index _index = new(FirstSlots);
    private int _count;
    private int _chunk = -1;
    private int _chunkUsed = ChunkBytes;

    /// <param name="limit">Streams in all; a further name is refused with <see cref="TickFault.StreamLimit"/>.</param>
    public StreamDirectory(int limit)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, MaximumLimit);
        Limit = limit;
    }

    public int Limit { get; }

    public int Count => Volatile.Read(ref _count);

    /// <summary>Bytes that the names take, about; a moment's value.</summary>
    public long NameBytes => (Math.Max(0L, Volatile.Read(ref _chunk)) * ChunkBytes) + Volatile.Read(ref _chunkUsed);

    /// <summary>Finds the stream of a topic and a path, or adds it.</summary>
    /// <param name="topic">UTF-8.</param>
    /// <param name="path">UTF-8, already percent-encoded, steps joined by '.'; empty where the stream is the topic itself.</param>
    [SkipLocalsInit]
    public TickFault TryGet(ReadOnlySpan<byte> topic, ReadOnlySpan<byte> path, out int stream)
    {
        stream = -1;
        if (topic.IsEmpty || (path.IsEmpty ? topic.Length : topic.Length + 1 + path.Length) > MaximumNameBytes)
            return TickFault.StreamName;

        scoped ReadOnlySpan<byte> name = topic;
        if (!path.IsEmpty)
        {
            Span<byte> joined = stackalloc byte[MaximumNameBytes];
            topic.CopyTo(joined);
            joined[topic.Length] = (byte)':';
            path.CopyTo(joined[(topic.Length + 1)..]);
            name = joined[..(topic.Length + 1 + path.Length)];
        }

        uint hash = Hash(name, _seed);
        stream = Volatile.Read(ref _index).Find(hash, name);
        if (stream < 0)
        {
            if (topic.Count((byte)'/') >= MaximumLevels)
                return TickFault.StreamName;
            TickFault fault = TryAdd(hash, name, topic.Length, Limit, out stream);
            if (fault != TickFault.None)
                return fault;
        }

        if (Volatile.Read(ref _index).Entries[stream].TopicLength == topic.Length)
            return TickFault.None;
        stream = -1;
        return TickFault.StreamName;
    }

    /// <summary>The stream's name, <c>topic</c> or <c>topic:path</c>, UTF-8.</summary>
    public ReadOnlySpan<byte> Utf8Name(int stream)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)stream, (uint)Count, nameof(stream));
        Index index = Volatile.Read(ref _index);
        return index.Name(index.Entries[stream]);
    }

    /// <summary>The stream's name as text.</summary>
    public string Name(int stream) => Encoding.UTF8.GetString(Utf8Name(stream));

    /// <summary>Length of the topic within the stream's name; the path follows after a ':'.</summary>
    public int TopicLength(int stream)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)stream, (uint)Count, nameof(stream));
        return Volatile.Read(ref _index).Entries[stream].TopicLength;
    }

    /// <summary>Adds the next stream as an earlier run knew it, whatever the limit is now.</summary>
    /// <returns>False where that name is there already.</returns>
    public bool TryRestore(ReadOnlySpan<byte> name, int topicLength)
    {
        int next = Count;
        return TryAdd(Hash(name, _seed), name, topicLength, MaximumLimit, out int stream) == TickFault.None && stream == next;
    }

    private TickFault TryAdd(uint hash, ReadOnlySpan<byte> name, int topicLength, int limit, out int stream)
    {
        lock (_growing)
        {
            stream = _index.Find(hash, name);   // another thread may have added it meanwhile
            if (stream >= 0)
                return TickFault.None;
            if (_count >= limit)
                return TickFault.StreamLimit;

            Index index = _index;
            if (_count == index.Entries.Length)
                index = index.Doubled();
            if (_chunkUsed + name.Length > ChunkBytes)
            {
                index.AddChunk(++_chunk, new byte[ChunkBytes]);
                _chunkUsed = 0;
            }

            name.CopyTo(index.Chunks[_chunk].AsSpan(_chunkUsed));
            index.Entries[_count] = new Entry((uint)(_chunk * ChunkBytes + _chunkUsed), (ushort)name.Length, (ushort)topicLength);
            _chunkUsed += name.Length;
            index.Publish(hash, _count);
            Volatile.Write(ref _index, index);
            stream = _count;
            Volatile.Write(ref _count, _count + 1);
            return TickFault.None;
        }
    }

    private static uint Hash(ReadOnlySpan<byte> name, uint seed)
    {
        ulong hash = ContentHash.Of(name, seed);
        return (uint)(hash ^ hash >> 32);
    }

    private readonly record struct Entry(uint Position, ushort Length, ushort TopicLength);

    /// <summary>
    /// One generation of the table. The adder fills entry and name first and publishes the slot last, so a reader that sees a slot sees
    /// all of it; a reader of an older generation misses new names only, and looks again under the lock.
    /// </summary>
    private sealed class Index(int slotCount)
    {
        private readonly long[] _slots = new long[slotCount];

        public Entry[] Entries { get; } = new Entry[slotCount / 4 * 3];

        public byte[][] Chunks { get; private set; } = [];

        public ReadOnlySpan<byte> Name(Entry entry) =>
            Chunks[entry.Position / ChunkBytes].AsSpan((int)(entry.Position % ChunkBytes), entry.Length);

        public int Find(uint hash, ReadOnlySpan<byte> name)
        {
            for (uint i = hash; ; i++)
            {
                long slot = Volatile.Read(ref _slots[i & (uint)(_slots.Length - 1)]);
                if (slot == 0)
                    return -1;
                if ((uint)(slot >> 32) == hash && Name(Entries[(int)slot - 1]).SequenceEqual(name))
                    return (int)slot - 1;
            }
        }

        public void Publish(uint hash, int stream)
        {
            uint i = hash & (uint)(_slots.Length - 1);
            while (_slots[i] != 0)
                i = (i + 1) & (uint)(_slots.Length - 1);
            Volatile.Write(ref _slots[i], (long)hash << 32 | (uint)(stream + 1));
        }

        public void AddChunk(int chunk, byte[] bytes)
        {
            byte[][] chunks = Chunks;
            if (chunk == chunks.Length)
                Array.Resize(ref chunks, Math.Max(4, 2 * chunks.Length));
            chunks[chunk] = bytes;
            Chunks = chunks;
        }

        public Index Doubled()
        {
            var doubled = new Index(2 * _slots.Length) { Chunks = Chunks };
            Entries.CopyTo(doubled.Entries, 0);
            foreach (long slot in _slots)
                if (slot != 0)
                    doubled.Publish((uint)(slot >> 32), (int)slot - 1);
            return doubled;
        }
    }
}
