using System.Runtime.InteropServices;
using System.Text;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Recording;

/// <summary>
/// Recordings as files, one for each life of a stream's state: row k is its tick n = k, or n = N + k - 1 in a file NAME~PART@N that could not
/// begin with the first. So the rows of a file say which ticks are there, and what is stepped again after a kill is not written again.
/// </summary>
/// <remarks>For one thread. Memory: 48 bytes a stream. A torn last row, and zeros where the power went, are cut off when the file is opened.</remarks>
public sealed class RecordingFolder : IDisposable
{
    /// <summary>Files held open; a system gives a process 1024 or more in all.</summary>
    public const int MaximumOpenFiles = 128;

    private const string Ending = ".csv";

    private readonly string _folder;
    private readonly StreamDirectory _names;
    private readonly bool _resumes;
    private readonly Func<string, Stream> _open;
    private readonly FileStream _lock;
    private readonly Dictionary<string, (int Part, long First)> _laterParts = [];
    private readonly (Stream? File, int Stream)[] _files = new (Stream?, int)[MaximumOpenFiles];
    private readonly byte[] _rows = new byte[64 << 10];
    private readonly byte[] _scan = new byte[64 << 10];
    private Entry[] _entries = new Entry[64];
    private int _nextFile;
    private int _current = -1;
    private int _used;
    private int _usedTicks;

    /// <param name="resumes">True if states outlive the process: a stream's n then continues where its file ends, and some ticks come
    /// again.</param>
    /// <param name="open">Opens or creates a file to be read and written; null for the file system's.</param>
    /// <exception cref="CommandFailedException">It cannot be made or written, or another worker records there.</exception>
    public RecordingFolder(string folder, StreamDirectory names, bool resumes, Func<string, Stream>? open = null)
    {
        (_folder, _names, _resumes) = (Path.GetFullPath(folder), names, resumes);
        _open = open ?? (path => new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0));
        string lockPath = Path.Combine(_folder, ".lock");
        try
        {
            Directory.CreateDirectory(_folder);
            _lock = new FileStream(lockPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException(e is IOException && File.Exists(lockPath)
                ? $"{_folder} is recorded to by another worker ({e.Message}); give this one a folder of its own"
                : $"Record {_folder} cannot be used: {e.Message}");
        }
        foreach (string path in Directory.EnumerateFiles(_folder, "*~*" + Ending, SearchOption.AllDirectories))
        {
            string relative = Path.GetRelativePath(_folder, path).Replace('\\', '/')[..^Ending.Length];
            if (RecordingPath.TrySplit(relative, out string stream, out int part, out long first)
                && (!_laterParts.TryGetValue(stream, out (int Part, long) known) || known.Part < part))
            {
                _laterParts[stream] = (part, first);
            }
        }
    }

    /// <summary>Ticks in the files, those included that were there before.</summary>
    public long WrittenCount { get; private set; }

    /// <summary>Files that could not begin with the first tick of a state's life: a replay of one begins anew in the middle.</summary>
    public long GapCount { get; private set; }

    /// <summary>The stream whose file was the last such; empty for none.</summary>
    public string LastGap { get; private set; } = "";

    /// <summary>Adds a tick; quickest with those of a stream one after the other. In the files after <see cref="Flush"/>.</summary>
    /// <exception cref="IOException">The disk is full, or the file cannot be written.</exception>
    public void Add(in RecordedTick tick)
    {
        if (tick.Stream != _current)
        {
            Flush();
            _current = tick.Stream;
        }
        ref Entry entry = ref EntryOf(tick.Stream);
        if (entry.Part == 0)
            Find(ref entry, in tick);
        else if (tick.N <= entry.Last || tick.N > entry.Next)
            Begin(ref entry, in tick);
        entry.Last = tick.N;
        if (tick.N < entry.Next)
        {
            WrittenCount++;   // by an earlier run
            return;
        }
        if (_rows.Length - _used < RecordedTick.LongestRow)
            Flush();
        _used += tick.Write(_rows.AsSpan(_used));
        _usedTicks++;
        entry.Next++;
    }

    /// <summary>Writes what has been gathered.</summary>
    public void Flush()
    {
        if (_used == 0)
            return;
        ref Entry entry = ref _entries[_current];
        Stream file = FileOf(_current, ref entry);
        try
        {
            file.Position = entry.Bytes;
            file.Write(_rows, 0, _used);
        }
        catch (IOException)
        {
            Cut(file, entry.Bytes);
            throw;
        }
        entry.Bytes += _used;
        WrittenCount += _usedTicks;
        (_used, _usedTicks) = (0, 0);
    }

    public void Dispose()
    {
        foreach ((Stream? file, _) in _files)
            file?.Dispose();
        _lock.Dispose();
    }

    /// <summary>Half a row is cut off when the file is opened next, if it cannot be now.</summary>
    private static void Cut(Stream file, long bytes)
    {
        try
        {
            file.SetLength(bytes);
        }
        catch (IOException)
        {
            // The disk is worse than full.
        }
    }

