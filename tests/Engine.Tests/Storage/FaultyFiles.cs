using System.Runtime.InteropServices;
using StreamRnn.Engine.Storage;

namespace StreamRnn.Engine.Tests.Storage;

/// <summary>
/// A disk in memory that fails on demand. <see cref="AfterKill"/> is what a process that was killed leaves, at any instant; <see
/// cref="AfterPowerLoss"/> what a machine leaves that lost its power: flushed bytes under flushed names, and of the rest some.
/// </summary>
internal sealed class FaultyFiles : IDataFiles
{
    private Dictionary<string, Content> _files = [];
    private Dictionary<string, Content> _safe = [];

    /// <summary>Held while a file changes.</summary>
    public object Lock { get; } = new();

    /// <summary>Bytes that still fit.</summary>
    public long Room { get; set; } = long.MaxValue;

    /// <summary>Writes so far.</summary>
    public int WriteCount { get; private set; }

    /// <summary>A file that has no room left; null for none.</summary>
    public string? FullFile { get; set; }

    public bool FlushFails { get; set; }

    public bool ReadFails { get; set; }

    public bool WriteFails { get; set; }

    /// <summary>Bytes of a file that can be read; the rest is as if it had never been written.</summary>
    public long Readable { get; set; } = long.MaxValue;

    public byte[] this[string name]
    {
        get
        {
            lock (Lock)
                return _files[name].Visible;
        }
        set => _files[name] = _safe[name] = new Content { Bytes = [.. value], FlushedLength = value.Length };
    }

    public FaultyFiles AfterKill()
    {
        FaultyFiles after = new();
        lock (Lock)
        {
            foreach ((string name, Content content) in _files)
                after[name] = content.Visible;
        }
        return after;
    }

    /// <param name="random">How much of what was not flushed has reached the disk all the same; null for nothing of it.</param>
    public FaultyFiles AfterPowerLoss(Random? random = null)
    {
        FaultyFiles after = new();
        lock (Lock)
        {
            foreach ((string name, Content content) in _safe)
            {
                after[name] = content.IsAhead ? OverZeros(content, random) : Grown(content, random);
            }
        }
        return after;
    }

    private static byte[] Grown(Content content, Random? random)
    {
        int unflushed = content.Bytes.Count - content.FlushedLength;
        return [.. content.Bytes.Take(content.FlushedLength + (random?.Next(unflushed + 1) ?? 0))];
    }

    /// <summary>What was written over zeros has reached the disk sector by sector, in any order.</summary>
    private static byte[] OverZeros(Content content, Random? random)
    {
        const int SectorBytes = 512;
        byte[] bytes = content.Visible;
        for (int at = content.FlushedLength, next; at < content.Bytes.Count; at = next)
        {
            next = Math.Min(content.Bytes.Count, (at / SectorBytes + 1) * SectorBytes);
            if (random is null || random.Next(2) == 0)
                bytes.AsSpan(at, next - at).Clear();
        }
        return bytes;
    }

    public IReadOnlyList<string> List()
    {
        lock (Lock)
            return [.. _files.Keys.Order(StringComparer.Ordinal)];
    }

    public byte[] Read(string name) => ReadFails ? throw new IOException($"Input/output error : '{name}'") : this[name];

    public IDataFile Create(string name, int ahead = 0)
    {
        lock (Lock)
            return new Handle(this, name, _files[name] = new Content(), ahead);
    }

    public IDataFile Open(string name) => new Handle(this, name, _files[name], ahead: 0);

    public IDataFile OpenToRead(string name) => Open(name);

    public void Rename(string from, string to)
    {
        lock (Lock)
        {
            _files[to] = _files[from];
            _files.Remove(from);
        }
    }

    public void Delete(string name)
    {
        lock (Lock)
            _files.Remove(name);
    }

    public void FlushNames()
    {
        lock (Lock)
            _safe = new(_files);
    }

    private sealed class Content
    {
        public List<byte> Bytes { get; init; } = [];

        public int FlushedLength { get; set; }

        /// <summary>Length with the zeros ahead.</summary>
        public int OnDisk { get; set; }

        /// <summary>Whether what is not flushed lies over zeros that are.</summary>
        public bool IsAhead { get; set; }

        public byte[] Visible => [.. Bytes, .. new byte[Math.Max(0, OnDisk - Bytes.Count)]];
    }

    private sealed class Handle(FaultyFiles files, string name, Content content, int ahead) : IDataFile
    {
        public long Length => content.Bytes.Count;

        public int Read(long at, Span<byte> to)
        {
            if (files.ReadFails)
                throw new IOException($"Input/output error : '{name}'");
            lock (files.Lock)
            {
                int count = (int)Math.Clamp(Math.Min(files.Readable, content.Bytes.Count) - at, 0, to.Length);
                CollectionsMarshal.AsSpan(content.Bytes).Slice((int)at, count).CopyTo(to);
                return count;
            }
        }

        public void Append(ReadOnlySpan<byte> bytes) => Write(content.Bytes.Count, bytes);

        public void Write(long at, ReadOnlySpan<byte> bytes)
        {
            lock (files.Lock)
            {
                files.WriteCount++;
                if (files.WriteFails)
                    throw new IOException("Input/output error", 5);
                int over = (int)Math.Min(bytes.Length, content.Bytes.Count - at);
                bytes[..over].CopyTo(CollectionsMarshal.AsSpan(content.Bytes)[(int)at..]);
                int fit = (int)Math.Min(bytes.Length - over, name == files.FullFile ? 0 : files.Room);
                content.Bytes.AddRange(bytes.Slice(over, fit));
                files.Room -= fit;
                if (over + fit < bytes.Length)
                    throw new IOException("No space left on device", 28);
                if (content.Bytes.Count > content.OnDisk)
                    (content.OnDisk, content.IsAhead) = (content.Bytes.Count + ahead, false);
            }
        }

        public void Truncate(long length)
        {
            lock (files.Lock)
            {
                files.Room = Math.Min(files.Room, long.MaxValue - content.Bytes.Count) + content.Bytes.Count - length;
                content.Bytes.RemoveRange((int)length, content.Bytes.Count - (int)length);
                content.FlushedLength = Math.Min(content.FlushedLength, (int)length);
                (content.OnDisk, content.IsAhead) = ((int)length, false);
            }
        }

        public void Flush()
        {
            lock (files.Lock)
            {
                if (files.FlushFails)
                    throw new IOException("Input/output error");
                content.FlushedLength = content.Bytes.Count;
                content.IsAhead = content.OnDisk > content.Bytes.Count;
            }
        }

        public void Dispose()
        {
        }
    }
}
