namespace StreamRnn.Engine.Storage;

/// <summary>
/// The files of a data directory: everything durable goes through here and nothing else, so that tests can tear a write, fill the disk and
/// fail an fsync. Every member may throw an <see cref="IOException"/>.
/// </summary>
public interface IDataFiles
{
    /// <summary>Names of the files that are there, in ordinal order.</summary>
    IReadOnlyList<string> List();

    byte[] Read(string name);

    /// <summary>An empty file; one that was there is replaced.</summary>
    /// <param name="ahead">
    /// Zeros to keep on the disk behind the end while appends are small. An append into them changes no length, and a flush then writes the
    /// appended blocks and nothing of the file system's own. A reader sees them; they go with <see cref="IDataFile.Truncate"/>.
    /// </param>
    IDataFile Create(string name, int ahead = 0);

    IDataFile Open(string name);

    /// <summary>Opens a file that is only to be read.</summary>
    IDataFile OpenToRead(string name);

    /// <summary>Gives a file another name; one that had it is gone. At any instant either is there.</summary>
    void Rename(string from, string to);

    void Delete(string name);

    /// <summary>Returns when the names are on the disk: a new file is not safe before.</summary>
    void FlushNames();
}

/// <summary>A file that grows at its end.</summary>
public interface IDataFile : IDisposable
{
    /// <summary>Bytes appended so far.</summary>
    long Length { get; }

    /// <returns>Bytes read; fewer than asked for only where the file ends.</returns>
    int Read(long at, Span<byte> to);

    /// <summary>Writes over what is there, and on beyond the end.</summary>
    void Write(long at, ReadOnlySpan<byte> bytes);

    void Append(ReadOnlySpan<byte> bytes);

    void Truncate(long length);

    /// <summary>
    /// Returns when all bytes are on the disk. After a failure the content of the disk is unknown: do not repeat the call.
    /// </summary>
    void Flush();
}

internal static class DiskFull
{
    /// <summary>True if a write failed for want of room: it may be repeated.</summary>
    public static bool IsDiskFull(this IOException e) => OperatingSystem.IsWindows()
        ? (e.HResult & 0xFFFF) is 112 or 39   // ERROR_DISK_FULL, ERROR_HANDLE_DISK_FULL
        : e.HResult is 28 or 122;             // ENOSPC, EDQUOT
}