    /// <summary>Opens the file of a stream's first tick in this run: the last one, continued, or a new one.</summary>
    private void Find(ref Entry entry, in RecordedTick tick)
    {
        string path = RecordingPath.Of(_names.Utf8Name(tick.Stream));
        (entry.Part, entry.First) = _laterParts.TryGetValue(path, out (int Part, long First) later) ? later : (1, 1);
        if (!File.Exists(PathOf(path, entry)))
        {
            entry.Part--;
            Begin(ref entry, in tick);
            return;
        }

        Stream file = FileOf(tick.Stream, ref entry);
        (long rows, long bytes, long rowAt) = Scan(file, tick.N - entry.First);
        if (rows < 0 && bytes == 0 && tick.N == entry.First)
        {
            entry.Part--;   // not even its header is whole
            Begin(ref entry, in tick);
            return;
        }
        entry.Next = entry.First + Math.Max(rows, 0);
        entry.Bytes = bytes;
        bool goesOn = rows >= 0 && tick.N switch
        {
            _ when !_resumes => rows == 0 && tick.N == entry.First,
            long n when n < entry.First => n != 1,
            long n when n < entry.Next => Holds(file, rowAt, in tick),
            long n => n == entry.Next,
        };
        if (rows >= 0 && file.Length > bytes)
            file.SetLength(bytes);
        if (!goesOn)
            Begin(ref entry, in tick);
    }

    /// <summary>The stream's next file.</summary>
    private void Begin(ref Entry entry, in RecordedTick tick)
    {
        Flush();
        Close(ref entry);
        entry.Part++;
        entry.First = entry.Next = tick.N;
        if (tick.N != 1)
        {
            GapCount++;
            LastGap = _names.Name(tick.Stream);
        }

        string path = RecordingPath.Of(_names.Utf8Name(tick.Stream));
        string full = PathOf(path, entry);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        if (RecordingPath.IsShortened(path))
            File.WriteAllText(Path.Combine(_folder, path + ".name"), _names.Name(tick.Stream) + "\n", Encoding.UTF8);
        Stream file = FileOf(tick.Stream, ref entry);
        try
        {
            file.SetLength(0);
            file.Position = 0;
            file.Write(RecordedTick.Header);
        }
        catch (IOException)
        {
            Cut(file, 0);
            throw;
        }
        entry.Bytes = RecordedTick.Header.Length;
    }

    /// <summary>Counts the whole rows of a file.</summary>
    /// <returns>-1 rows where it has not our header; bytes up to the last whole row; where the wanted row begins, or -1.</returns>
    private (long Rows, long Bytes, long RowAt) Scan(Stream file, long wanted)
    {
        long lines = 0, at = 0, bytes = 0, rowAt = -1;
        bool isOurs = true;
        file.Position = 0;
        for (int read; isOurs && (read = file.ReadAtLeast(_scan, _scan.Length, throwOnEndOfStream: false)) > 0; at += read)
        {
            ReadOnlySpan<byte> block = _scan.AsSpan(0, read);
            int zero = block.IndexOf((byte)0);
            if (zero >= 0)
                block = block[..zero];
            if (at == 0)
                isOurs = block.StartsWith(RecordedTick.Header) || RecordedTick.Header.StartsWith(block);
            for (int end = 0, found; (found = block[end..].IndexOf((byte)'\n')) >= 0;)
            {
                end += found + 1;
                bytes = at + end;
                if (++lines == wanted + 1)
                    rowAt = bytes;
            }
            if (zero >= 0)
                break;
        }
        return isOurs ? (lines - 1, bytes, rowAt) : (-1, -1, -1);
    }

    /// <summary>True if a row is this tick; else another life of the state has begun.</summary>
    private static bool Holds(Stream file, long rowAt, in RecordedTick tick)
    {
        Span<byte> expected = stackalloc byte[RecordedTick.LongestRow], found = stackalloc byte[RecordedTick.LongestRow];
        int length = tick.Write(expected);
        file.Position = rowAt;
        return file.ReadAtLeast(found[..length], length, throwOnEndOfStream: false) == length && found[..length].SequenceEqual(expected[..length]);
    }

    private Stream FileOf(int stream, ref Entry entry)
    {
        if (entry.File > 0 && _files[entry.File - 1] is (Stream open, int owner) && owner == stream)
            return open;
        int place = _nextFile;
        _nextFile = (place + 1) % _files.Length;
        _files[place].File?.Dispose();
        _files[place] = default;
        Stream file = _open(PathOf(RecordingPath.Of(_names.Utf8Name(stream)), entry));
        _files[place] = (file, stream);
        entry.File = place + 1;
        return file;
    }

    private void Close(ref Entry entry)
    {
        if (entry.File == 0)
            return;
        ref (Stream? File, int Stream) place = ref _files[entry.File - 1];
        if (place.Stream == _current)
        {
            place.File?.Dispose();
            place = default;
        }
        entry.File = 0;
    }

    private string PathOf(string path, in Entry entry) => Path.Combine(_folder, path + RecordingPath.Suffix(entry.Part, entry.First) + Ending);

    private ref Entry EntryOf(int stream)
    {
        if (stream >= _entries.Length)
            Array.Resize(ref _entries, Math.Max(stream + 1, 2 * _entries.Length));
        return ref _entries[stream];
    }

    /// <summary>Known facts about a stream's last file.</summary>
    [StructLayout(LayoutKind.Auto)]
    private struct Entry
    {
        /// <summary>The n of the row that comes next, and of the first.</summary>
        public long Next, First;

        /// <summary>The last n seen in this run.</summary>
        public long Last;

        /// <summary>Length of the file.</summary>
        public long Bytes;

        /// <summary>Number of the file; 0 where nothing has been looked at.</summary>
        public int Part;

        /// <summary>Index in the open files, plus 1; 0 for none. It may be another stream's by now.</summary>
        public int File;
    }
}
