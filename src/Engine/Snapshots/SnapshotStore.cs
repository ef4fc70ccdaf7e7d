using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Serving;
using StreamRnn.Engine.Storage;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Engine.Snapshots;

/// <summary>Visits each saved row.</summary>
public delegate void RowVisitor(int stream, int kind, ReadOnlySpan<float> row);

/// <summary>
/// The snapshots of a data directory. A snapshot stands alone or adds to the one before it; the two newest are kept with all they need, and
/// the log from the older of them on, so that one file gone bad costs a longer replay and nothing else.
/// </summary>
public sealed class SnapshotStore(IDataFiles files)
{
    // Each is a file to be read at a restart.
    private const int MostParts = 16;

    /// <summary>Positions of the snapshots, with the position each adds to.</summary>
    private readonly SortedDictionary<long, long> _bases = [];

    private long _aloneBytes;
    private long _addedBytes;
    private int _parts;

    /// <summary>True if the next snapshot should be a full one: the increments on the last one are as large as it, or many.</summary>
    public bool IsLongChain => _addedBytes >= _aloneBytes || _parts >= MostParts;

    /// <summary>Finds the newest snapshot that is whole, with everything it adds to; forgets the others.</summary>
    /// <returns>Its parts, the one that stands alone first; empty where there is none.</returns>
    public IReadOnlyList<SnapshotHead> Find()
    {
        foreach (string name in files.List())
        {
            if (SnapshotFile.TryParse(name, out long position, out long @base))
                _bases[position] = @base;
        }
        foreach (long position in _bases.Keys.Reverse().ToArray())
        {
            if (TryFollow(position, out List<SnapshotHead> parts))
                return parts;
            _bases.Remove(position);
        }
        return [];
    }

    private bool TryFollow(long position, out List<SnapshotHead> parts)
    {
        parts = [];
        (_addedBytes, _aloneBytes) = (0, 0);
        for (long at = position; at != 0;)
        {
            if (!_bases.TryGetValue(at, out long @base))
                return false;
            using SnapshotReader reader = new(files, SnapshotFile.Name(at, @base));
            if (reader.Verify() is not SnapshotHead head || head.Position != at || head.Base != @base)
                return false;
            parts.Insert(0, head);
            (_addedBytes, _aloneBytes) = @base == 0 ? (_addedBytes, reader.Length) : (_addedBytes + reader.Length, 0);
            at = @base;
        }
        _parts = parts.Count;
        return true;
    }

    /// <summary>Brings names, sessions and rows back.</summary>
    /// <param name="parts">From <see cref="Find"/>.</param>
    /// <exception cref="InvalidDataException">A part is not as it was found.</exception>
    public void Load(IReadOnlyList<SnapshotHead> parts, LogIndex state, ISessionJournal? sessions, RowVisitor visit)
    {
        foreach (SnapshotHead part in parts)
        {
            using SnapshotReader reader = new(files, SnapshotFile.Name(part.Position, part.Base));
            (bool newest, bool isWhole) = (part == parts[^1], false);
            while (!isWhole && reader.TryRead(out SnapshotSection kind, out ReadOnlySpan<byte> content))
            {
                switch (kind)
                {
                    case SnapshotSection.Streams:
                        LoadNames(content, state);
                        break;
                    case SnapshotSection.Sources when newest:
                        SourceTable.Read(content.ToArray(), state);
                        break;
                    case SnapshotSection.BrokerSessions when newest:
                        sessions?.Read(content);
                        break;
                    case SnapshotSection.Rows:
                        LoadRows(content, part.Plan, visit);
                        break;
                    case SnapshotSection.End:
                        isWhole = true;
                        break;
                }
            }
            if (!isWhole)
            {
                throw new InvalidDataException($"{SnapshotFile.Name(part.Position, part.Base)} was whole and, read again, is not: the disk does not give back the same bytes "
                    + "each time. Look at it before starting the worker again");
            }
        }
    }

    /// <summary>Begins a snapshot.</summary>
    public IDataFile Create(SnapshotHead head)
    {
        IDataFile file = files.Create(SnapshotFile.UnfinishedName);
        try
        {
            file.Append(SnapshotFile.Magic);
            SnapshotFile.Append(file, SnapshotSection.Head, JsonSerializer.SerializeToUtf8Bytes(head));
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Makes a snapshot count, now that all of it is written.</summary>
    /// <returns>Its bytes.</returns>
    public long Publish(IDataFile file, SnapshotHead head, long rowCount)
    {
        Span<byte> rows = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(rows, rowCount);
        SnapshotFile.Append(file, SnapshotSection.End, rows);
        file.Flush();
        long bytes = file.Length;
        file.Dispose();
        files.Rename(SnapshotFile.UnfinishedName, SnapshotFile.Name(head.Position, head.Base));
        files.FlushNames();
        _bases[head.Position] = head.Base;
        (_aloneBytes, _addedBytes, _parts) = head.Base == 0 ? (bytes, 0, 1) : (_aloneBytes, _addedBytes + bytes, _parts + 1);
        return bytes;
    }

    /// <summary>Removes one that was begun: its room may be what the log lacks.</summary>
    public void RemoveUnfinished() => files.Delete(SnapshotFile.UnfinishedName);

    /// <summary>Removes what the two newest snapshots do not need: older snapshots, and the log up to the older of the two.</summary>
    public void RemoveOld()
    {
        long[] newest = [.. _bases.Keys.Reverse().Take(2)];
        if (newest.Length < 2)
            return;
        HashSet<long> needed = [];
        foreach (long position in newest)
        {
            for (long at = position; at != 0; at = _bases.GetValueOrDefault(at))
                needed.Add(at);
        }
        foreach ((long position, long @base) in _bases.Where(entry => !needed.Contains(entry.Key)).ToArray())
        {
            files.Delete(SnapshotFile.Name(position, @base));
            _bases.Remove(position);
        }

        string[] segments = [.. files.List().Where(LogFormat.IsSegment)];
        for (int i = 0; i + 1 < segments.Length; i++)
        {
            if (LogFormat.FirstPosition(segments[i + 1]) <= newest[1] + 1)
                files.Delete(segments[i]);
        }
    }

    private static void LoadNames(ReadOnlySpan<byte> names, LogIndex state)
    {
        while (!names.IsEmpty)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(names);
            if (!state.Directory.TryRestore(names.Slice(4, length), BinaryPrimitives.ReadUInt16LittleEndian(names[2..])))
                throw new InvalidDataException("the snapshot names a stream twice; restore the data directory from a copy");
            state.DefinedStreams++;
            names = names[(4 + length)..];
        }
    }

    private static void LoadRows(ReadOnlySpan<byte> rows, ServingPlan plan, RowVisitor visit)
    {
        while (!rows.IsEmpty)
        {
            int stream = BinaryPrimitives.ReadInt32LittleEndian(rows);
            int kind = BinaryPrimitives.ReadInt32LittleEndian(rows[4..]);
            int bytes = plan.RowFloats(kind) * sizeof(float);
            visit(stream, kind, MemoryMarshal.Cast<byte, float>(rows.Slice(8, bytes)));
            rows = rows[(8 + bytes)..];
        }
    }
}
