using System.Globalization;
using System.Text.Json;
using System.Xml.Linq;
using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;
using StreamRnn.Detection;
using StreamRnn.Engine.Streams;
using StreamRnn.Worker.Tests.EndToEnd;

namespace StreamRnn.Worker.Tests.Verbs;

/// <summary>What the verb says of the directory that a worker has left, and of one that none has.</summary>
[Trait("speed", "slow")]
public sealed class StateCommandTests(StateCommandTests.Left left) : IClassFixture<StateCommandTests.Left>
{
    private const int Ticks = 60;

    [Fact]
    public async Task Show_says_what_was_published_last_and_how_the_gates_stood()
    {
        (int exitCode, string output, string error) = await Executable.RunAsync("state", "show", "plant/+", "--data-dir", left.Folder, "--json");

        Assert.Equal((0, ""), (exitCode, error));
        JsonElement[] streams = [.. output.Trim().Split('\n').Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(["plant/0", "plant/1"], streams.Select(stream => stream.GetProperty("stream").GetString()));
        foreach (JsonElement stream in streams)
        {
            JsonElement published = left.Last[$"streamrnn/{stream.GetProperty("stream")}/forecast"];
            Assert.Equal((Ticks, Ticks), (stream.GetProperty("n").GetInt32(), published.GetProperty("n").GetInt32()));
            foreach ((string shown, string sent) in (ReadOnlySpan<(string, string)>)[("time", "ts"), ("value", "value"), ("forecast", "forecast"), ("next", "next"), ("score", "score"), ("model", "model")])
                Assert.Equal(published.GetProperty(sent).ToString(), stream.GetProperty(shown).ToString());
            Assert.Equal(32, stream.GetProperty("hidden").GetProperty("units").GetInt32());
            Assert.Equal(["r", "z", "n"], stream.GetProperty("gates").EnumerateObject().Select(gate => gate.Name));
            Assert.All(stream.GetProperty("gates").EnumerateObject(), gate => Assert.InRange(gate.Value.GetDouble(), 0, 1));
        }
    }

    [Fact]
    public async Task Show_says_it_in_words_too()
    {
        (int exitCode, string output, _) = await Executable.RunAsync("state", "show", "--data-dir", left.Folder);

        Assert.Equal(0, exitCode);
        string[] lines = output.Trim().Split('\n');
        Assert.Equal(4, lines.Length);
        Assert.Matches(@"^sea: 1 step of default@\w{4}; last 1 at 2026-01-01T00:00:00Z.*; 2 ticks held until older ones cannot come; h of", lines[3]);
        Assert.Matches(@"^plant/1: 60 steps of default@\w{4}; last 0 at 2026-01-01T00:59:00Z, forecast [\d.]+, next [\d.]+, score 0; h of 32 units .*; gates at an end: r \d+ %, z \d+ %, n \d+ %$", lines[1]);
    }

    [Fact]
    public async Task Export_writes_each_step_as_a_row_with_what_was_published_and_h()
    {
        string path = Path.Combine(left.Work, "steps.csv");
        (int exitCode, string output, string error) = await Executable.RunAsync("state", "export", "plant/1", "--data-dir", left.Folder, "--out", path, "--steps", "20");

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains("20 steps of plant/1", output);
        string[][] rows = [.. (await File.ReadAllLinesAsync(path)).Select(line => line.Split(','))];
        Assert.Equal(21, rows.Length);
        Assert.Equal(["n", "timestamp", "value", "forecast"], rows[0][..4]);
        Assert.Equal("h31", rows[0][^1]);
        Assert.Equal(Enumerable.Range(41, 20).Select(n => $"{n}"), rows[1..].Select(row => row[0]));
        JsonElement published = left.Last["streamrnn/plant/1/forecast"];
        Assert.Equal([.. ((string[])["ts", "value", "forecast"]).Select(name => published.GetProperty(name).ToString())], rows[^1][1..4]);
        Assert.All(rows[1..].SelectMany(row => row[10..]), h => Assert.InRange(float.Parse(h, CultureInfo.InvariantCulture), -1, 1));
    }

    [Theory]
    [InlineData("picture.svg")]
    [InlineData("picture.html")]
    public async Task Export_draws_a_picture_that_loads_nothing(string name)
    {
        string path = Path.Combine(left.Work, name);
        (int exitCode, _, string error) = await Executable.RunAsync("state", "export", "plant/1", "--data-dir", left.Folder, "--out", path);

        Assert.Equal((0, ""), (exitCode, error));
        string picture = await File.ReadAllTextAsync(path);
        Assert.DoesNotContain("NaN", picture);
        Assert.DoesNotContain("href", picture);
        Assert.DoesNotContain("src=", picture);
        Assert.Contains("Steps 1 to 60", picture);
        Assert.Contains("They are the stream&#39;s first", picture);
        Assert.Contains("Hidden state h", picture);
        if (name.EndsWith(".svg", StringComparison.Ordinal))
            Assert.Equal("plant/1", XElement.Parse(picture).Elements().First().Value);
    }

    [Fact]
    public async Task A_model_that_is_not_the_shipped_one_lies_in_the_directory()
    {
        (int exitCode, string output, string error) = await Executable.RunAsync("state", "show", "--data-dir", left.OtherFolder, "--json");
        Assert.Equal((0, ""), (exitCode, error));
        JsonElement state = JsonDocument.Parse(output).RootElement;
        Assert.Equal(JsonValueKind.Null, state.GetProperty("gates").ValueKind);   // a vanilla cell has none
        Assert.Equal(16, state.GetProperty("hidden").GetProperty("units").GetInt32());
    }

    [Theory]
    [InlineData("missing", "is no data directory")]
    [InlineData("empty", "holds no input log")]
    [InlineData("damaged", "is damaged at byte")]
    [InlineData("in use", "stop the worker first, or look at a copy")]
    public async Task A_directory_that_cannot_be_read_is_one_clear_line(string how, string expected)
    {
        string folder = Path.Combine(left.Work, how);
        using FileStream? held = Prepare(folder, how);
        foreach (string[] verb in (string[][])[["show"], ["export", "plant/1", "--out", Path.Combine(left.Work, "none.csv")]])
        {
            (int exitCode, string output, string error) = await Executable.RunAsync(["state", .. verb, "--data-dir", folder]);

            Assert.Equal((1, ""), (exitCode, output));
            Assert.StartsWith("streamrnn: ", error);
            Assert.Contains(expected, error);
            Assert.Single(error.Trim().Split('\n'));
        }
    }

    [Theory]
    [InlineData("show", "plant/#/x")]
    [InlineData("export", "plant/1", "--out", "picture.png")]
    [InlineData("export", "plant/1", "--out", "picture.svg", "--steps", "0")]
    [InlineData("export", "plant/1")]
    public async Task What_cannot_be_meant_is_a_usage_error(params string[] arguments)
    {
        (int exitCode, string output, string error) = await Executable.RunAsync(["state", .. arguments, "--data-dir", left.Folder]);

        Assert.Equal((2, ""), (exitCode, output));
        Assert.Contains($"See 'streamrnn state {arguments[0]} --help'", error);
    }

    [Theory]
    [InlineData("show", "factory/#")]
    [InlineData("export", "plant/7", "--out", "picture.svg")]
    public async Task A_stream_that_is_not_there_is_a_failure_that_says_where_to_look(params string[] arguments)
    {
        (int exitCode, string output, string error) = await Executable.RunAsync(["state", .. arguments, "--data-dir", left.Folder]);

        Assert.Equal((1, ""), (exitCode, output));
        Assert.Contains(arguments[1], error);
        Assert.Contains("state show --data-dir", error);
    }

    private FileStream? Prepare(string folder, string how)
    {
        if (how == "missing")
            return null;
        Directory.CreateDirectory(folder);
        foreach (string file in how == "empty" ? [] : Directory.GetFiles(left.Folder))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
        if (how == "damaged")
        {
            foreach (string snapshot in Directory.GetFiles(folder, "*.snap"))
                File.Delete(snapshot);
            string log = Directory.GetFiles(folder, "log-*").Single();
            byte[] bytes = File.ReadAllBytes(log);
            bytes[60] ^= 1;
            File.WriteAllBytes(log, bytes);
        }
        return how == "in use" || how == "empty" ? Lock(folder, how == "in use") : null;
    }

    private static FileStream? Lock(string folder, bool keep)
    {
        FileStream held = new(Path.Combine(folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        if (keep)
            return held;
        held.Dispose();
        return null;
    }

    /// <summary>Two directories that workers have left: three streams of the default detector, and one of a vanilla cell.</summary>
    public sealed class Left : IDisposable
    {
        public Left()
        {
            PatternRuleOptions rule = new() { Pattern = "sea", Late = LateTicks.Reorder, LateBound = TimeSpan.FromMinutes(90) };
            using (WorkerInProcess worker = WorkerInProcess.Embedded(options => options with { DataDir = Folder, Rules = [rule] }))
            {
                using MqttPeer reader = new(worker.Port, "streamrnn/+/+/forecast");
                using MqttPeer devices = new(worker.Port);
                for (int tick = 0; tick < Ticks; tick++)
                {
                    for (int stream = 0; stream < 2; stream++)
                        devices.Publish($"plant/{stream}", $$"""{"ts":"2026-01-01T00:{{tick:00}}:00Z","value":{{(tick + stream) % 3}}}""");
                    devices.Drain();   // a commit, and so a frame, of its own
                }
                devices.Publish("roof/wind", "3.5");
                foreach (int hour in (int[])[0, 1, 2])
                    devices.Publish("sea", $$"""{"ts":"2026-01-01T{{hour:00}}:00:00Z","value":{{hour + 1}}}""");   // the first is due with the third
                devices.Drain();
                reader.WaitFor((2 * Ticks) + 1, "forecasts");
                Last = reader.Messages.GroupBy(message => message.Topic).ToDictionary(topic => topic.Key, topic => JsonDocument.Parse(topic.Last().Payload).RootElement);
            }

            ModelShape shape = new(CellKind.Rnn, inputs: 1, hidden: 16, outputs: 1);
            ModelFile.Save(OtherModel, shape, new float[new ParameterLayout(shape).Length], new Dictionary<string, string> { [ForecasterFile.ForecasterKey] = ForecasterFile.Bare });
            using WorkerInProcess other = WorkerInProcess.Embedded(options => options with { DataDir = OtherFolder, Model = OtherModel });
            using MqttPeer device = new(other.Port);
            device.Publish("a", "1");
            device.Drain();
        }

        public string Work { get; } = Directory.CreateTempSubdirectory("streamrnn-test-").FullName;

        public string Folder => Path.Combine(Work, "left");

        public string OtherFolder => Path.Combine(Work, "other");

        public string OtherModel => Path.Combine(Work, "bare.safetensors");

        /// <summary>The last forecast of each topic, as it was published.</summary>
        public IReadOnlyDictionary<string, JsonElement> Last { get; }

        public void Dispose() => Directory.Delete(Work, recursive: true);
    }
}
