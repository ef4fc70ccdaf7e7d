using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Ingest.Payloads;

/// <summary>
/// A JSON object, flat as Zigbee2MQTT sends it or nested as Tasmota does: every number and boolean in it is the value of the stream
/// <c>topic:path</c>; a value that stands alone under <c>value</c>, <c>v</c> or <c>val</c> is that of the topic itself.
/// </summary>
/// <remarks>
/// Text, null and what lies deeper than four steps are refused one by one, and so is the second of two equal names; the rest steps. The
/// time is the first of <c>ts, timestamp, time, Time, t, last_seen</c> at the top; <c>time</c>, <c>t</c> and <c>last_seen</c> count as
/// times only from 2000 to 2100 and are values like others else. Elements of arrays inside the object are steps 0, 1, 2... Where payloads
/// are numbered, the number is <c>seq</c>, else <c>n</c>, at the top: a whole number, 12.0 and 1e3 too; neither is a value.
/// </remarks>
internal static class JsonPayload
{
    public const int MaximumDepth = 4;
    public const int MaximumLeaves = 64;

    private const long FirstPlausible = 946_684_800 * EventTime.NanosecondsPerSecond;     // 2000-01-01
    private const long LastPlausible = 4_102_444_800 * EventTime.NanosecondsPerSecond;    // 2100-01-01
    private const int NoRank = 6;
    private const int FirstNumber = -2, SecondNumber = -1;   // ranks of seq and n
    private const long MostNumber = (1L << 62) - 1;

