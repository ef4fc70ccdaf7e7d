using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using StreamRnn.Engine.Storage;

namespace StreamRnn.Engine.Journal;

/// <summary>Kind of a record. Numbers are on disk and never reused.</summary>
public enum LogRecordKind : byte
{
    /// <summary>The next stream id and the name it stands for.</summary>
    Stream = 1,

    /// <summary>The ticks of a packet whose sender cannot repeat it: QoS 0, or without a session.</summary>
    Packet = 2,

    /// <summary>The ticks of a packet of a session, and what a repeat is recognised by.</summary>
    SessionPacket = 3,

    /// <summary>A session's number, rule and name.</summary>
    Source = 4,

    /// <summary>A session begins anew: what was unacknowledged will not come again.</summary>
    SourceAnew = 5,

    /// <summary>A session is over for good.</summary>
    SourceGone = 6,

    /// <summary>A message at QoS 2 was released (PUBREL).</summary>
    Release = 7,

    /// <summary>A sender has our acknowledgements up to a position.</summary>
    AcknowledgementsConfirmed = 8,

    /// <summary>Opaque: what the embedded broker must know of its sessions.</summary>
    BrokerSession = 9,

    /// <summary>The broker has every output up to a position.</summary>
    OutputsConfirmed = 10,

    /// <summary>The serving plan of the steps that follow, as JSON.</summary>
    ServingPlan = 11,

    /// <summary>A stream's state begins anew.</summary>
    Reset = 12,

    /// <summary>The sequence number that its producer gave the packet right behind it.</summary>
    Number = 13,
}

/// <summary>
/// The input log on disk: segments of frames of records. One frame is one commit: all of it counts or nothing.
/// <code>
/// segment   log-FIRSTPOSITION.log, the position in 20 digits
///    0  "SRNNLOG1"   8  arithmetic version (4)   12  first position (8)   20  CRC of the frame before (4)   24  CRC-32C of 0..24 (4)
/// frame, from 28 on, back to back
///    0  "SRF1"   4  length of the records (4)   8  CRC-32C of 12..end (4)   12  CRC of the frame before (4)
///   16  positions in it (4)   20  first position (8)   28  records
/// record
///    0  kind (1), then by kind; v: a number of 1 to 10 bytes, seven bits each, lowest first; z: the same, sign in the lowest bit
///   Stream            v length   v where the topic ends   name
///   Number            numbering (1)   z number      of the packet behind it, without a position of its own
///   Packet            v ticks   ticks
///   SessionPacket     v source   qos (1)   packet id (2)   hash of topic and payload (8)   v ticks   ticks
///     tick            v stream   z time since the tick before it in the frame   value (8)
///   Source            v source   rule (1)   v length   name
///   SourceAnew, SourceGone            v source
///   Release           v source   packet id (2)
///   AcknowledgementsConfirmed         v source   v position
///   OutputsConfirmed  v position
///   BrokerSession, ServingPlan        v length   bytes
///   Reset             v stream
/// </code>
/// Little-endian. Every tick has a position of its own, and every other record one, a Number apart.
/// </summary>
public static class LogFormat
{
    /// <summary>Raised when any bit of any step may change: a log and a snapshot are for the arithmetic that wrote them.</summary>
    public const int ArithmeticVersion = 1;

    public const int SegmentHeaderBytes = 28;
    public const int FrameHeaderBytes = 28;

    public const string SegmentPrefix = "log-";
    public const string SegmentSuffix = ".log";

    public static ReadOnlySpan<byte> SegmentMagic => "SRNNLOG1"u8;

    public static ReadOnlySpan<byte> FrameMagic => "SRF1"u8;

    public static string SegmentName(long firstPosition) =>
        string.Create(CultureInfo.InvariantCulture, $"{SegmentPrefix}{firstPosition:d20}{SegmentSuffix}");

    public static bool IsSegment(string name) => name.StartsWith(SegmentPrefix, StringComparison.Ordinal) && name.EndsWith(SegmentSuffix, StringComparison.Ordinal);

    /// <summary>The first position of a segment, by its name.</summary>
    public static long FirstPosition(string name) =>
        long.TryParse(name.AsSpan(SegmentPrefix.Length, name.Length - SegmentPrefix.Length - SegmentSuffix.Length),
            NumberStyles.None, CultureInfo.InvariantCulture, out long position) ? position : throw new InvalidDataException($"{name} is no name of a log segment");

    public static byte[] SegmentHeader(long firstPosition, uint crcBefore)
    {
        byte[] header = new byte[SegmentHeaderBytes];
        SegmentMagic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), ArithmeticVersion);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(12), firstPosition);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(20), crcBefore);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(24), Crc32C.Of(header.AsSpan(0, 24)));
        return header;
    }
}
