using System.Buffers.Binary;
using StreamRnn.Engine.Storage;

namespace StreamRnn.Engine.Journal;

/// <summary>Visits each frame, oldest first.</summary>
internal delegate void FrameVisitor(ReadOnlySpan<byte> records, long firstPosition);

/// <summary>End of a log.</summary>
/// <param name="NextPosition">Of the next record.</param>
/// <param name="Crc">Of the last frame.</param>
/// <param name="Torn">The last segment, where its end is a frame that was never completed; null where every byte is good.</param>
/// <param name="GoodBytes">Length of the good part; 0 without a valid header.</param>
public sealed record LogEnd(long NextPosition, uint Crc, string? Torn = null, long GoodBytes = 0);

/// <summary>
/// Reads the input log. A process that was killed leaves at most one frame incomplete, the last: it was never acknowledged and is cut off.
/// Damage anywhere else was done by something else; nobody can say what is missing, so it is refused with what to do about it.
/// </summary>
internal sealed class LogReader(IDataFiles files)
{
    /// <summary>Shows every frame that has positions after this one.</summary>
    /// <exception cref="InvalidDataException">The log is damaged, has a gap or is of another arithmetic; says what to do.</exception>
    public LogEnd Read(long after, FrameVisitor visit)
    {
        string[] segments = [.. files.List().Where(LogFormat.IsSegment)];
        int first = Math.Max(0, Array.FindLastIndex(segments, name => LogFormat.FirstPosition(name) <= after + 1));
        LogEnd end = new(after + 1, Crc: 0);
        for (int i = first; i < segments.Length; i++)
            end = ReadSegment(segments[i], isFirst: i == first, isLast: i == segments.Length - 1, end, after, visit);
        return end;
    }

    /// <summary>Cuts an incomplete end off, so that what is written next follows good bytes.</summary>
    public void Repair(LogEnd end)
    {
        if (end.Torn is not string name)
            return;
        if (end.GoodBytes == 0)
        {
            files.Delete(name);
            files.FlushNames();
            return;
        }
        using IDataFile file = files.Open(name);
        file.Truncate(end.GoodBytes);
        file.Flush();
    }

    private LogEnd ReadSegment(string name, bool isFirst, bool isLast, LogEnd before, long after, FrameVisitor visit)
    {
        byte[] bytes = files.Read(name);
        if (!TryHeader(bytes, out int arithmetic, out long first, out uint crcBefore))
        {
            return isLast && !HasFrame(bytes)
                ? before with { Torn = name, GoodBytes = 0 }
                : throw Damaged(name, 0, before.NextPosition);
        }
        if (first != LogFormat.FirstPosition(name) || (isFirst ? first > before.NextPosition : first != before.NextPosition || crcBefore != before.Crc))
        {
            throw new InvalidDataException($"{name} does not follow what comes before it (position {before.NextPosition} was expected): a segment is "
                + "missing or was exchanged. Restore the data directory from a copy, or move it away to begin every stream anew");
        }

        (long next, uint crc, int at) = (first, crcBefore, LogFormat.SegmentHeaderBytes);
        while (at < bytes.Length)
        {
            if (!TryFrame(bytes.AsSpan(at), out int length, out uint frameCrc, out uint frameBefore, out int count, out long position))
            {
                return isLast && !HasFrame(bytes.AsSpan(at + 1))
                    ? new LogEnd(next, crc, name, at)
                    : throw Damaged(name, at, next);
            }
            if (frameBefore != crc || position != next)
                throw Damaged(name, at, next);
            next += count;
            crc = frameCrc;
            if (next - 1 > after)
            {
                ReadOnlySpan<byte> records = bytes.AsSpan(at + LogFormat.FrameHeaderBytes, length - LogFormat.FrameHeaderBytes);
                if (arithmetic != LogFormat.ArithmeticVersion && HasTicks(records, position, after))
                    throw OtherArithmetic(name, arithmetic);
                visit(records, position);
            }
            at += length;
        }
        return new LogEnd(next, crc);
    }

    private static bool TryHeader(ReadOnlySpan<byte> bytes, out int arithmetic, out long first, out uint crcBefore)
    {
        (arithmetic, first, crcBefore) = (0, 0, 0);
        if (bytes.Length < LogFormat.SegmentHeaderBytes || !bytes.StartsWith(LogFormat.SegmentMagic)
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes[24..]) != Crc32C.Of(bytes[..24]))
        {
            return false;
        }
        arithmetic = BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]);
        first = BinaryPrimitives.ReadInt64LittleEndian(bytes[12..]);
        crcBefore = BinaryPrimitives.ReadUInt32LittleEndian(bytes[20..]);
        return true;
    }

    private static bool TryFrame(ReadOnlySpan<byte> bytes, out int length, out uint crc, out uint crcBefore, out int count, out long position)
    {
        (length, crc, crcBefore, count, position) = (0, 0, 0, 0, 0);
        if (bytes.Length < LogFormat.FrameHeaderBytes || !bytes.StartsWith(LogFormat.FrameMagic))
            return false;
        uint records = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
        if (records > bytes.Length - LogFormat.FrameHeaderBytes)
            return false;
        length = LogFormat.FrameHeaderBytes + (int)records;
        crc = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        crcBefore = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]);
        count = BinaryPrimitives.ReadInt32LittleEndian(bytes[16..]);
        position = BinaryPrimitives.ReadInt64LittleEndian(bytes[20..]);
        return crc == Crc32C.Of(bytes[12..length]);
    }

    private static bool HasTicks(ReadOnlySpan<byte> records, long position, long after)
    {
        FrameReader frame = new(records, position);
        while (frame.TryRead(out LogRecord record))
        {
            if (record.TickCount > 0 && record.Position > after)
                return true;
            frame.SkipTicks(record.TickCount);
        }
        return false;
    }

    private static InvalidDataException OtherArithmetic(string name, int arithmetic) =>
        new($"{name} was written by arithmetic version {arithmetic}, this build steps by version {LogFormat.ArithmeticVersion} and would give other "
            + "numbers: let the old build start once more and stop it in order (SIGTERM), which leaves a snapshot and nothing to step again; "
            + "or move the data directory away to begin every stream anew");

    /// <summary>True if a complete frame begins anywhere in the bytes.</summary>
    private static bool HasFrame(ReadOnlySpan<byte> bytes)
    {
        for (int at; (at = bytes.IndexOf(LogFormat.FrameMagic)) >= 0; bytes = bytes[(at + 1)..])
        {
            if (TryFrame(bytes[at..], out _, out _, out _, out _, out _))
                return true;
        }
        return false;
    }

    private static InvalidDataException Damaged(string name, long at, long position) =>
        new($"{name} is damaged at byte {at} (position {position}) and good frames follow, so that this is no interrupted write: what follows "
            + "was acknowledged and cannot be stepped without what is missing. Restore the data directory from a copy, or move it away to begin every stream anew");
}
