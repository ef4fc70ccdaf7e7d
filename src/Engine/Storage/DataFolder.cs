using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace StreamRnn.Engine.Storage;

/// <summary>A directory on a disk, for one worker at a time.</summary>
public sealed partial class DataFolder : IDataFiles, IDisposable
{
    /// <summary>Name of the control socket, which is no data file.</summary>
    public const string ControlSocketName = "control";

    private const string LockName = "lock";

    private readonly string _path;
    private readonly FileStream _lock;

    /// <exception cref="CommandFailedException">It cannot be made or written, or another worker has it.</exception>
    public DataFolder(string path)
    {
        _path = Path.GetFullPath(path);
        try
        {
            Directory.CreateDirectory(_path);
            _lock = new FileStream(In(LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException(e is IOException && File.Exists(In(LockName))
                ? $"{_path} is in use by another worker ({e.Message}); give this one a data directory of its own"
                : $"DataDir {_path} cannot be used: {e.Message}");
        }
    }

    public IReadOnlyList<string> List() =>
        [.. Directory.EnumerateFiles(_path).Select(file => Path.GetFileName(file)!).Where(name => name is not (LockName or ControlSocketName)).Order(StringComparer.Ordinal)];

    public byte[] Read(string name) => File.ReadAllBytes(In(name));

    public IDataFile Create(string name, int ahead = 0) => new GrowingFile(In(name), FileMode.Create, FileAccess.ReadWrite, ahead);

    public IDataFile Open(string name) => new GrowingFile(In(name), FileMode.Open, FileAccess.ReadWrite, ahead: 0);

    public IDataFile OpenToRead(string name) => new GrowingFile(In(name), FileMode.Open, FileAccess.Read, ahead: 0);

    public void Rename(string from, string to) => File.Move(In(from), In(to), overwrite: true);

    public void Delete(string name) => File.Delete(In(name));

    public void FlushNames()
    {
        if (OperatingSystem.IsWindows())
            return;   // NTFS logs its names itself, and no program can ask it to hurry
        int folder = OpenFolder(_path, flags: 0);
        if (folder < 0)
            throw new IOException($"{_path} cannot be opened to be flushed: {Marshal.GetLastPInvokeErrorMessage()}");
        try
        {
            if (Fsync(folder) != 0)
                throw new IOException($"{_path} cannot be flushed: {Marshal.GetLastPInvokeErrorMessage()}");
        }
        finally
        {
            _ = Close(folder);
        }
    }

    public void Dispose() => _lock.Dispose();

    private string In(string name) => Path.Combine(_path, name);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFolder(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int FlushData(SafeFileHandle file);

    private sealed class GrowingFile(string path, FileMode mode, FileAccess access, int ahead) : IDataFile
    {
        /// <summary>An append of more than this share of what is kept ahead would have it renewed so often that it costs more than it saves.</summary>
        private const int SmallShare = 16;

        private readonly SafeFileHandle _handle = File.OpenHandle(path, mode, access, FileShare.Read);
        private long _onDisk = new FileInfo(path).Length;

        public long Length { get; private set; } = new FileInfo(path).Length;

        public int Read(long at, Span<byte> to)
        {
            int read = 0;
            for (int more = 1; read < to.Length && more > 0; read += more)
                more = RandomAccess.Read(_handle, to[read..], at + read);
            return read;
        }

        public void Append(ReadOnlySpan<byte> bytes)
        {
            RandomAccess.Write(_handle, bytes, Length);
            Length += bytes.Length;
            if (Length <= _onDisk)
                return;
            _onDisk = Length;
            if (bytes.Length <= ahead / SmallShare)
                KeepAhead();
        }

        public void Write(long at, ReadOnlySpan<byte> bytes)
        {
            RandomAccess.Write(_handle, bytes, at);
            Length = Math.Max(Length, at + bytes.Length);
            _onDisk = Math.Max(_onDisk, Length);
        }

        public void Truncate(long length)
        {
            RandomAccess.SetLength(_handle, length);
            Length = _onDisk = length;
        }

        public void Flush()
        {
            // Times of the file may wait; its length, where it has changed, may not, and does not.
            if (!OperatingSystem.IsLinux())
                RandomAccess.FlushToDisk(_handle);
            else if (FlushData(_handle) != 0)
                throw new IOException($"{path} cannot be flushed: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        public void Dispose() => _handle.Dispose();

        private void KeepAhead()
        {
            try
            {
                RandomAccess.Write(_handle, new byte[ahead], Length);
                _onDisk = Length + ahead;
            }
            catch (IOException)
            {
                // No room for it: the file grows as it is written.
            }
        }
    }
}
