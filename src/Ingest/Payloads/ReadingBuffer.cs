using StreamRnn.Ingest.Faults;

namespace StreamRnn.Ingest.Payloads;

/// <summary>One value that a payload holds: where in the payload, what, and when.</summary>
/// <param name="Time">Event time in nanoseconds since 1970, or <see cref="ReadingBuffer.NoTime"/> where the payload names none.</param>
internal readonly record struct Reading(int PathStart, int PathLength, double Value, long Time);

/// <summary>
/// What a decoder found in one payload: the values that can be stepped, and how many could not and why. Reused from payload to payload
/// by the one thread that decodes.
/// </summary>
internal sealed class ReadingBuffer
{
    /// <summary>The payload names no time: the arrival is the event time.</summary>
    public const long NoTime = long.MinValue;

    /// <summary>Most values of one payload.</summary>
    public const int Capacity = 1024;

    private readonly Reading[] _readings = new Reading[Capacity];
    private readonly int[] _refused = new int[(int)TickFault.ProtocolError + 1];
    private byte[] _paths = new byte[4096];
    private int _pathsUsed;

    public int Count { get; private set; }

    /// <summary>Values that were refused, whatever the reason.</summary>
    public int RefusedCount { get; private set; }

    /// <summary>True if the payload carries a sequence number.</summary>
    public bool IsNumbered { get; private set; }

    /// <summary>The sequence number.</summary>
    public long Number { get; private set; }

    public ReadOnlySpan<Reading> Readings => _readings.AsSpan(0, Count);

    /// <summary>The reading's path: UTF-8, percent-encoded, empty where the stream is the topic itself.</summary>
    public ReadOnlySpan<byte> Path(in Reading reading) => _paths.AsSpan(reading.PathStart, reading.PathLength);

    /// <summary>Number of values refused for this reason.</summary>
    public int Refused(TickFault fault) => _refused[(int)fault];

    public void Clear()
    {
        Count = 0;
        _pathsUsed = 0;
        if (RefusedCount > 0)
            _refused.AsSpan().Clear();
        RefusedCount = 0;
        (IsNumbered, Number) = (false, 0);
    }

    internal void SetNumber(long number) => (IsNumbered, Number) = (true, number);

    /// <summary>
    /// Adds a value, or refuses it: NaN, an infinity, or a magnitude no float can hold, since values become floats after the normaliser.
    /// </summary>
    /// <param name="limit">Most values of this payload.</param>
    internal void Add(ReadOnlySpan<byte> path, double value, long time, int limit = Capacity)
    {
        if (!(Math.Abs(value) <= float.MaxValue))
        {
            Refuse(TickFault.NotFinite);
            return;
        }
        if (Count >= limit)
        {
            Refuse(TickFault.TooManyValues);
            return;
        }

        if (_pathsUsed + path.Length > _paths.Length)
            Array.Resize(ref _paths, 2 * (_pathsUsed + path.Length));
        path.CopyTo(_paths.AsSpan(_pathsUsed));
        _readings[Count++] = new Reading(_pathsUsed, path.Length, value, time);
        _pathsUsed += path.Length;
    }

    internal void Refuse(TickFault fault)
    {
        _refused[(int)fault]++;
        RefusedCount++;
    }

    /// <summary>Drops everything found so far and refuses the packet.</summary>
    internal TickFault RefusePacket(TickFault fault)
    {
        Clear();
        return fault;
    }

    /// <summary>Gives one time to all values.</summary>
    internal void SetTime(long time)
    {
        foreach (ref Reading reading in _readings.AsSpan(0, Count))
            reading = reading with { Time = time };
    }

    /// <summary>Makes the first value's stream the topic itself.</summary>
    internal void DropPath() => _readings[0] = _readings[0] with { PathLength = 0 };

    internal bool Contains(ReadOnlySpan<byte> path)
    {
        foreach (ref readonly Reading reading in Readings)
            if (reading.PathLength == path.Length && Path(reading).SequenceEqual(path))
                return true;
        return false;
    }
}
