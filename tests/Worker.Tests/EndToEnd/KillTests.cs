using System.Globalization;
using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;
using StreamRnn.Detection;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>A worker with a data directory is killed, started again, and gives what one gives that nobody disturbed.</summary>
[Collection(RealProcesses.Name)]
[Trait("speed", "slow")]
public sealed class KillTests : IDisposable
{
    private const int Streams = 20, Ticks = 200;

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"streamrnn-{Guid.NewGuid():n}");

    public void Dispose()
    {
        if (Directory.Exists(_folder))
            Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void After_a_kill_every_stream_goes_on_with_the_same_bits()
    {
        string[] undisturbed;
        using (WorkerInProcess worker = WorkerInProcess.Embedded())
        {
            using MqttPeer peer = new(worker.Port, "streamrnn/+/+/forecast");
            Play(peer, 0, Ticks);
            peer.WaitFor(Streams * Ticks, "forecasts");
            undisturbed = ByStreamAndNumber(peer, after: Ticks / 2);
        }

        int port = Ports.Free();
        string[] arguments = ["--embedded-broker", $"{port}", "--data-dir", _folder];
        using (WorkerProcess first = WorkerProcess.Start([.. arguments, "--shards", "2"]))
        {
            using MqttPeer peer = new(port);
            Play(peer, 0, Ticks / 2);
            first.Kill();   // at once: what was acknowledged is all that counts
        }
        using WorkerProcess second = WorkerProcess.Start([.. arguments, "--shards", "3"]);
        second.WaitFor($"Recovered {Streams} streams");
        using MqttPeer reader = new(port, "streamrnn/+/+/forecast");
        Play(reader, Ticks / 2, Ticks);
        Wait.Until(() => ByStreamAndNumber(reader, after: Ticks / 2).Length == undisturbed.Length, "forecasts of the second half", 60);
        Assert.Equal(undisturbed, ByStreamAndNumber(reader, after: Ticks / 2));
        Assert.Equal(0, second.Terminate());
    }

    [Fact]
    public void A_worker_that_was_killed_may_start_with_another_model()
    {
        int port = Ports.Free();
        string model = Path.Combine(_folder, "bare.safetensors");
        Directory.CreateDirectory(_folder);
        ModelShape shape = new(CellKind.Gru, inputs: 1, hidden: 16, outputs: 1);
        ModelFile.Save(model, shape, new float[new ParameterLayout(shape).Length], new Dictionary<string, string> { [ForecasterFile.ForecasterKey] = ForecasterFile.Bare });
        string[] arguments = ["--embedded-broker", $"{port}", "--data-dir", Path.Combine(_folder, "data")];
        using (WorkerProcess first = WorkerProcess.Start(arguments))
        {
            using MqttPeer peer = new(port);
            Play(peer, 0, 5);
            first.Kill();
        }

        string[] published;
        using (WorkerProcess second = WorkerProcess.Start([.. arguments, "--model", model]))
        {
            Assert.Matches("Models or rules have changed: 20 streams of default@.... go on under bare@...., 0 as before.", second.Log);
            using MqttPeer reader = new(port, "streamrnn/+/+/forecast");
            Play(reader, 5, 10);
            Wait.Until(() => ByStreamAndNumber(reader, after: 5).Length == 5 * Streams, "forecasts of the second half", 60);
            published = ByStreamAndNumber(reader, after: 5);
            Assert.All(published, line => Assert.Contains("\"model\":\"bare@", line, StringComparison.Ordinal));
            second.Kill();
        }

        File.Delete(model);   // the directory has its own
        using WorkerProcess third = WorkerProcess.Start(arguments);
        Assert.Matches("Models or rules have changed: 20 streams of bare@.... go on under default@...., 0 as before.", third.Log);
        using MqttPeer last = new(port, "streamrnn/+/+/forecast");
        Play(last, 10, 11);
        Wait.Until(() => ByStreamAndNumber(last, after: 10).Length == Streams, "forecasts behind the second change", 60);
        Assert.Equal(0, third.Terminate());
    }

    [Fact]
    public void Two_workers_cannot_share_a_data_directory()
    {
        using WorkerProcess first = WorkerProcess.Start("--embedded-broker", "0", "--data-dir", _folder);
        using System.Diagnostics.Process second = Executable.Start(["run", "--embedded-broker", "0", "--data-dir", _folder]);
        string error = second.StandardError.ReadToEnd();
        Assert.True(second.WaitForExit(60_000));
        Assert.Equal(1, second.ExitCode);
        Assert.Contains("is in use by another worker", error, StringComparison.Ordinal);
    }

    private static void Play(MqttPeer devices, int from, int to)
    {
        for (int tick = from; tick < to; tick++)
        {
            for (int stream = 0; stream < Streams; stream++)
            {
                double value = Math.Round(20 + 5 * Math.Sin(tick * 0.1 + stream), 3);
                devices.Publish($"plant/{stream}", string.Create(CultureInfo.InvariantCulture,
                    $$"""{"ts":{{1_767_225_600 + tick * 60}},"value":{{value}}}"""));
            }
        }
        devices.Drain();
    }

    /// <summary>Repeats dropped, as a consumer would: by stream and n.</summary>
    private static string[] ByStreamAndNumber(MqttPeer reader, int after) =>
        [.. reader.Messages.Where(message => Outputs.Number(message.Payload) > after)
            .Select(message => $"{message.Topic} {Outputs.Number(message.Payload):d6} {message.Payload}").Distinct().Order(StringComparer.Ordinal)];
}
