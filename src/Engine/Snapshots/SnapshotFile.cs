using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json.Serialization;
using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Serving;
using StreamRnn.Engine.Storage;

namespace StreamRnn.Engine.Snapshots;

/// <summary>Content of a section of a snapshot. Numbers are on disk and never reused.</summary>
internal enum SnapshotSection
{
    Head = 1,
    Streams = 2,
    Sources = 3,
    BrokerSessions = 4,
    Rows = 5,
    End = 6,
}

/// <summary>Identity of a snapshot: its arithmetic, position, base and set-up.</summary>
/// <param name="Position">Everything up to here is in it, and the broker has every output up to here.</param>
/// <param name="Base">The snapshot whose rows and names it adds to; 0 where it stands alone.</param>
/// <param name="FirstStream">Names before it are in the base.</param>
/// <param name="Streams">Names in all.</param>
public sealed record SnapshotHead(int Arithmetic, long Position, long Base, int FirstStream, int Streams,
    [property: JsonPropertyName("Setup")] ServingPlan Plan);

/// <summary>
/// A snapshot on disk: the states of all streams at one position of the log, or those that have changed since the snapshot before.
/// <code>
/// snapshot-POSITION-BASE.snap, both in 20 digits
///    0  "SRNNSNP2"   8  sections
/// section
///    0  kind (4)   4  length (4)   8  CRC-32C of the content (4)   12  CRC-32C of 0..12 (4)   16  content
///       Head             JSON, see <see cref="SnapshotHead"/>; the first
///       Streams          length (2)  where the topic ends (2)  name, back to back; goes on in the next of its kind
///       Sources          see <see cref="SourceTable"/>
///       BrokerSessions   the embedded broker's own
///       Rows             stream (4)  kind (4)  the row's floats, back to back; likewise
///       End              rows in all (8); the last: without it the snapshot is none
/// </code>
/// Written under another name, flushed, renamed: under this name it is whole.
/// </summary>
internal static class SnapshotFile
{
    public const int SectionHeaderBytes = 16;

    public const string UnfinishedName = "snapshot.tmp";

    public static ReadOnlySpan<byte> Magic => "SRNNSNP2"u8;

    public static string Name(long position, long @base) => string.Create(CultureInfo.InvariantCulture, $"snapshot-{position:d20}-{@base:d20}.snap");

    public static bool TryParse(string name, out long position, out long @base)
    {
        (position, @base) = (0, 0);
        return name.Length == 9 + 20 + 1 + 20 + 5 && name.StartsWith("snapshot-", StringComparison.Ordinal) && name.EndsWith(".snap", StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(9, 20), NumberStyles.None, CultureInfo.InvariantCulture, out position)
            && long.TryParse(name.AsSpan(30, 20), NumberStyles.None, CultureInfo.InvariantCulture, out @base);
    }

    public static void Append(IDataFile file, SnapshotSection kind, ReadOnlySpan<byte> content)
    {
        Span<byte> header = stackalloc byte[SectionHeaderBytes];
        BinaryPrimitives.WriteInt32LittleEndian(header, (int)kind);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], content.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], Crc32C.Of(content));
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], Crc32C.Of(header[..12]));
        file.Append(header);
        file.Append(content);
    }
}