    /// <param name="zone">Of times that name none.</param>
    [SkipLocalsInit]
    public static TickFault Decode(ReadOnlySpan<byte> json, TimeZoneInfo zone, ReadingBuffer into, bool isNumbered = false)
    {
        var walk = new Walk(stackalloc byte[StreamPath.MaximumBytes], stackalloc int[MaximumDepth + 1], stackalloc int[MaximumDepth + 2]);
        scoped var reader = new Utf8JsonReader(json);
        int rank = NoRank, timeRank = NoRank, numberRank = NoRank, numbers = 0;
        long time = ReadingBuffer.NoTime, number = 0;
        bool malformedTime = false, hasNumber = false;
        try
        {
            while (reader.Read())
            {
                int depth = reader.CurrentDepth;
                switch (reader.TokenType)
                {
                    case JsonTokenType.PropertyName:
                        rank = depth == 1 ? RankOf(ref reader, isNumbered) : NoRank;
                        walk.Enter(depth, ref reader);
                        continue;
                    case JsonTokenType.EndObject or JsonTokenType.EndArray:
                        continue;
                    case JsonTokenType.StartObject or JsonTokenType.StartArray:
                        walk.Open(depth, reader.TokenType == JsonTokenType.StartArray);
                        rank = NoRank;
                        continue;
                }

                walk.Next(depth);
                if (rank < 0)
                {
                    if (rank < numberRank && reader.TokenType != JsonTokenType.Null)
                        (numberRank, hasNumber) = (rank, TryNumber(ref reader, out number));
                    continue;
                }
                if (rank < NoRank)
                {
                    if (reader.TokenType == JsonTokenType.Null)
                        continue;   // a device without a clock says so
                    if (TryTime(ref reader, zone, IsAmbiguous(rank), out long found))
                    {
                        if (rank < timeRank)
                            (timeRank, time) = (rank, found);
                        continue;
                    }
                    if (!IsAmbiguous(rank))
                    {
                        malformedTime = true;
                        continue;
                    }
                }

                if (!TryValue(ref reader, out double value) || depth > MaximumDepth)
                {
                    into.Refuse(TickFault.NotANumber);
                    continue;
                }
                numbers++;
                if (!walk.TryPath(depth, out ReadOnlySpan<byte> path) || into.Contains(path))
                    into.Refuse(TickFault.StreamName);
                else
                    into.Add(path, value, ReadingBuffer.NoTime, MaximumLeaves);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)   // the reader has no other way to say it
        {
            return into.RefusePacket(TickFault.MalformedJson);
        }

        if (malformedTime && time == ReadingBuffer.NoTime)
            return into.RefusePacket(TickFault.MalformedTime);
        if (into.Count + into.RefusedCount == 0)
            return TickFault.UnknownPayload;
        into.SetTime(time);
        if (hasNumber)
            into.SetNumber(number);
        if (numbers == 1 && into.Count == 1 && IsSole(into.Path(into.Readings[0])))
            into.DropPath();
        return TickFault.None;
    }

    private static bool TryValue(scoped ref Utf8JsonReader reader, out double value)
    {
        value = reader.TokenType == JsonTokenType.True ? 1 : 0;
        if (reader.TokenType == JsonTokenType.Number)
            return reader.TryGetDouble(out value) || double.TryParse(reader.ValueSpan, out value);
        return reader.TokenType is JsonTokenType.True or JsonTokenType.False;
    }

    /// <summary>Reads a whole number, however it is written. Two bits stay free for the caller.</summary>
    private static bool TryNumber(scoped ref Utf8JsonReader reader, out long number)
    {
        number = 0;
        if (reader.TokenType != JsonTokenType.Number)
            return false;
        if (!reader.TryGetInt64(out number))
        {
            if (!decimal.TryParse(reader.ValueSpan, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal written)
                || decimal.Truncate(written) != written || Math.Abs(written) > MostNumber)
            {
                return false;
            }
            number = (long)written;
        }
        return number is >= -MostNumber and <= MostNumber;
    }

    [SkipLocalsInit]
    private static bool TryTime(scoped ref Utf8JsonReader reader, TimeZoneInfo zone, bool onlyPlausible, out long time)
    {
        time = 0;
        bool read = false;
        if (reader.TokenType == JsonTokenType.Number)
        {
            read = EventTime.TryParseNumber(reader.ValueSpan, TimeUnit.ByMagnitude, out time);
        }
        else if (reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length <= 64)
        {
            Span<byte> text = stackalloc byte[64];
            read = EventTime.TryParse(text[..reader.CopyString(text)], zone, TimeUnit.ByMagnitude, out time);
        }
        return read && (!onlyPlausible || time is >= FirstPlausible and < LastPlausible);
    }

    private static int RankOf(scoped ref Utf8JsonReader reader, bool isNumbered) =>
        isNumbered && reader.ValueTextEquals("seq"u8) ? FirstNumber
        : isNumbered && reader.ValueTextEquals("n"u8) ? SecondNumber
        : reader.ValueTextEquals("ts"u8) ? 0
        : reader.ValueTextEquals("timestamp"u8) ? 1
        : reader.ValueTextEquals("time"u8) ? 2
        : reader.ValueTextEquals("Time"u8) ? 3
        : reader.ValueTextEquals("t"u8) ? 4
        : reader.ValueTextEquals("last_seen"u8) ? 5
        : NoRank;

    private static bool IsAmbiguous(int rank) => rank is 2 or 4 or 5;

    private static bool IsSole(ReadOnlySpan<byte> path) =>
        path.SequenceEqual("value"u8) || path.SequenceEqual("v"u8) || path.SequenceEqual("val"u8);

    /// <summary>Position in the object: the path to each depth, and the next index where that depth is an array.</summary>
    /// <param name="path">The steps so far.</param>
    /// <param name="lengths">Length of the path at each depth; -1 where it cannot be written.</param>
    /// <param name="indices">Next index of the array around each depth; -1 in an object.</param>
    private readonly ref struct Walk(Span<byte> path, Span<int> lengths, Span<int> indices)
    {
        private readonly Span<byte> _path = path;
        private readonly Span<int> _lengths = lengths;
        private readonly Span<int> _indices = indices;

        /// <summary>A container begins; it is itself a step where it is an element of an array.</summary>
        public void Open(int depth, bool isArray)
        {
            Next(depth);
            if (depth == 0)
                _lengths[0] = 0;
            if (depth <= MaximumDepth)
                _indices[depth + 1] = isArray ? 0 : -1;
        }

        public void Enter(int depth, scoped ref Utf8JsonReader reader)
        {
            if (depth > MaximumDepth)
                return;
            ReadOnlySpan<byte> key = reader.ValueSpan;
            _lengths[depth] = reader.ValueIsEscaped ? AppendUnescaped(depth, ref reader) : StreamPath.Append(_path, _lengths[depth - 1], key);
        }

        /// <summary>A value comes; where it is an element of an array, its index is the step.</summary>
        public void Next(int depth)
        {
            if (depth is > 0 and <= MaximumDepth && _indices[depth] >= 0)
                _lengths[depth] = StreamPath.Append(_path, _lengths[depth - 1], _indices[depth]++);
        }

        public bool TryPath(int depth, out ReadOnlySpan<byte> path)
        {
            path = _lengths[depth] > 0 ? _path[.._lengths[depth]] : default;
            return _lengths[depth] > 0;
        }

        [SkipLocalsInit]
        private int AppendUnescaped(int depth, scoped ref Utf8JsonReader reader)
        {
            if (reader.ValueSpan.Length > 6 * StreamPath.MaximumBytes)   // at most six bytes of escape for one
                return -1;
            Span<byte> key = stackalloc byte[6 * StreamPath.MaximumBytes];
            return StreamPath.Append(_path, _lengths[depth - 1], key[..reader.CopyString(key)]);
        }
    }
}
