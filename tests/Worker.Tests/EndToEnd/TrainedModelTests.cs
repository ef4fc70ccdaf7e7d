using System.Globalization;
using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;
using StreamRnn.Engine.Replay;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Recordings;
using StreamRnn.Worker.Configuration;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>A model trained elsewhere serves the streams it is named for, with the numbers that a replay gives.</summary>
[Collection(RealProcesses.Name)]
[Trait("speed", "slow")]
public sealed class TrainedModelTests : IDisposable
{
    private const int Rows = 300;
    private static readonly ModelShape Shape = new(CellKind.Lstm, 1, 8, outputs: 1);

    private readonly string _folder = Directory.CreateTempSubdirectory("trained").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_pattern_gives_streams_their_own_model_and_the_others_keep_the_standard_one()
    {
        string model = Write("pump.safetensors", Model());
        using WorkerInProcess worker = WorkerInProcess.Embedded(options => options with { Models = [new ModelOptions { Pattern = "plant/+/load", File = model }] });
        string[] values = Values();
        using MqttPeer reader = new(worker.Port, "streamrnn/#");
        using MqttPeer device = new(worker.Port);
        for (int row = 0; row < Rows; row++)
        {
            // A minute apart from 2023-11-14 on, as in the recording.
            string payload = $"{{\"ts\":{1_700_000_000 + 60 * row},\"value\":{values[row]}}}";
            device.Publish("plant/1/load", payload);
            device.Publish("plant/1/speed", payload);
        }
        device.Drain();

        Assert.Equal(Replayed(model), Live("plant/1/load", "pump@"));
        Assert.Equal(Replayed(null), Live("plant/1/speed", "default@"));

        string[] Live(string stream, string name)
        {
            Message[] messages = [];
            Wait.Until(() => (messages = Of("forecast")).Length >= Rows, $"every forecast of {stream}");
            Assert.All(messages, message => Assert.Contains($"\"model\":\"{name}", message.Payload));
            HashSet<long> anomalies = [.. Of("anomaly").Select(message => Outputs.Number(message.Payload))];
            return [.. messages.Select(message => Outputs.AsReplayRow(message.Payload, anomalies.Contains(Outputs.Number(message.Payload))))];

            Message[] Of(string kind) => [.. reader.Messages.Where(message => message.Topic == $"streamrnn/{stream}/{kind}")];
        }
    }

    [Fact]
    public async Task Replay_and_evaluate_forecast_with_the_models_own_head()
    {
        string model = Write("pump.safetensors", Model()), data = Recording();
        string output = Path.Combine(_folder, "out");
        (int exitCode, _, string error) = await Executable.RunAsync("replay", data, "--model", model, "--out", output);
        Assert.Equal((0, ""), (exitCode, error));

        // The head's output for each row, mapped back by the file's own constants: no other forecast is published.
        SequenceModel network = ModelFile.Load(model).Model;
        StateSlab slab = new(network.StateFloats);
        int[] row = [slab.Add()];
        StepScratch scratch = network.CreateScratch(1);
        float[] y = [0];
        string[] lines = File.ReadAllLines(Path.Combine(output, "data.csv"));
        string[] values = Values();
        for (int t = 0; t + 1 < Rows; t++)
        {
            network.Step([(float)((double.Parse(values[t], CultureInfo.InvariantCulture) - 17.5) / 4.25)], slab, row, y, scratch);
            double expected = y[0] * 4.25 + 17.5;
            Assert.Equal(expected, double.Parse(lines[t + 2].Split(',')[2], CultureInfo.InvariantCulture), tolerance: 1e-12 * Math.Abs(expected));
        }

        (int evaluated, string report, _) = await Executable.RunAsync("evaluate", data, "--model", model, "--from", "150");
        Assert.Equal(0, evaluated);
        Assert.Contains("pump@", report);
    }

    [Theory]
    [InlineData("cut", "was the copy interrupted?")]
    [InlineData("swapped", "golden vectors")]
    [InlineData("nan", "rnn.weight_hh_l0[0, 0] is NaN")]
    [InlineData("deviation", "norm_std")]
    [InlineData("bidirectional", "needs the future")]
    [InlineData("tokens", "reads tokens")]
    public async Task A_model_the_worker_cannot_step_is_refused_by_name_before_anything_is_read(string damage, string reason)
    {
        string model = Write("pump.safetensors", Damaged(damage));
        string[] replay = ["replay", Recording(), "--out", Path.Combine(_folder, "out"), "--model", model], run = ["run", "--embedded-broker", "0", "--model", model];
        foreach (string[] arguments in damage == "cut" ? (string[][])[replay, run] : [replay])
        {
            (int exitCode, string output, string error) = await Executable.RunAsync(arguments);
            Assert.Equal((1, ""), (exitCode, output));
            string line = Assert.Single(error.Trim().Split('\n'));
            Assert.Contains("pump", line);
            Assert.Contains(reason, line);
        }

        Assert.False(Directory.Exists(Path.Combine(_folder, "out")));
    }

    private static byte[] Damaged(string damage)
    {
        byte[] bytes = Model();
        int weights = bytes.Length - 4 * new ParameterLayout(Shape).Length;
        switch (damage)
        {
            case "cut":
                return bytes[..^100];
            case "swapped":
                (bytes[weights + 2], bytes[weights + 34]) = (bytes[weights + 34], bytes[weights + 2]);   // input and forget gate of the first unit
                return bytes;
            case "nan":
                BitConverter.TryWriteBytes(bytes.AsSpan(weights + 4 * 32), float.NaN);
                return bytes;
            case "deviation":
                return Model(deviation: "[0]");
            case "bidirectional":
                return Format(new ModelShape(CellKind.Gru, 1, 4, outputs: 1) { Bidirectional = true });
            default:
                return Format(new ModelShape(CellKind.Gru, 3, 4, outputs: 5) { Vocabulary = 5 });
        }
    }

    private static byte[] Model(string deviation = "[4.25]") => Format(Shape, ("norm_mean", "[17.5]"), ("norm_std", deviation));

    /// <summary>Parameters between -0.5 and 0.5, seed 5.</summary>
    private static byte[] Format(ModelShape shape, params (string Key, string Value)[] metadata)
    {
        Random random = new(5);
        float[] parameters = [.. Enumerable.Range(0, new ParameterLayout(shape).Length).Select(_ => random.NextSingle() - 0.5f)];
        return ModelFile.Format(shape, parameters, metadata.ToDictionary(entry => entry.Key, entry => entry.Value));
    }

    private string[] Replayed(string? model)
    {
        string output = Path.Combine(_folder, Path.GetRandomFileName());
        new ReplayRun(ShippedModel.Load(model), shards: 2, new RecordingOptions()).Run(RecordingFile.Find(Recording()), output, _ => { });
        return [.. File.ReadLines(Path.Combine(output, "data.csv")).Skip(1).Select(row => row[(row.IndexOf(',', StringComparison.Ordinal) + 1)..])];
    }

    private string Recording()
    {
        string path = Path.Combine(_folder, "data.csv");
        File.WriteAllLines(path, ["ts,value", .. Values().Select((value, row) => $"{1_700_000_000 + 60 * row},{value}")]);
        return path;
    }

    private static string[] Values() => [.. Enumerable.Range(0, Rows).Select(row => (17 + 3 * Math.Sin(row / 5.0) + row % 7 * 0.1).ToString("f3", CultureInfo.InvariantCulture))];

    private string Write(string name, byte[] bytes)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
