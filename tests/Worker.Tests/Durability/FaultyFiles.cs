using StreamRnn.Worker.Durability;

namespace StreamRnn.Worker.Tests.Durability;

/// <summary>
/// A disk in memory that fails on demand. What was written and not flushed is there until the power goes (<see cref="AfterPowerLoss"/>), and a
/// name is only safe once names were flushed.
/// </summary>
internal sealed class FaultyFiles : IDataFiles
{
    private readonly Dictionary<string, Content> _files = [];
    private HashSet<string> _safeNames = [];

    /// <summary>Bytes that still fit.</summary>
    public long Room { get; set; } = long.MaxValue;

    public bool FlushFails { get; set; }

    public bool ReadFails { get; set; }

    public int FlushCount { get; private set; }

    public byte[] this[string name]
    {
        get => [.. _files[name].Bytes];
        set => _files[name] = new Content { Bytes = [.. value], FlushedLength = value.Length };
    }

    public FaultyFiles Copy()
    {
        FaultyFiles copy = new();
        foreach (string name in List())
            copy[name] = this[name];
        return copy;
    }

    /// <summary>What is there when the power comes back: flushed bytes under flushed names.</summary>
    public FaultyFiles AfterPowerLoss()
    {
        FaultyFiles copy = new();
        foreach (string name in _safeNames.Where(_files.ContainsKey))
            copy[name] = [.. _files[name].Bytes.Take(_files[name].FlushedLength)];
        return copy;
    }

    public IReadOnlyList<string> List()
    {
        lock (_files)
            return [.. _files.Keys.Order(StringComparer.Ordinal)];
    }

    public byte[] Read(string name) => ReadFails ? throw new IOException($"Input/output error : '{name}'") : this[name];

    public IDataFile Create(string name)
    {
        lock (_files)
            _files[name] = new Content();
        return new Handle(this, _files[name]);
    }

    public IDataFile Open(string name) => new Handle(this, _files[name]);

    public void Rename(string from, string to)
    {
        lock (_files)
        {
            _files[to] = _files[from];
            _files.Remove(from);
        }
    }

    public void Delete(string name)
    {
        lock (_files)
            _files.Remove(name);
    }

    public void FlushNames() => _safeNames = [.. List()];

    private sealed class Content
    {
        public List<byte> Bytes { get; init; } = [];

        public int FlushedLength { get; set; }
    }

    private sealed class Handle(FaultyFiles files, Content content) : IDataFile
    {
        public long Length => content.Bytes.Count;

        public void Append(ReadOnlySpan<byte> bytes)
        {
            int fit = (int)Math.Min(bytes.Length, files.Room);
            content.Bytes.AddRange(bytes[..fit]);
            files.Room -= fit;
            if (fit < bytes.Length)
                throw new IOException("No space left on device", 28);
        }

        public void Truncate(long length)
        {
            files.Room += content.Bytes.Count - length;
            content.Bytes.RemoveRange((int)length, content.Bytes.Count - (int)length);
        }

        public void Flush()
        {
            if (files.FlushFails)
                throw new IOException("Input/output error");
            content.FlushedLength = content.Bytes.Count;
            files.FlushCount++;
        }

        public void Dispose()
        {
        }
    }
}
