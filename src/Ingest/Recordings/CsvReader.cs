using System.IO.Compression;

namespace StreamRnn.Ingest.Recordings;

/// <summary>
/// Reads the rows of a CSV file (RFC 4180, also gzip-compressed, by the ending .gz) as views into one buffer. Separator is the first row's
/// most frequent of comma, semicolon and tab; a byte order mark is skipped; quoted fields may hold separators, line ends and "".
/// </summary>
/// <remarks>Only the longest row is held in memory. An empty line is a row where the file has one column and nothing otherwise.</remarks>
internal sealed class CsvReader : IDisposable
{
    /// <summary>A longer row is a quotation mark that was never closed.</summary>
    public const int LongestRowBytes = 1 << 20;

    private readonly Stream _stream;
    private readonly string _path;
    private byte[] _buffer = new byte[1 << 16];
    private int[] _ends = new int[16];    // of each field of the row
    private int[] _starts = new int[16];
    private int _read;
    private int _filled;
    private bool _atEnd;
    private byte _separator;
    private long _nextLine = 1;
    private int _columns;

    public CsvReader(string path)
    {
        _path = path;
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
        _stream = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionMode.Decompress) : file;
    }

    /// <summary>Number of the row's first line in the file, from 1.</summary>
    public long Line { get; private set; }

    public int FieldCount { get; private set; }

    /// <summary>A field of the row, without its quotation marks; empty beyond the last. Valid until the next row is read.</summary>
    public ReadOnlySpan<byte> Field(int index) =>
        index < FieldCount ? _buffer.AsSpan(_starts[index], _ends[index] - _starts[index]) : default;

    /// <summary>Reads the next row.</summary>
    /// <returns>False at the end of the file.</returns>
    /// <exception cref="InvalidDataException">The file is no CSV, or damaged; the message names file and line.</exception>
    public bool TryRead()
    {
        while (true)
        {
            int length = FindRow(out int lines, out int next);
            if (length < 0)
                return false;
            Line = _nextLine;
            _nextLine += lines;
            Span<byte> row = _buffer.AsSpan(_read, length);
            int start = _read;
            _read = next;
            if (_separator == 0)
            {
                if (row is [0xEF, 0xBB, 0xBF, ..])
                {
                    row = row[3..];
                    start += 3;
                }
                _separator = MostFrequentSeparator(row);
            }
            if (row.IsEmpty && _columns != 1)
                continue;
            Split(row, start);
            if (_columns == 0)
                _columns = FieldCount;
            return true;
        }
    }

    public void Dispose() => _stream.Dispose();

    /// <summary>Finds the end of the row that begins at _read, filling the buffer as far as need be.</summary>
    /// <returns>Its length without the line end, or -1 at the end of the file.</returns>
    private int FindRow(out int lines, out int next)
    {
        bool quoted = false;
        int at = _read;
        lines = 0;
        while (true)
        {
            while (at < _filled)
            {
                int found = _buffer.AsSpan(at, _filled - at).IndexOfAny((byte)'\n', (byte)'"');
                if (found < 0)
                {
                    at = _filled;
                    break;
                }
                at += found + 1;
                if (_buffer[at - 1] == '"')
                {
                    quoted = !quoted;   // "" turns twice
                    continue;
                }
                lines++;
                if (quoted)
                    continue;
                next = at;
                int length = at - 1 - _read;
                return length > 0 && _buffer[at - 2] == '\r' ? length - 1 : length;
            }

            int scanned = at - _read;
            if (!Fill())
            {
                next = _filled;
                lines++;
                if (quoted)
                    throw new InvalidDataException($"{_path}: line {_nextLine}: a quotation mark is opened and never closed.");
                return _filled == _read ? -1 : _filled - _read;
            }
            at = _read + scanned;
        }
    }

    /// <summary>Reads more, moving what is left to the front.</summary>
    private bool Fill()
    {
        if (_atEnd)
            return false;
        if (_read > 0)
        {
            _buffer.AsSpan(_read, _filled - _read).CopyTo(_buffer);
            (_filled, _read) = (_filled - _read, 0);
        }
        if (_filled == _buffer.Length)
        {
            if (_filled >= LongestRowBytes)
                throw new InvalidDataException($"{_path}: line {_nextLine}: a row of more than {LongestRowBytes} bytes; is a quotation mark missing?");
            Array.Resize(ref _buffer, 2 * _buffer.Length);
        }

        try
        {
            int count = _stream.Read(_buffer, _filled, _buffer.Length - _filled);
            _filled += count;
            _atEnd = count == 0;
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{_path}: not readable as gzip ({e.Message}); was the copy interrupted?", e);
        }
        return !_atEnd;
    }

    private static byte MostFrequentSeparator(ReadOnlySpan<byte> header)
    {
        int commas = header.Count((byte)','), semicolons = header.Count((byte)';'), tabs = header.Count((byte)'\t');
        return commas >= semicolons && commas >= tabs ? (byte)',' : semicolons >= tabs ? (byte)';' : (byte)'\t';
    }

    private void Split(Span<byte> row, int offset)
    {
        FieldCount = 0;
        int at = 0;
        while (true)
        {
            int start = at, end;
            if (at < row.Length && row[at] == '"')
            {
                // The field is compacted in place: "" becomes ".
                start = end = ++at;
                for (; at < row.Length; at++)
                {
                    if (row[at] == '"' && (++at == row.Length || row[at] != '"'))
                        break;
                    row[end++] = row[at];
                }
                at += IndexOfSeparator(row[at..]);   // whatever stands after the closing mark is dropped
            }
            else
            {
                end = at += IndexOfSeparator(row[at..]);
            }

            AddField(offset + start, offset + end);
            if (at == row.Length)
                return;
            at++;   // the separator; where the row ends with it, one more field follows, empty
        }
    }

    private int IndexOfSeparator(ReadOnlySpan<byte> rest)
    {
        int index = rest.IndexOf(_separator);
        return index < 0 ? rest.Length : index;
    }

    private void AddField(int start, int end)
    {
        if (FieldCount == _starts.Length)
        {
            Array.Resize(ref _starts, 2 * FieldCount);
            Array.Resize(ref _ends, 2 * FieldCount);
        }
        (_starts[FieldCount], _ends[FieldCount++]) = (start, end);
    }
}
