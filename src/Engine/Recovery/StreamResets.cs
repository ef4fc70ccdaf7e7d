using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Snapshots;
using StreamRnn.Engine.Storage;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Recovery;

/// <summary>
/// Resets streams through the log, so that after a restart the reset happens again at the same place among a stream's ticks.
/// </summary>
public static class StreamResets
{
    /// <summary>In a log that a worker writes. Each stream begins anew at a place of its own.</summary>
    /// <returns>Streams that matched, when all of it is on the disk; null where the worker takes nothing more in.</returns>
    public static int? Append(InputLog log, TickRouter router, StreamPattern pattern)
    {
        (int count, long last) = (0, 0);
        int streams = log.DefinedStreams;
        PacketBlocks message = new();
        for (int stream = 0; stream < streams; stream++)
        {
            if (!pattern.Matches(log.Directory.Name(stream)))
                continue;
            router.Reserve(message, TickBlockKind.Reset, stream);
            last = log.Reset(stream, position => message.Write(position));
            if (last == 0)
            {
                message.Release();
                return null;
            }
            count++;
        }
        log.WaitUntilDurable(last);
        return count;
    }

    /// <summary>Resets all matching streams in the directory of a stopped worker, in a separate frame.</summary>
    /// <returns>Streams that matched.</returns>
    /// <exception cref="InvalidDataException">The log is damaged; says what to do.</exception>
    public static int Append(IDataFiles files, StreamPattern pattern)
    {
        LogIndex state = new(new StreamDirectory(StreamDirectory.MaximumLimit), redeliveryCapacity: 4096);
        SnapshotStore store = new(files);
        IReadOnlyList<SnapshotHead> snapshot = store.Find();
        store.Load(snapshot, state, sessions: null, (_, _, _) => { });
        long after = snapshot.Count > 0 ? snapshot[^1].Position : 0;
        LogReader reader = new(files);
        LogEnd end = reader.Read(after, (records, position) => Apply(records, position, after, state));

        FrameBuffer frame = new();
        frame.Begin(end.NextPosition);
        for (int stream = 0; stream < state.DefinedStreams; stream++)
        {
            if (pattern.Matches(state.Directory.Name(stream)))
                frame.Reset(stream);
        }
        if (frame.Count > 0)
        {
            reader.Repair(end);
            Write(files, frame, end);
        }
        return frame.Count;
    }

    private static void Apply(ReadOnlySpan<byte> records, long position, long after, LogIndex state)
    {
        FrameReader frame = new(records, position);
        while (frame.TryRead(out LogRecord record))
        {
            if (record.TickCount > 0)
                frame.SkipTicks(record.TickCount);
            else if (record.Position > after)
                state.Apply(in record);
        }
    }

    private static void Write(IDataFiles files, FrameBuffer frame, LogEnd end)
    {
        string name = LogFormat.SegmentName(end.NextPosition);
        frame.Seal(end.Crc);
        try
        {
            using IDataFile segment = files.Create(name);
            segment.Append(LogFormat.SegmentHeader(end.NextPosition, end.Crc));
            segment.Append(frame.Bytes);
            segment.Flush();
        }
        catch (IOException)
        {
            files.Delete(name);
            throw;
        }
        files.FlushNames();
    }
}
