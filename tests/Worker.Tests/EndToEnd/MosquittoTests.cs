using System.Diagnostics;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>The service, a device simulator and a subscriber, each a process of its own, around a broker that nobody here wrote.</summary>
[Collection(RealProcesses.Name)]
[Trait("speed", "slow")]
public sealed class MosquittoTests
{
    [Fact]
    public async Task Ten_thousand_ticks_on_a_thousand_topics_give_as_many_forecasts_and_none_is_missing_or_doubled()
    {
        using MosquittoBroker mosquitto = new();
        string[] subscribe = ["-p", $"{mosquitto.Port}", "-i", "counter", "-c", "-q", "1", "-t", "streamrnn/+/+/forecast"];
        using (Process subscriber = Process.Start(new ProcessStartInfo("mosquitto_sub", [.. subscribe, "-E"]))!)
            await subscriber.WaitForExitAsync();
        using WorkerProcess worker = WorkerProcess.Start("--host", "127.0.0.1", "--port", $"{mosquitto.Port}");

        Task<(int, string, string)> publishing = Executable.RunAsync("publish", Samples.Path("speed_7578"),
            "--port", $"{mosquitto.Port}", "--devices", "1000", "--rows", "10", "--json");
        using Process counter = Process.Start(new ProcessStartInfo("mosquitto_sub", [.. subscribe, "-F", "%t %p", "-C", "10000", "-W", "60"])
        { RedirectStandardOutput = true })!;
        string[] lines = (await counter.StandardOutput.ReadToEndAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        await counter.WaitForExitAsync();
        (int published, string outcome, _) = await publishing;

        Assert.Equal((0, 0), (published, counter.ExitCode));
        Assert.Contains("\"published\":10000,\"confirmed\":10000,\"rejected\":0,\"dropped\":0", outcome);
        Assert.Equal(10_000, lines.Length);
        Dictionary<string, List<long>> numbers = Outputs.NumbersByTopic(lines.Select(line => line.Split(' ', 2)).Select(parts => new Message(parts[0], parts[1], false, null, null)));
        Assert.Equal(1000, numbers.Count);
        Assert.All(numbers, stream => Assert.Equal(Enumerable.Range(1, 10).Select(n => (long)n), stream.Value));

        Assert.Equal(0, worker.Terminate());
        Assert.Contains("Drained: 10000 accepted, 10000 stepped, 10000 outputs: 10000 confirmed, 0 refused by the broker, 0 unconfirmed", worker.Log);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_broker_that_goes_in_the_middle_is_waited_for_and_no_forecast_is_missing(bool crash)
    {
        const int Streams = 50, Rows = 20;
        using MosquittoBroker mosquitto = new("autosave_on_changes true\nautosave_interval 200");
        using WorkerProcess worker = WorkerProcess.Start("--host", "127.0.0.1", "--port", $"{mosquitto.Port}", "--subscribe", "plant/#");
        using MqttPeer peer = new(mosquitto.Port, "streamrnn/#");
        using MqttPeer devices = new(mosquitto.Port);
        peer.WaitFor(message => message is { Topic: "streamrnn/status", Payload: "online" }, "online");

        Play(1, Rows / 2);
        devices.Drain();
        if (crash)
        {
            // What mosquitto has acknowledged and not saved is lost with it: nothing may be under way.
            peer.WaitFor(1 + (Streams * Rows / 2), "forecasts");
            mosquitto.Kill();
        }
        else
        {
            mosquitto.Stop();
        }
        worker.WaitFor("is gone");
        Play((Rows / 2) + 1, Rows);
        mosquitto.Start();
        devices.Drain();

        // Told by their value: where a tick came twice, the last step bears a higher number.
        Wait.Until(() => Forecasts().Where(message => Outputs.Value(message.Payload) == Rows).DistinctBy(message => message.Topic).Count() == Streams, "the last forecasts", 60);
        Assert.All(Forecasts().GroupBy(message => message.Topic), stream =>
        {
            // At least once, so a tick may have come twice; then it is a step of its own. Repeats of a forecast bear its number.
            Message[] once = [.. stream.DistinctBy(message => Outputs.Number(message.Payload))];
            Assert.Equal(Enumerable.Range(1, once.Length).Select(n => (long)n), once.Select(message => Outputs.Number(message.Payload)));
            Assert.Superset(Enumerable.Range(1, Rows).Select(row => (double)row).ToHashSet(), once.Select(message => Outputs.Value(message.Payload)).ToHashSet());
        });

        using MqttPeer later = new(mosquitto.Port, "streamrnn/status");
        later.WaitFor(message => message is { Payload: "online", Retained: true }, "online again");
        Assert.Equal(0, worker.Terminate());
        later.WaitFor(message => message is { Payload: "offline" }, "offline");

        void Play(int first, int last)
        {
            for (int row = first; row <= last; row++)
                for (int stream = 0; stream < Streams; stream++)
                    devices.Publish($"plant/{stream}", $"{row}");
            devices.Client.Flush();
        }

        Message[] Forecasts() => [.. peer.Messages.Where(message => message.Topic.EndsWith("/forecast", StringComparison.Ordinal))];
    }

    [Fact]
    public void A_worker_that_is_killed_is_offline_by_its_last_will()
    {
        using MosquittoBroker mosquitto = new();
        using WorkerProcess worker = WorkerProcess.Start("--host", "127.0.0.1", "--port", $"{mosquitto.Port}");
        using MqttPeer peer = new(mosquitto.Port, "streamrnn/status");
        peer.WaitFor(message => message.Payload == "online", "online");

        worker.Kill();

        peer.WaitFor(message => message.Payload == "offline", "offline");
        using MqttPeer later = new(mosquitto.Port, "streamrnn/status");
        later.WaitFor(message => message is { Payload: "offline", Retained: true }, "offline, retained");
    }
}

/// <summary>Brokers and workers as processes: one test at a time, or they would measure each other.</summary>
[CollectionDefinition(Name)]
public class RealProcesses
{
    public const string Name = "real processes";
}

/// <summary>The recordings beside the executable.</summary>
internal static class Samples
{
    public static string Path(string name) => System.IO.Path.Combine(AppContext.BaseDirectory, "samples", name + ".csv");
}
