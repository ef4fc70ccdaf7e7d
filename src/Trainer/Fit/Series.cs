using System.Globalization;
using System.Text;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Recordings;

namespace StreamRnn.Trainer.Fit;

/// <summary>Treatment of a row whose value is an empty cell or NaN.</summary>
public enum GapPolicy
{
    /// <summary>The recording is refused.</summary>
    Refuse,

    /// <summary>The row is left out, as the worker leaves it out; the next step has a longer elapsed time.</summary>
    Skip,

    /// <summary>The value before stands in.</summary>
    Hold,
}

/// <summary>One value column of one recording, ready to train on: finite values in the order of their times.</summary>
/// <param name="Name">For people: the file, and the column where it has several.</param>
/// <param name="Times">[rows] nanoseconds since 1970 UTC.</param>
/// <param name="Values">[rows].</param>
/// <param name="Gaps">Rows that were skipped or filled.</param>
public sealed record Series(string Name, long[] Times, double[] Values, int Gaps = 0)
{
    public int Count => Values.Length;

    /// <summary>Origin for messages: the path and the column.</summary>
    public string Place { get; init; } = Name;

    /// <summary>The recording has no time column: its rows were taken as one second apart.</summary>
    public bool IsUntimed { get; init; }

    /// <summary>True if all rows have one time: neither elapsed time nor calendar distinguishes them.</summary>
    public bool IsAtOneTime => Count > 1 && Times[0] == Times[^1];

    /// <summary>Reads a column.</summary>
    /// <exception cref="InvalidDataException">There is no such column, or a row that cannot be trained on: names file, line, column and remedy.</exception>
    public static Series Read(string path, RecordingOptions options, GapPolicy gaps)
    {
        using CsvRecording recording = CsvRecording.Open(path, options);
        if (recording.ValueColumns.Count != 1)
            throw new InvalidDataException($"{path}: {recording.ValueColumns.Count} columns hold numbers ({CsvRecording.Shown(recording.ValueColumns)}); "
                + "a model is trained on one: name it with --value-column.");

        string column = recording.ValueColumns[0];
        List<long> times = [];
        List<double> values = [];
        int gapRows = 0;
        while (recording.TryRead())
        {
            if (recording.TimeFault != TickFault.None)
                throw Refuse(path, recording, recording.TimeColumn!, $"'{CsvRecording.Shown(Encoding.UTF8.GetString(recording.TimeText))}' is no time this build reads; "
                    + "correct it, or name another column with --time-column");
            if (times.Count > 0 && recording.Time < times[^1])
                throw Refuse(path, recording, recording.TimeColumn!, $"{CsvRecording.Shown(Encoding.UTF8.GetString(recording.TimeText))} lies before the row above it; sort the rows by time");
            if (recording.TryGetValue(0, out double value) != TickFault.None)
            {
                RequireGap(path, recording, column, gaps);
                gapRows++;
                if (gaps == GapPolicy.Skip || values.Count == 0)
                    continue;
                value = values[^1];
            }
            times.Add(recording.Time);
            values.Add(value);
        }
        return new Series($"{Path.GetFileName(path)}, {CsvRecording.Shown(column)}", [.. times], [.. values], gapRows)
        {
            Place = $"{path}: column {CsvRecording.Shown(column)}",
            IsUntimed = recording.TimeColumn is null,
        };
    }

    /// <summary>A value that is missing may be skipped or filled; one that is wrong may not.</summary>
    private static void RequireGap(string path, CsvRecording recording, string column, GapPolicy gaps)
    {
        string text = Encoding.UTF8.GetString(recording.ValueText(0));
        bool missing = text.Length == 0 || text.Equals("nan", StringComparison.OrdinalIgnoreCase) || text is "NA" or "null" or "NULL";
        if (!missing)
            throw Refuse(path, recording, column, $"'{CsvRecording.Shown(text)}' is no finite number; correct it or leave the cell empty, "
                + "or name another column with --value-column");
        if (gaps == GapPolicy.Refuse)
            throw Refuse(path, recording, column, $"{(text.Length == 0 ? "the cell is empty" : $"'{text}' is no number")}; fill it, or train with "
                + "--gaps skip (such rows are left out, as the worker does) or --gaps hold (the value before stands in)");
    }

    private static InvalidDataException Refuse(string path, CsvRecording recording, string column, string what) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{path}: line {recording.Line}, column {CsvRecording.Shown(column)}: {what}."));
}
