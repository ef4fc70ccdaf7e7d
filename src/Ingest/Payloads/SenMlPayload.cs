using System.Runtime.CompilerServices;
using System.Text.Json;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Ingest.Payloads;

/// <summary>
/// Sensor Measurement Lists in JSON, RFC 8428: an array of records. Base name, time, value and sum (<c>bn bt bv bs</c>) hold until they
/// are given again; a value <c>v</c> or <c>vb</c> belongs to the stream <c>topic:NAME</c>, NAME = bn + n, and a sum <c>s</c>, being
/// another quantity, to <c>topic:NAME.s</c>; an empty NAME is the topic itself. Units are not converted.
/// </summary>
/// <remarks>
/// Time is bt + t in seconds; below 2^28 it is relative to the arrival (section 4.5.3), and without both it is the arrival. Text and
/// data (<c>vs vd</c>) are refused one by one. A pack of a version above 10, or with a label that ends in '_' and so must be understood,
/// is refused whole (sections 4.4 and 4.3).
/// </remarks>
internal static class SenMlPayload
{
    public const int MaximumRecords = ReadingBuffer.Capacity;
    private const int Version = 10;
    private const long Relative = (1L << 28) * EventTime.NanosecondsPerSecond;

    /// <param name="arrival">Nanoseconds since 1970.</param>
    [SkipLocalsInit]
    public static TickFault Decode(ReadOnlySpan<byte> json, long arrival, ReadingBuffer into)
    {
        var pack = new Pack(stackalloc byte[StreamPath.MaximumBytes], stackalloc byte[StreamPath.MaximumBytes]);
        scoped var reader = new Utf8JsonReader(json);
        bool recognised = false;
        try
        {
            reader.Read();
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.EndArray && reader.CurrentDepth == 0)
                    continue;
                if (reader.TokenType != JsonTokenType.StartObject)
                    return into.RefusePacket(WellFormed(ref reader, TickFault.UnknownPayload));
                pack.BeginRecord();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                    if (!pack.TryRead(ref reader))
                        return into.RefusePacket(WellFormed(ref reader, TickFault.UnknownPayload));
                if (!pack.IsRecord && !recognised)
                    return into.RefusePacket(WellFormed(ref reader, TickFault.UnknownPayload));
                recognised = true;
                pack.EndRecord(arrival, into);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)   // the reader has no other way to say it
        {
            return into.RefusePacket(TickFault.MalformedJson);
        }
        return into.Count + into.RefusedCount == 0 ? TickFault.UnknownPayload : TickFault.None;
    }

    /// <summary>Reads to the end, so that what is no JSON is called that rather than unknown.</summary>
    private static TickFault WellFormed(scoped ref Utf8JsonReader reader, TickFault fault)
    {
        while (reader.Read())
        {
        }
        return fault;
    }

    /// <summary>The base fields in force and the record being read.</summary>
    private ref struct Pack(Span<byte> baseName, Span<byte> name)
    {
        private readonly Span<byte> _baseName = baseName;
        private readonly Span<byte> _name = name;
        private int _baseNameLength;
        private long _baseTime;
        private double _baseValue;
        private double _baseSum;
        private int _nameLength;
        private long _time;
        private double? _value;
        private double? _sum;
        private TickFault _fault;

        /// <summary>True if the record held a label of SenML.</summary>
        public bool IsRecord { get; private set; }

        public void BeginRecord()
        {
            (_nameLength, _time, _value, _sum, _fault, IsRecord) = (0, 0, null, null, TickFault.None, false);
        }

        /// <summary>Reads a label and its value.</summary>
        /// <returns>False where the pack must not be processed.</returns>
        public bool TryRead(scoped ref Utf8JsonReader reader)
        {
            ReadOnlySpan<byte> label = reader.ValueSpan;
            reader.Read();
            bool known = true;
            switch (label)
            {
                case [(byte)'n']: _nameLength = ReadName(ref reader, _name); break;
                case [(byte)'t']: ReadTime(ref reader, ref _time); break;
                case [(byte)'v']: ReadNumber(ref reader, ref _value); break;
                case [(byte)'s']: ReadNumber(ref reader, ref _sum); break;
                case [(byte)'v', (byte)'b']:
                    if (reader.TokenType is JsonTokenType.True or JsonTokenType.False)
                        _value = reader.TokenType == JsonTokenType.True ? 1 : 0;
                    else
                        _fault = TickFault.NotANumber;
                    break;
                case [(byte)'v', (byte)'s' or (byte)'d']: _fault = TickFault.NotANumber; break;
                case [(byte)'b', (byte)'n']: _baseNameLength = ReadName(ref reader, _baseName); break;
                case [(byte)'b', (byte)'t']: ReadTime(ref reader, ref _baseTime); break;
                case [(byte)'b', (byte)'v']: ReadBase(ref reader, ref _baseValue); break;
                case [(byte)'b', (byte)'s']: ReadBase(ref reader, ref _baseSum); break;
                case [(byte)'b', (byte)'u'] or [(byte)'u', (byte)'t'] or [(byte)'u']: break;
                default:
                    if (label.SequenceEqual("bver"u8))
                    {
                        if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int version) || version > Version)
                            return false;
                    }
                    else if (label is [.., (byte)'_'])
                    {
                        return false;
                    }
                    else
                    {
                        known = false;
                    }
                    break;
            }
            IsRecord |= known;
            reader.Skip();
            return true;
        }

        /// <summary>Adds the record's value and sum; a record of base fields alone has neither.</summary>
        [SkipLocalsInit]
        public readonly void EndRecord(long arrival, ReadingBuffer into)
        {
            if (_fault != TickFault.None)
            {
                into.Refuse(_fault);
                return;
            }
            if (_value is null && _sum is null)
                return;
            if (_nameLength < 0 || _baseNameLength < 0 || _nameLength + _baseNameLength > StreamPath.MaximumBytes)
            {
                into.Refuse(TickFault.StreamName);
                return;
            }

            Span<byte> whole = stackalloc byte[StreamPath.MaximumBytes];
            _baseName[.._baseNameLength].CopyTo(whole);
            _name[.._nameLength].CopyTo(whole[_baseNameLength..]);
            int length = _baseNameLength + _nameLength;
            Span<byte> path = stackalloc byte[StreamPath.MaximumBytes];
            int pathLength = length == 0 ? 0 : StreamPath.Append(path, 0, whole[..length]);
            long time = _baseTime + _time;
            if (Math.Abs(time) < Relative)
                time += arrival;

            if (_value is double value)
                Add(path, pathLength, value + _baseValue, time, into);
            if (_sum is double sum)
                Add(path, StreamPath.Append(path, pathLength, "s"u8), sum + _baseSum, time, into);
        }

        private static void Add(ReadOnlySpan<byte> path, int length, double value, long time, ReadingBuffer into)
        {
            if (length < 0)
                into.Refuse(TickFault.StreamName);
            else
                into.Add(path[..length], value, time, MaximumRecords);
        }

        private void ReadNumber(scoped ref Utf8JsonReader reader, ref double? number)
        {
            if (reader.TokenType == JsonTokenType.Number && (reader.TryGetDouble(out double read) || double.TryParse(reader.ValueSpan, out read)))
                number = read;
            else
                _fault = TickFault.NotANumber;
        }

        private void ReadBase(scoped ref Utf8JsonReader reader, ref double number)
        {
            double? read = null;
            ReadNumber(ref reader, ref read);
            number = read ?? 0;
        }

        private void ReadTime(scoped ref Utf8JsonReader reader, ref long time)
        {
            // Half the range each, so that base and offset can be added.
            if (reader.TokenType != JsonTokenType.Number || !EventTime.TryParseNumber(reader.ValueSpan, TimeUnit.Seconds, out long read)
                || Math.Abs(read) > long.MaxValue / 2)
                _fault = TickFault.MalformedTime;
            else
                time = read;
        }

        private static int ReadName(scoped ref Utf8JsonReader reader, Span<byte> into) =>
            reader.TokenType != JsonTokenType.String || reader.ValueSpan.Length > into.Length ? -1 : reader.CopyString(into);
    }
}
