using System.Buffers.Binary;
using System.Text.Json;
using StreamRnn.Engine.Storage;

namespace StreamRnn.Engine.Snapshots;

/// <summary>Reads a snapshot section by section, in a buffer as large as its largest: a snapshot of any size takes little room.</summary>
internal sealed class SnapshotReader : IDisposable
{
    private readonly IDataFile _file;
    private byte[] _content = new byte[64 << 10];
    private long _at;

    public SnapshotReader(IDataFiles files, string name)
    {
        _file = files.OpenToRead(name);
        byte[] magic = new byte[SnapshotFile.Magic.Length];
        IsSnapshot = _file.Read(0, magic) == magic.Length && magic.AsSpan().SequenceEqual(SnapshotFile.Magic);
        _at = magic.Length;
    }

    /// <summary>True if the file begins as a snapshot of this build.</summary>
    public bool IsSnapshot { get; }

    public long Length => _file.Length;

    /// <summary>Reads the next section.</summary>
    /// <param name="content">Until the next is read.</param>
    /// <returns>False where there is none, or it is not whole.</returns>
    public bool TryRead(out SnapshotSection kind, out ReadOnlySpan<byte> content)
    {
        kind = 0;
        content = default;
        Span<byte> header = stackalloc byte[SnapshotFile.SectionHeaderBytes];
        if (!IsSnapshot || _file.Read(_at, header) < header.Length || BinaryPrimitives.ReadUInt32LittleEndian(header[12..]) != Crc32C.Of(header[..12]))
            return false;
        kind = (SnapshotSection)BinaryPrimitives.ReadInt32LittleEndian(header);
        int length = BinaryPrimitives.ReadInt32LittleEndian(header[4..]);
        if (length < 0 || length > _file.Length - _at - header.Length)
            return false;
        if (_content.Length < length)
            _content = new byte[length];
        content = _content.AsSpan(0, _file.Read(_at + header.Length, _content.AsSpan(0, length)));
        _at += header.Length + length;
        return content.Length == length && BinaryPrimitives.ReadUInt32LittleEndian(header[8..]) == Crc32C.Of(content);
    }

    /// <summary>Reads to the end.</summary>
    /// <returns>The head, if every section is whole.</returns>
    public SnapshotHead? Verify()
    {
        SnapshotHead? head = null;
        while (TryRead(out SnapshotSection kind, out ReadOnlySpan<byte> content))
        {
            if (kind == SnapshotSection.Head)
                head = JsonSerializer.Deserialize<SnapshotHead>(content);
            if (kind == SnapshotSection.End)
                return head;
        }
        return null;
    }

    public void Dispose() => _file.Dispose();
}
