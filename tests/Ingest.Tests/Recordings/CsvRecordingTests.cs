using System.IO.Compression;
using System.Text;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Recordings;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Ingest.Tests.Recordings;

public sealed class CsvRecordingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("streamrnn-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("timestamp,value\n2026-01-01 00:00:00,1.5\n2026-01-01 00:05:00,2\n")]
    [InlineData("timestamp,value\r\n2026-01-01 00:00:00,1.5\r\n2026-01-01 00:05:00,2")]
    [InlineData("\uFEFFtimestamp,value\n2026-01-01 00:00:00,1.5\n\n2026-01-01 00:05:00,2\n\n")]
    [InlineData("\"timestamp\",\"value\"\n\"2026-01-01 00:00:00\",\"1.5\"\n\"2026-01-01 00:05:00\", 2 \n")]
    [InlineData("value;TIMESTAMP\n1.5;2026-01-01 00:00:00\n2;2026-01-01 00:05:00\n")]
    [InlineData("value\tDate\n1.5\t2026-01-01 00:00:00\n2\t2026-01-01 00:05:00\n")]
    public void Rows_are_read_whatever_the_line_ends_quotes_and_separators(string text)
    {
        using CsvRecording recording = Open(text);
        Assert.Equal(["value"], recording.ValueColumns);
        Assert.Equal([("2026-01-01 00:00:00", 1767225600L, 1.5), ("2026-01-01 00:05:00", 1767225900L, 2)], Rows(recording));
    }

    [Fact]
    public void Gzip_is_read_and_an_interrupted_copy_said()
    {
        string path = Path.Combine(_folder, "a.csv.gz");
        using (var gzip = new GZipStream(File.Create(path), CompressionLevel.Fastest))
            gzip.Write(Encoding.UTF8.GetBytes("ts,v\n" + string.Concat(Enumerable.Range(0, 50_000).Select(i => $"{1_700_000_000 + i},{i * 31 % 1009}\n"))));
        using (CsvRecording recording = CsvRecording.Open(path))
            Assert.Equal(50_000, Rows(recording).Count);

        byte[] whole = File.ReadAllBytes(path);
        File.WriteAllBytes(path, [1, 2, 3, 4, .. whole]);
        Assert.Contains("a.csv.gz: not readable as gzip", Assert.Throws<InvalidDataException>(() => CsvRecording.Open(path)).Message);
    }

    [Fact]
    public void Quoted_fields_hold_separators_quotes_and_line_ends()
    {
        using CsvRecording recording = Open("time,\"a,b\",note\n2026-01-01,1,\"x,\"\"y\"\"\nz\"\n2026-01-02,2,\n");
        Assert.Equal("a,b", Assert.Single(recording.ValueColumns));
        Assert.Equal(["note"], recording.SkippedColumns);
        Assert.True(recording.TryRead());
        Assert.Equal(2, recording.Line);
        Assert.True(recording.TryRead());
        Assert.Equal(4, recording.Line);
        Assert.Equal(TickFault.None, recording.TryGetValue(0, out double value));
        Assert.Equal(2, value);
    }

    [Theory]
    [InlineData("", TickFault.NotANumber)]
    [InlineData("NA", TickFault.NotANumber)]
    [InlineData("broken", TickFault.NotANumber)]
    [InlineData("1,5", TickFault.None)]
    [InlineData("NaN", TickFault.NotFinite)]
    [InlineData("1e999", TickFault.NotFinite)]
    [InlineData("TRUE", TickFault.None)]
    public void A_cell_that_cannot_be_stepped_says_why_and_the_row_stays(string cell, TickFault fault)
    {
        using CsvRecording recording = Open($"time,value\n2026-01-01,{cell}\n2026-01-02,7\n");
        Assert.True(recording.TryRead());
        Assert.Equal(fault, recording.TryGetValue(0, out _));
        Assert.True(recording.TryRead());
        Assert.Equal(TickFault.None, recording.TryGetValue(0, out double value));
        Assert.Equal(7, value);
        Assert.False(recording.TryRead());
        Assert.Equal(2, recording.RowCount);
    }

    [Fact]
    public void A_time_that_cannot_be_read_keeps_its_text_and_short_rows_their_gaps()
    {
        using CsvRecording recording = Open("time,a,b\n2026-01-01,1,2\nsoon,3,4\n2026-01-03,5\n");
        recording.TryRead();
        recording.TryRead();
        Assert.Equal("soon", Encoding.UTF8.GetString(recording.TimeText));
        Assert.Equal(TickFault.MalformedTime, recording.TryGetValue(0, out _));
        recording.TryRead();
        Assert.Equal(TickFault.None, recording.TryGetValue(0, out _));
        Assert.Equal(TickFault.NotANumber, recording.TryGetValue(1, out _));
    }

    [Theory]
    [InlineData("Month,Sunspots\n1749-01,58.0\n", "Month", "1749-01", -6_974_035_200)]
    [InlineData("timestamp,value\n1472918400,0.2\n", "timestamp", "1472918400", 1_472_918_400)]
    [InlineData("datetime;x\n2020-02-08 13:30:47;1\n", "datetime", "2020-02-08 13:30:47", 1_581_168_647)]
    [InlineData("time_ms,bid\n61000,1.3\n", "time_ms", "61000", 61)]
    [InlineData("Date,Time,x\n2020-02-08,noon,1\n", "Date", "2020-02-08", 1_581_120_000)]
    [InlineData("x,month\n1,3\n", null, "0", 0)]
    [InlineData("Month,Date,x\nJun,14,1\n", null, "0", 0)]
    [InlineData("date,x\n1472918400,1\n", "date", "1472918400", 1_472_918_400)]
    [InlineData("value\n5\n", null, "0", 0)]
    public void The_time_column_is_found_or_rows_are_numbered(string text, string? column, string time, long seconds)
    {
        using CsvRecording recording = Open(text);
        Assert.Equal(column, recording.TimeColumn);
        Assert.True(recording.TryRead());
        Assert.Equal(time, Encoding.UTF8.GetString(recording.TimeText));
        Assert.Equal(seconds * EventTime.NanosecondsPerSecond, recording.Time);
    }

    [Fact]
    public void A_header_alone_is_a_recording_without_rows()
    {
        using CsvRecording recording = Open("timestamp,value\n");
        Assert.Equal("timestamp", recording.TimeColumn);
        Assert.Equal(["value"], recording.ValueColumns);
        Assert.False(recording.TryRead());
    }

    [Fact]
    public void In_a_file_of_one_column_an_empty_line_is_a_gap()
    {
        using CsvRecording recording = Open("value\n5\n\n7\n");
        recording.TryRead();
        recording.TryRead();
        Assert.Equal(TickFault.NotANumber, recording.TryGetValue(0, out _));
        recording.TryRead();
        Assert.Equal(2 * EventTime.NanosecondsPerSecond, recording.Time);
        Assert.False(recording.TryRead());
    }

    [Fact]
    public void Columns_can_be_chosen_and_a_wrong_name_is_answered_with_the_right_ones()
    {
        const string Text = "a,b,when,note\n1,2,2026-01-01,x\n";
        using CsvRecording recording = Open(Text, new RecordingOptions { TimeColumn = "WHEN", ValueColumns = ["b"] });
        Assert.Equal([("2026-01-01", 1767225600L, 2)], Rows(recording));
        Assert.Equal(["a", "note"], recording.SkippedColumns);
        Assert.EndsWith("there is no column c; its columns are a, b, when, note.",
            Assert.Throws<InvalidDataException>(() => Open(Text, new RecordingOptions { ValueColumns = ["c"] })).Message);
    }

    [Theory]
    [InlineData("", "the file is empty")]
    [InlineData("1,2\n3,4\n", "line 1 holds values where a header should name the columns")]
    [InlineData("2026-01-01 00:00,2\n2026-01-01 00:01,4\n", "line 1 holds values where a header should name the columns")]
    [InlineData("time,note\n2026-01-01,x\n", "no column holds numbers in its first 100 rows; name one with --value-column (its columns are time, note)")]
    [InlineData("time,value\n2026-01-01,\"1\n", "line 2: a quotation mark is opened and never closed")]
    public void What_is_no_recording_is_refused_with_the_remedy(string text, string message) =>
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => Open(text)).Message);

    [Fact]
    public void A_row_without_end_is_refused_before_it_fills_the_memory()
    {
        string text = "time,value\n2026-01-01,1\n\"" + string.Concat(Enumerable.Repeat("2026-01-01,1\n", 200_000));
        Assert.Contains("is a quotation mark missing?", Assert.Throws<InvalidDataException>(() => Open(text)).Message);
    }

    [Fact]
    public void Rows_cross_every_boundary_of_the_buffer()
    {
        string text = "time,value,note\n" + string.Concat(Enumerable.Range(0, 20_000).Select(i => $"{1_700_000_000 + i},{i},\"{new string('n', i % 97)}\"\r\n"));
        using CsvRecording recording = Open(text);
        Assert.Equal(Enumerable.Range(0, 20_000).Select(i => ($"{1_700_000_000 + i}", 1_700_000_000L + i, (double)i)), Rows(recording));
    }

    [Fact]
    public void A_folder_tree_is_walked_in_the_order_of_names()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "b", "c"));
        foreach (string name in new[] { "z.csv", "b/y.CSV.gz", "b/c/x.csv", "b/notes.txt" })
            File.WriteAllText(Path.Combine(_folder, name), "");
        IReadOnlyList<RecordingFile> files = RecordingFile.Find(_folder);
        Assert.Equal(["b/c/x.csv", "b/y.CSV.gz", "z.csv"], files.Select(file => file.RelativePath));
        Assert.Equal("b/y.csv", files[1].OutputPath("value", 1));
        Assert.Equal("b/y.Flow m3_h.csv", files[1].OutputPath("Flow m3/h", 2));
        Assert.Equal("z.csv", Assert.Single(RecordingFile.Find(Path.Combine(_folder, "z.csv"))).RelativePath);

        File.WriteAllText(Path.Combine(_folder, "z.csv.gz"), "");
        Assert.Contains("z.csv and z.csv.gz would have the same output", Assert.Throws<InvalidDataException>(() => RecordingFile.Find(_folder)).Message);
        Assert.Contains("no such file", Assert.Throws<InvalidDataException>(() => RecordingFile.Find(Path.Combine(_folder, "none"))).Message);
    }

    [Fact]
    public void Replay_output_is_written_to_the_format_and_reads_back_to_the_bit()
    {
        string path = Path.Combine(_folder, "out", "deep", "a.csv");
        using (var writer = new ReplayWriter(path))
        {
            writer.Write("2026-01-01 00:00:00"u8, new ReplayRow { Value = 0.1, Forecast = double.NaN, Lower = double.NaN, Upper = double.NaN, Surprise = 0 });
            writer.Write("a \"quoted\", time"u8, new ReplayRow
            {
                Value = 1.0 / 3,
                Forecast = -1e300,
                Lower = double.Epsilon,
                Upper = 12345678,
                Surprise = 0.1f,
                Score = 0.75f,
                IsAnomaly = true,
            });
            writer.Write("gap"u8, ReplayRow.Unstepped);
        }
        Assert.Equal("""
            timestamp,value,forecast,lower,upper,surprise,anomaly_score,is_anomaly
            2026-01-01 00:00:00,0.1,,,,0,0,0
            "a ""quoted"", time",0.3333333333333333,-1E+300,5E-324,12345678,0.1,0.75,1
            gap,,,,,,0,0

            """.ReplaceLineEndings("\n"), File.ReadAllText(path));

        var random = new Random(3);
        double[] values = [.. Enumerable.Range(0, 5000).Select(_ => BitConverter.Int64BitsToDouble(random.NextInt64())).Where(double.IsFinite)];
        using (var writer = new ReplayWriter(path))
            foreach (double value in values)
                writer.Write("2026-01-01"u8, ReplayRow.Unstepped with { Value = value });
        Assert.Equal(values, File.ReadLines(path).Skip(1).Select(line => double.Parse(line.Split(',')[1])));
    }

    private CsvRecording Open(string text, RecordingOptions? options = null)
    {
        string path = Path.Combine(_folder, Guid.NewGuid().ToString("N") + ".csv");
        File.WriteAllText(path, text);
        return CsvRecording.Open(path, options);
    }

    private static List<(string Time, long Seconds, double Value)> Rows(CsvRecording recording)
    {
        var rows = new List<(string, long, double)>();
        while (recording.TryRead())
        {
            Assert.Equal(TickFault.None, recording.TryGetValue(0, out double value));
            rows.Add((Encoding.UTF8.GetString(recording.TimeText), recording.Time / EventTime.NanosecondsPerSecond, value));
        }
        return rows;
    }
}
