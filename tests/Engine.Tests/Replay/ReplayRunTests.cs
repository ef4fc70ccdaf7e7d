using System.Globalization;
using StreamRnn.Detection;
using StreamRnn.Engine.Replay;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Tests.Stepping;
using StreamRnn.Ingest.Recordings;

namespace StreamRnn.Engine.Tests.Replay;

public sealed class ReplayRunTests : IDisposable
{
    private const string Header = "timestamp,value,forecast,lower,upper,surprise,anomaly_score,is_anomaly";
    private readonly string _folder = Directory.CreateTempSubdirectory("replay").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_row_that_cannot_be_stepped_has_empty_numbers_and_its_own_timestamp()
    {
        Write("in/a.csv", "timestamp,value", "2026-01-01 00:00,1", "2026-01-01 00:01,", "not a time,3", "\"2026-01-01 00:03\",nan", "2026-01-01 00:04,5");

        ReplaySummary summary = Replay(new ChainForecaster());

        Assert.Equal((5, 2, 0), (summary.Rows, summary.Stepped, summary.Failed.Count));
        Assert.Equal([Header, "2026-01-01 00:00,1,,0,0,0,0,0", "2026-01-01 00:01,,,,,,0,0", "not a time,,,,,,0,0", "2026-01-01 00:03,,,,,,0,0",
            "2026-01-01 00:04,5,2.375,0,0,0,0,0"], Read("a.csv"));
    }

    [Fact]
    public void A_tree_keeps_its_shape_and_several_columns_get_a_file_each()
    {
        Write("in/plain.csv", "time,value", "2026-01-01,1");
        Write("in/hall/line.csv", "time,flow,pressure", "2026-01-01,1,2", "2026-01-02,,4");

        ReplaySummary summary = Replay(new ChainForecaster());

        Assert.Equal((2, 3, 3L, 4L), (summary.Files, summary.Outputs, summary.Rows, summary.Stepped));
        Assert.Equal(2, Read("plain.csv").Length);
        Assert.StartsWith("2026-01-02,,,", Read("hall/line.flow.csv")[2]);
        Assert.StartsWith("2026-01-02,4,", Read("hall/line.pressure.csv")[2]);
    }

    [Fact]
    public void Long_recordings_and_many_of_them_come_out_row_by_row()
    {
        const int Files = 40, Rows = 3000;
        for (int file = 0; file < Files; file++)
            Write($"in/{file:d2}.csv", ["time,value", .. Enumerable.Range(0, Rows).Select(row => $"{row},{(row % 11 == 3 ? "" : file + row)}")]);

        ReplaySummary summary = Replay(new ChainForecaster(), shards: 3);

        Assert.Equal(Files * Rows, summary.Rows);
        for (int file = 0; file < Files; file++)
        {
            string[] output = Read($"{file:d2}.csv");
            Assert.Equal(Rows + 1, output.Length);
            double next = double.NaN;
            float state = 0.5f;
            for (int row = 0; row < Rows; row++)
            {
                string[] fields = output[row + 1].Split(',');
                Assert.Equal(row.ToString(CultureInfo.InvariantCulture), fields[0]);
                Assert.Equal(row % 11 == 3 ? "" : (file + row).ToString(CultureInfo.InvariantCulture), fields[1]);
                Assert.Equal(row % 11 == 3 || double.IsNaN(next) ? "" : next.ToString("R", CultureInfo.InvariantCulture), fields[2]);
                if (row % 11 != 3)
                    next = state = ChainForecaster.Next(state, file + row);
            }
        }
    }

    [Fact]
    public void A_recording_that_is_not_readable_is_named_and_the_others_are_replayed()
    {
        Write("in/bad.csv", "1,2", "3,4");
        Write("in/good.csv", "time,value", "2026-01-01,1");

        ReplaySummary summary = Replay(new ChainForecaster());

        Assert.Contains("bad.csv", Assert.Single(summary.Failed), StringComparison.Ordinal);
        Assert.Equal(1, summary.Files);
        Assert.Equal(2, Read("good.csv").Length);
    }

    [Fact]
    public void An_input_is_never_overwritten()
    {
        Write("in/a.csv", "time,value", "2026-01-01,1");

        Assert.Throws<CommandFailedException>(() => Replay(new ChainForecaster(), output: "in"));
        Assert.Equal("time,value", File.ReadLines(Path.Combine(_folder, "in/a.csv")).First());
    }

    [Fact]
    public void One_shard_and_four_alone_and_among_others_write_the_same_bytes()
    {
        Forecaster detector = ShippedModel.Load(null);
        string[] recording = [.. File.ReadLines(Path.Combine(AppContext.BaseDirectory, "samples", "speed_7578.csv"))];
        Write("in/a.csv", recording);
        Replay(detector, shards: 1, output: "alone");
        for (int i = 0; i < 9; i++)
            Write($"in/other{i}.csv", [recording[0], .. recording.Skip(1 + i).Take(400)]);
        Replay(detector, shards: 1, output: "one");
        Replay(detector, shards: 4, output: "four");

        byte[] alone = File.ReadAllBytes(Path.Combine(_folder, "alone/a.csv"));
        foreach (string output in Directory.GetFiles(Path.Combine(_folder, "one")))
            Assert.Equal(File.ReadAllBytes(output), File.ReadAllBytes(output.Replace("/one/", "/four/", StringComparison.Ordinal)));
        Assert.Equal(alone, File.ReadAllBytes(Path.Combine(_folder, "one/a.csv")));
    }

    [Fact]
    public void What_comes_later_changes_nothing_before()
    {
        Forecaster detector = ShippedModel.Load(null);
        string[] recording = [.. File.ReadLines(Path.Combine(AppContext.BaseDirectory, "samples", "speed_7578.csv"))];
        int half = recording.Length / 2;
        Write("in/a.csv", recording);
        Write("in/b.csv", [.. recording[..half], .. recording[half..].Select(row => row + "9")]);

        Replay(detector);

        Assert.Equal(Read("a.csv")[..half], Read("b.csv")[..half]);
        Assert.NotEqual(Read("a.csv")[half..], Read("b.csv")[half..]);
    }

    private ReplaySummary Replay(Forecaster model, int shards = 2, string output = "out") =>
        new ReplayRun(model, shards, new RecordingOptions()).Run(RecordingFile.Find(Path.Combine(_folder, "in")), Path.Combine(_folder, output), _ => { });

    private void Write(string path, params string[] lines)
    {
        string full = Path.Combine(_folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllLines(full, lines);
    }

    private string[] Read(string output) => File.ReadAllLines(Path.Combine(_folder, "out", output));
}
