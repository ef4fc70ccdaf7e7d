using StreamRnn.Engine.Publish;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>The rows of a recording give the same numbers whichever way they go through the worker, and on whichever machine.</summary>
[Collection(RealProcesses.Name)]
[Trait("speed", "slow")]
public sealed class SameBitsTests(RecordedRows recorded, MosquittoBroker mosquitto) : IClassFixture<RecordedRows>, IClassFixture<MosquittoBroker>
{
    [Theory]
    [InlineData(1, false)]
    [InlineData(4, false)]
    [InlineData(1, true)]
    [InlineData(4, true)]
    public void Live_through_the_workers_own_broker(int shards, bool amongOthers)
    {
        using WorkerInProcess worker = WorkerInProcess.Embedded(options => options with { Shards = shards });
        Compare(worker.Port, "rows", amongOthers);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(4, true)]
    public void Live_through_a_broker_elsewhere(int shards, bool amongOthers)
    {
        string prefix = $"rows{shards}";
        using WorkerInProcess worker = WorkerInProcess.Connected(mosquitto.Port, $"{prefix}/#", options => options with { Shards = shards, Publish = new PublishOptions { Prefix = "out" } });
        Compare(mosquitto.Port, prefix, amongOthers, output: "out");
    }

    [Fact]
    public async Task Live_through_processes_with_the_device_simulator()
    {
        using WorkerProcess worker = WorkerProcess.Start("--host", "127.0.0.1", "--port", $"{mosquitto.Port}", "--subscribe", "simulated/#", "--shards", "4");
        using MqttPeer reader = new(mosquitto.Port, "streamrnn/simulated/#");

        (int exitCode, _, string error) = await Executable.RunAsync("publish", recorded.Input, "--port", $"{mosquitto.Port}", "--topic", "simulated");
        Assert.Equal((0, ""), (exitCode, error));
        AssertSameBits(reader, "streamrnn/simulated");
    }

    [Theory]
    [InlineData("--shards", "4")]
    [InlineData("--shards", "1", "DOTNET_EnableAVX512=0")]
    [InlineData("--shards", "1", "DOTNET_EnableAVX2=0")]
    [InlineData("--shards", "1", "DOTNET_PreferredVectorBitWidth=128")]
    [InlineData("--shards", "1", "GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-AVX2")]
    [InlineData("--shards", "1", "GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-AVX2", "DOTNET_EnableAVX2=0")]
    [InlineData("--shards", "1", "DOTNET_EnableHWIntrinsic=0")]
    public async Task Replayed_by_a_process_on_another_machine(string option, string value, params string[] environment)
    {
        string output = recorded.NewFolder();
        (int exitCode, _, string error) = await Executable.FinishAsync(Executable.Start(["replay", recorded.Input, "--out", output, option, value],
            environment: environment.Select(setting => setting.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1])));

        Assert.Equal((0, ""), (exitCode, error));
        Assert.All(RecordedRows.Names, name => Assert.Equal(recorded.ReplayOf(name), File.ReadAllBytes(Path.Combine(output, name + ".csv"))));
    }

    [Fact]
    public void The_rows_compared_hold_alarms_and_intervals() =>
        Assert.All(RecordedRows.Names, name =>
        {
            string[] rows = recorded.ReplayRowsOf(name);
            Assert.Equal(RecordedRows.Rows, rows.Length);
            Assert.InRange(rows.Count(row => row.EndsWith(",1", StringComparison.Ordinal)), 1, 20);
            Assert.InRange(rows.Count(row => row.Contains(",,", StringComparison.Ordinal)), 1, 50);
        });

    private void Compare(int port, string prefix, bool amongOthers, string output = "streamrnn")
    {
        using MqttPeer reader = new(port, $"{output}/{prefix}/#");
        using MqttPeer device = new(port);
        recorded.PlayTo(device, prefix, amongOthers ? Others(prefix) : null);
        AssertSameBits(reader, $"{output}/{prefix}");
    }

    private void AssertSameBits(MqttPeer reader, string prefix)
    {
        foreach (string name in RecordedRows.Names)
        {
            Message[] forecasts = [], messages = [];
            Wait.Until(() => (forecasts = Of("forecast")).Length >= RecordedRows.Rows, $"every forecast of {name}", seconds: 60);
            string[] expected = recorded.ReplayRowsOf(name);
            int alarms = expected.Count(row => row.EndsWith(",1", StringComparison.Ordinal));
            Wait.Until(() => (messages = Of("anomaly")).Length >= alarms, $"{alarms} anomalies of {name}");

            HashSet<long> anomalies = [.. messages.Select(message => Outputs.Number(message.Payload))];
            Assert.Equal(expected, forecasts.Select(message => Outputs.AsReplayRow(message.Payload, anomalies.Contains(Outputs.Number(message.Payload)))));
            Assert.Equal(alarms, messages.Length);

            Message[] Of(string kind) => [.. reader.Messages.Where(message => message.Topic == $"{prefix}/{name}/{kind}")];
        }
    }

    /// <summary>A thousand other streams in no order.</summary>
    private static IEnumerator<(string Topic, string Payload)> Others(string prefix)
    {
        Random random = new(20260101);
        while (true)
        {
            int stream = random.Next(1000);
            yield return ($"{prefix}/other/{stream}", $"{{\"value\":{stream + random.Next(100)}.5}}");
        }
    }
}
