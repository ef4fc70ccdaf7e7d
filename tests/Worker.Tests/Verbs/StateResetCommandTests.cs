using System.Globalization;
using System.Text.Json;
using StreamRnn.Worker.Tests.EndToEnd;

namespace StreamRnn.Worker.Tests.Verbs;

[Collection(RealProcesses.Name)]
[Trait("speed", "slow")]
public sealed class StateResetCommandTests : IDisposable
{
    // Longer than a socket's address may be.
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"streamrnn-{Guid.NewGuid():n}", new string('a', 60), new string('b', 60));

    public void Dispose() => Directory.Delete(Path.GetFullPath(Path.Combine(_folder, "..", "..")), recursive: true);

    [Fact]
    public async Task Streams_of_a_worker_begin_anew_while_it_runs_and_while_it_does_not()
    {
        using (WorkerProcess worker = WorkerProcess.Start("--embedded-broker", "0", "--data-dir", _folder))
        {
            using MqttPeer peer = new(worker.BrokerPort, "streamrnn/+/+/forecast");
            Publish(peer, n: 1, 1, 2, 4);
            Assert.Equal((0, "1 stream begins anew\n", ""), await Reset("plant/a"));
            Assert.Equal((0, "{\"streams\":2}\n", ""), await Reset("plant/#", "--json"));
            worker.WaitFor("Reset 'plant/#': 2 streams begin anew.");
            (int code, _, string error) = await Reset("plant/c");
            Assert.Equal(1, code);
            Assert.Contains("is called or matches 'plant/c', nothing was reset", error, StringComparison.Ordinal);
            if (!OperatingSystem.IsWindows())
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_folder, "control")));
            AssertAnew(Publish(peer, n: 4, 8));
            worker.Kill();
        }

        // The socket it left behind is nobody's.
        Assert.Equal((0, "{\"streams\":1}\n", ""), await Reset("plant/b", "--json"));
        using (WorkerProcess worker = WorkerProcess.Start("--embedded-broker", "0", "--data-dir", _folder))
        {
            using MqttPeer peer = new(worker.BrokerPort, "streamrnn/+/+/forecast");
            JsonElement[] forecasts = Publish(peer, n: 5, 16);
            Assert.Equal(8, forecasts[0].GetProperty("forecast").GetDouble());   // plant/a goes on
            Assert.Equal(JsonValueKind.Null, forecasts[1].GetProperty("forecast").ValueKind);
            Assert.Equal((0, "1 stream begins anew\n", ""), await Reset("plant/a"));
            AssertAnew([Publish(peer, n: 6, 32)[0]]);
            Assert.Equal(0, worker.Terminate());
        }
        Assert.False(File.Exists(Path.Combine(_folder, "control")));
    }

    [Fact]
    public async Task A_pattern_that_is_none_is_a_wrong_call_and_a_folder_that_is_none_a_failure()
    {
        Directory.CreateDirectory(_folder);
        (int code, string output, string error) = await Reset("plant/#/a");
        Assert.Equal((2, ""), (code, output));
        Assert.Equal("streamrnn state reset: 'plant/#/a': '#' must be the last level, as in 'plant/#'. See 'streamrnn state reset --help'.\n", error);
        (code, _, error) = await Reset("plant/#");
        Assert.Equal(1, code);
        Assert.Contains("is no data directory; name the one that a worker was given with --data-dir", error, StringComparison.Ordinal);
    }

    private Task<(int ExitCode, string Output, string Error)> Reset(string pattern, params string[] options) =>
        Executable.RunAsync(["state", "reset", pattern, "--data-dir", _folder, .. options]);

    /// <summary>Sends values to two streams.</summary>
    /// <param name="n">Number of the first of them.</param>
    /// <returns>The last forecast of each.</returns>
    private static JsonElement[] Publish(MqttPeer peer, int n, params int[] values)
    {
        string[] streams = ["plant/a", "plant/b"];
        foreach (int value in values)
        {
            foreach (string stream in streams)
                peer.Publish(stream, value.ToString(CultureInfo.InvariantCulture));
        }
        peer.Drain();
        return [.. streams.Select(stream => JsonDocument.Parse(peer.WaitFor(
            message => message.Topic == $"streamrnn/{stream}/forecast" && Outputs.Number(message.Payload) == n + values.Length - 1, $"the forecast of {stream}").Payload).RootElement)];
    }

    private static void AssertAnew(JsonElement[] forecasts) => Assert.All(forecasts, forecast =>
    {
        Assert.Equal(JsonValueKind.Null, forecast.GetProperty("forecast").ValueKind);
        Assert.Equal(forecast.GetProperty("value").GetDouble(), forecast.GetProperty("next").GetDouble());
    });
}
