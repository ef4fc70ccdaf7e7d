using System.Text;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Payloads;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Ingest.Recordings;

/// <summary>Choices for reading a recording whose header does not settle them.</summary>
public sealed record RecordingOptions
{
    /// <summary>The column of the event time; null finds it by name.</summary>
    public string? TimeColumn { get; init; }

    /// <summary>The columns of values; empty takes all that hold numbers.</summary>
    public IReadOnlyList<string> ValueColumns { get; init; } = [];

    /// <summary>Zone of times in text that name none.</summary>
    public TimeZoneInfo TimeZone { get; init; } = TimeZoneInfo.Utc;
}

/// <summary>
/// One CSV file as a sequence of rows: a time, kept as it is written, and one value per value column.
/// </summary>
/// <remarks>
/// The time column is the first of timestamp, time, date, ts, month and datetime, in any case and also with its unit as in <c>time_ms</c>,
/// whose first rows, if there are any, hold times. Without one the rows are a second apart from 1970 on, and the row's number stands for the text. A column
/// whose first rows hold text and no number is no value column unless it is asked for.
/// </remarks>
public sealed class CsvRecording : IDisposable
{
    private const int SampledRows = 100;
    private static readonly string[] TimeNames = ["timestamp", "time", "date", "ts", "month", "datetime"];

    private readonly CsvReader _reader;
    private readonly RecordingOptions _options;
    private readonly int _timeColumn;
    private readonly TimeUnit _timeUnit;
    private readonly int[] _valueColumns;
    private readonly byte[] _rowNumber = new byte[20];
    private int _rowNumberLength;

    private CsvRecording(string path, RecordingOptions options)
    {
        Path = path;
        _options = options;
        Sample sample = Sample.Of(path, options.TimeZone);
        _timeColumn = ChooseTimeColumn(sample);
        TimeColumn = _timeColumn < 0 ? null : sample.Header[_timeColumn];
        _timeUnit = TimeColumn is null ? TimeUnit.ByMagnitude : UnitOf(TimeColumn, out _);
        _valueColumns = ChooseValueColumns(sample);
        ValueColumns = [.. _valueColumns.Select(column => sample.Header[column])];
        SkippedColumns = [.. sample.Header.Where((_, column) => column != _timeColumn && !_valueColumns.Contains(column))];
        _reader = new CsvReader(path);
        _reader.TryRead();
    }

    public string Path { get; }

    /// <summary>Name of the time column; null where rows are numbered.</summary>
    public string? TimeColumn { get; }

    public IReadOnlyList<string> ValueColumns { get; }

    /// <summary>Columns that are neither time nor value.</summary>
    public IReadOnlyList<string> SkippedColumns { get; }

    /// <summary>Rows read so far.</summary>
    public long RowCount { get; private set; }

    /// <summary>Line of the row in the file, from 1.</summary>
    public long Line => _reader.Line;

    /// <summary>The row's time as it is written, UTF-8; its number, from 0, where the file has no time.</summary>
    public ReadOnlySpan<byte> TimeText => _timeColumn < 0 ? _rowNumber.AsSpan(0, _rowNumberLength) : _reader.Field(_timeColumn);

    /// <summary>The row's event time, nanoseconds since 1970 UTC.</summary>
    public long Time { get; private set; }

    /// <summary>Reason that no value of this row can be stepped; none if its time is good.</summary>
    public TickFault TimeFault { get; private set; }

    /// <summary>Text of a file as a message can show it: control characters are escaped, what is long is cut.</summary>
    public static string Shown(string text)
    {
        const int Longest = 40;
        string cut = text.Length <= Longest ? text : text[..Longest] + "...";
        return string.Concat(cut.Select(c => char.IsControl(c) ? $"\\x{(int)c:x2}" : c.ToString()));
    }

    /// <summary>The first of several texts.</summary>
    public static string Shown(IReadOnlyList<string> texts)
    {
        const int Most = 20;
        return string.Join(", ", texts.Take(Most).Select(Shown)) + (texts.Count > Most ? $" and {texts.Count - Most} more" : "");
    }

    /// <exception cref="InvalidDataException">The file is no CSV with these columns; the message says what to do.</exception>
    public static CsvRecording Open(string path, RecordingOptions? options = null) => new(path, options ?? new RecordingOptions());

    /// <summary>Reads the next row.</summary>
    /// <returns>False at the end of the file.</returns>
    public bool TryRead()
    {
        if (!_reader.TryRead())
            return false;
        if (_timeColumn < 0)
        {
            RowCount.TryFormat(_rowNumber, out _rowNumberLength);
            (Time, TimeFault) = (RowCount * EventTime.NanosecondsPerSecond, TickFault.None);
        }
        else
        {
            bool read = EventTime.TryParse(_reader.Field(_timeColumn).Trim(" "u8), _options.TimeZone, _timeUnit, out long time);
            (Time, TimeFault) = (time, read ? TickFault.None : TickFault.MalformedTime);
        }
        RowCount++;
        return true;
    }

    /// <summary>The value in one of the value columns.</summary>
    /// <returns>The reason why the row cannot be stepped: a gap, text, NaN, or an unreadable time.</returns>
    public TickFault TryGetValue(int column, out double value)
    {
        TickFault fault = PlainPayload.TryParse(ValueText(column), out value);
        return fault == TickFault.None ? TimeFault : fault;
    }

