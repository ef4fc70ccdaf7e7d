using StreamRnn.Engine.Publish;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Recording;

/// <summary>One row of a recording on its way there.</summary>
/// <param name="N">Its number in the life of the stream's state, from 1.</param>
/// <param name="Time">As it was stepped, the arrival where the payload had none; nanoseconds since 1970 UTC.</param>
public readonly record struct RecordedTick(int Stream, long N, long Time, double Value)
{
    /// <summary>Bytes that any row fits into.</summary>
    public const int LongestRow = 2 * Utf8Text.MaxLength + 2;

    public static ReadOnlySpan<byte> Header => "timestamp,value\n"u8;

    // The years that text can name; a time outside is a number, which as long a one is read as nanoseconds.
    private static readonly long Earliest = EventTime.FromUtc(new DateTime(1678, 1, 1, 0, 0, 0, DateTimeKind.Utc));
    private static readonly long Latest = EventTime.FromUtc(new DateTime(2262, 1, 1, 0, 0, 0, DateTimeKind.Utc));

    /// <summary>The row as it stands in the file, with its line end; reads back as the same time and the same bits.</summary>
    /// <returns>Bytes written.</returns>
    public int Write(Span<byte> to)
    {
        int at = Time >= Earliest && Time < Latest ? Utf8Text.WriteTime(Time, to) : Utf8Text.Write(Time, to);
        to[at++] = (byte)',';
        at += Utf8Text.Write(Value, to[at..]);
        to[at++] = (byte)'\n';
        return at;
    }
}
