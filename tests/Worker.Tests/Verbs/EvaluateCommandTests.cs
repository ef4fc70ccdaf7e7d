using System.Globalization;
using System.Text.Json;

namespace StreamRnn.Worker.Tests.Verbs;

[Trait("speed", "slow")]
public sealed class EvaluateCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evaluate").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task What_replay_did_not_write_is_refused_and_nothing_is_printed()
    {
        string recording = Write("a.csv", "timestamp,flow", "2026-01-01,1");

        (int exitCode, string output, string error) = await Executable.RunAsync("evaluate", recording);

        Assert.Equal(1, exitCode);
        Assert.Empty(output);
        Assert.Contains("no output of 'streamrnn replay'", error);
        Assert.Single(error.Trim().Split('\n'));
    }

    [Fact]
    public async Task A_model_on_a_recording_gives_what_its_replay_gives_beside_three_baselines()
    {
        string recording = Write("flow.csv", ["time,flow", .. Enumerable.Range(0, 300).Select(row => string.Create(CultureInfo.InvariantCulture,
            $"2026-01-{1 + row / 24:00} {row % 24:00}:00,{(row % 50 == 7 ? "broken" : $"{Math.Sin(row * Math.PI / 12) + row % 5 * 0.1:f3}")}"))]);
        await Executable.RunAsync("replay", recording, "--out", Path.Combine(_folder, "out"));

        (int exitCode, string ofModel, string error) = await Executable.RunAsync("evaluate", recording, "--model", "default", "--from", "150", "--json");
        (_, string ofReplay, _) = await Executable.RunAsync("evaluate", Path.Combine(_folder, "out", "flow.csv"), "--train", "0.5", "--json");

        Assert.Equal((0, ""), (exitCode, error));
        using JsonDocument model = JsonDocument.Parse(ofModel), replay = JsonDocument.Parse(ofReplay);
        Assert.Equal(147, model.RootElement.GetProperty("rows").GetInt32());   // 3 of 150 hold text
        Assert.Equal(model.RootElement.GetProperty("rmse").GetDouble(), replay.RootElement.GetProperty("rmse").GetDouble());
        string[] names = [.. model.RootElement.GetProperty("forecasts").EnumerateArray().Select(line => line.GetProperty("name").GetString()!)];
        Assert.StartsWith("default@", names[0]);
        Assert.Equal(["persistence", "seasonal naive (24)", "AR(36)"], names[1..]);
    }

    [Fact]
    public async Task Alarms_are_counted_against_the_events_of_a_list()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "out", "plant"));
        string[] rows = [.. Enumerable.Range(0, 24).Select(hour => $"2026-01-01T{hour:00}:00:00Z,{hour},{hour + 1},{hour},{hour + 2},0,0,{(hour is 5 or 6 or 20 ? 1 : 0)}")];
        Write("out/plant/a.csv", ["timestamp,value,forecast,lower,upper,surprise,anomaly_score,is_anomaly", .. rows]);
        Write("out/b.csv", ["timestamp,value,forecast,lower,upper,surprise,anomaly_score,is_anomaly", .. rows]);
        string events = Write("events.json", """{"plant/a.csv": [["2026-01-01 04:00:00", "2026-01-01 07:00:00"], ["2026-01-01 10:00:00", "2026-01-01 11:00:00"]], "b.csv": []}""");

        (int exitCode, string words, string error) = await Executable.RunAsync("evaluate", Path.Combine(_folder, "out"), "--from", "2", "--events", events);
        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains("1 of 2 events found, false alarms: 1; precision 0.500, recall 0.500, F1 0.500", words);
        Assert.EndsWith("all 2 labelled recordings: 1 of 2 events found, false alarms: 4; precision 0.200, recall 0.500, F1 0.286", words.Trim());

        (_, string json, _) = await Executable.RunAsync("evaluate", Path.Combine(_folder, "out", "b.csv"), "--from", "2", "--events", events, "--json");
        JsonElement alarms = JsonDocument.Parse(json).RootElement.GetProperty("alarms");
        Assert.Equal((0, 3, 0.0), (alarms.GetProperty("events").GetInt32(), alarms.GetProperty("falseAlarms").GetInt32(), alarms.GetProperty("precision").GetDouble()));
        Assert.Equal(JsonValueKind.Null, alarms.GetProperty("recall").ValueKind);

        (exitCode, _, error) = await Executable.RunAsync("evaluate", Path.Combine(_folder, "out", "b.csv"), "--from", "2", "--events", Write("other.json", "{}"));
        Assert.Equal(1, exitCode);
        Assert.Contains("none of the recordings is in the file of --events", error);
    }

    [Theory]
    [InlineData("none of its 1 rows", "timestamp,flow", "2026-01-01,1")]
    [InlineData("none of its 3 rows", "timestamp,flow", "2026-01-01,", "2026-01-02,", "2026-01-03,")]
    [InlineData("no column holds numbers", "timestamp,flow", "2026-01-01,low", "2026-01-02,high")]
    [InlineData("the file is empty")]
    public async Task A_recording_with_nothing_to_score_is_refused_by_name(string reason, params string[] lines)
    {
        string recording = Write("a.csv", lines);

        (int exitCode, string output, string error) = await Executable.RunAsync("evaluate", recording, "--model", "default", "--from", "0");

        Assert.Equal((1, ""), (exitCode, output));
        Assert.Contains("a.csv", error);
        Assert.Contains(reason, Assert.Single(error.Trim().Split('\n')));
    }

    [Fact]
    public async Task A_constant_column_has_errors_and_no_skill()
    {
        string recording = Write("a.csv", ["timestamp,flow", .. Enumerable.Range(0, 60).Select(row => $"{1700000000 + row},5")]);

        (int exitCode, string output, _) = await Executable.RunAsync("evaluate", recording, "--model", "default", "--from", "30", "--json");

        using JsonDocument line = JsonDocument.Parse(output);
        Assert.Equal((0, JsonValueKind.Null), (exitCode, line.RootElement.GetProperty("skill").ValueKind));
        Assert.Equal(0, line.RootElement.GetProperty("rmse").GetDouble(), precision: 6);
    }

    [Theory]
    [InlineData("--from and --train", "--from", "3", "--train", "0.5")]
    [InlineData("--train is '1.5'", "--train", "1.5")]
    [InlineData("0 or more", "--from", "-3")]
    public async Task Rows_that_cannot_be_meant_are_a_usage_error(string reason, params string[] options)
    {
        (int exitCode, _, string error) = await Executable.RunAsync(["evaluate", "a.csv", .. options]);
        Assert.Equal(2, exitCode);
        Assert.Contains(reason, Assert.Single(error.Trim().Split('\n')));
    }

    private string Write(string name, params string[] lines)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllLines(path, lines);
        return path;
    }
}