    /// <summary>Text of one of the value columns, UTF-8, without white space around it.</summary>
    public ReadOnlySpan<byte> ValueText(int column) => _reader.Field(_valueColumns[column]).Trim(" "u8);

    public void Dispose() => _reader.Dispose();

    private int ChooseTimeColumn(Sample sample)
    {
        if (_options.TimeColumn is string asked)
            return sample.IndexOf(asked);
        foreach (string name in TimeNames)
            for (int column = 0; column < sample.Header.Length; column++)
            {
                UnitOf(sample.Header[column], out string stem);
                bool holdsTimes = sample.Rows == 0 || sample.Columns[column].Times > (name is "date" or "month" ? sample.Columns[column].SmallNumbers : 0);
                if (holdsTimes && stem.Equals(name, StringComparison.OrdinalIgnoreCase))
                    return column;
            }
        return -1;
    }

    private int[] ChooseValueColumns(Sample sample)
    {
        int[] chosen = _options.ValueColumns.Count > 0
            ? [.. _options.ValueColumns.Select(sample.IndexOf)]
            : [.. Enumerable.Range(0, sample.Header.Length).Where(column => column != _timeColumn
                && (sample.Columns[column].Numbers > 0 || sample.Columns[column].Texts == 0))];
        return chosen.Length > 0 ? chosen : throw new InvalidDataException(
            $"{Path}: no column holds numbers in its first {SampledRows} rows; name one with --value-column ({sample.HeaderText}).");
    }

    /// <summary>The unit at the end of a column's name, and the name without it.</summary>
    private static TimeUnit UnitOf(string column, out string stem)
    {
        int end = column.LastIndexOf('_');
        TimeUnit unit = end < 0 ? TimeUnit.ByMagnitude : column[(end + 1)..].ToLowerInvariant() switch
        {
            "s" => TimeUnit.Seconds,
            "ms" => TimeUnit.Milliseconds,
            "us" => TimeUnit.Microseconds,
            "ns" => TimeUnit.Nanoseconds,
            _ => TimeUnit.ByMagnitude,
        };
        stem = unit == TimeUnit.ByMagnitude ? column : column[..end];
        return unit;
    }

    /// <summary>Header and what the first rows hold.</summary>
    private sealed record Sample(string Path, string[] Header, ColumnSample[] Columns, int Rows)
    {
        public string HeaderText => Header.Length == 1 ? $"its only column is {Shown(Header[0])}" : $"its columns are {Shown(Header)}";

        public static Sample Of(string path, TimeZoneInfo zone)
        {
            using var reader = new CsvReader(path);
            if (!reader.TryRead())
                throw new InvalidDataException($"{path}: the file is empty; a recording begins with a header that names its columns.");
            string[] header = [.. Enumerable.Range(0, reader.FieldCount).Select(i => Encoding.UTF8.GetString(reader.Field(i)).Trim())];
            if (header.Any(name => name.Contains('\0', StringComparison.Ordinal)))
                throw new InvalidDataException($"{path}: line 1 is no text; a recording is CSV in UTF-8.");
            if (header.All(name => IsValue(Encoding.UTF8.GetBytes(name), zone)))
                throw new InvalidDataException($"{path}: line 1 holds values where a header should name the columns; add a line such as timestamp,value.");

            var columns = new ColumnSample[header.Length];
            int rows = 0;
            for (; rows < SampledRows && reader.TryRead(); rows++)
                for (int column = 0; column < header.Length; column++)
                    columns[column].Add(reader.Field(column).Trim(" "u8), zone);
            return new Sample(path, header, columns, rows);
        }

        private static bool IsValue(ReadOnlySpan<byte> name, TimeZoneInfo zone) =>
            PlainPayload.TryParse(name, out _) == TickFault.None || EventTime.TryParse(name, zone, TimeUnit.ByMagnitude, out _);

        public int IndexOf(string column)
        {
            int index = Array.FindIndex(Header, name => name == column);
            if (index < 0)
                index = Array.FindIndex(Header, name => name.Equals(column, StringComparison.OrdinalIgnoreCase));
            return index >= 0 ? index : throw new InvalidDataException($"{Path}: there is no column {Shown(column)}; {HeaderText}.");
        }
    }

    private struct ColumnSample
    {
        public int Numbers { get; private set; }

        /// <summary>Days and months of a year, say, which are no dates alone.</summary>
        public int SmallNumbers { get; private set; }

        public int Times { get; private set; }

        public int Texts { get; private set; }

        public void Add(ReadOnlySpan<byte> field, TimeZoneInfo zone)
        {
            TickFault fault = PlainPayload.TryParse(field, out double number);
            bool missing = field.IsEmpty || fault == TickFault.NotFinite || field.SequenceEqual("NA"u8) || field.SequenceEqual("null"u8);
            Numbers += fault == TickFault.None ? 1 : 0;
            SmallNumbers += fault == TickFault.None && Math.Abs(number) < 1e8 ? 1 : 0;
            Times += EventTime.TryParse(field, zone, TimeUnit.ByMagnitude, out _) ? 1 : 0;
            Texts += fault == TickFault.NotANumber && !missing ? 1 : 0;
        }
    }
}
