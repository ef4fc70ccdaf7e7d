using StreamRnn.Ingest.Tests.Mqtt.Client;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>Ticks as fast as they can be sent through a worker whose queues are as short as they may be.</summary>
[Collection(RealProcesses.Name)]
public sealed class LoadTests
{
    private const int Ticks = 50_000, Streams = 250, WarmUp = 20_000;

    // A heap that has grown to its working size stays near it: 6 to 11 MB were measured.
    private const long GrowthBytes = 24 << 20;

    private static readonly Dictionary<string, string> Tiny = new() { ["Limits__QueueCapacity"] = "256", ["Publish__Capacity"] = "256" };

    [Fact]
    public void Through_a_broker_nothing_waits_for_itself_nothing_is_lost_and_nothing_grows()
    {
        using MosquittoBroker mosquitto = new();
        using WorkerProcess worker = WorkerProcess.Start(Tiny, "--host", "127.0.0.1", "--port", $"{mosquitto.Port}");
        Load(worker, mosquitto.Port);
    }

    [Fact]
    public void Through_its_own_broker_nothing_waits_for_itself_nothing_is_lost_and_nothing_grows()
    {
        using WorkerProcess worker = WorkerProcess.Start(Tiny, "--embedded-broker", "0");
        Load(worker, worker.BrokerPort);
    }

    private static void Load(WorkerProcess worker, int port)
    {
        using MqttPeer reader = new(port, "streamrnn/+/+/forecast");
        using MqttPeer devices = new(port);
        Play(0, WarmUp);
        reader.WaitFor(WarmUp, "forecasts");
        long before = worker.ResidentBytes;
        Play(WarmUp, Ticks);
        reader.WaitFor(Ticks, "forecasts");
        long growth = worker.ResidentBytes - before;

        Dictionary<string, List<long>> numbers = Outputs.NumbersByTopic(reader.Messages);
        Assert.Equal(Streams, numbers.Count);
        Assert.All(numbers, stream => Assert.Equal(Enumerable.Range(1, Ticks / Streams).Select(n => (long)n), stream.Value));
        Assert.True(growth < GrowthBytes, $"grew by {growth >> 20} MB over {Ticks - WarmUp} ticks");
        Assert.Equal(0, worker.Terminate());
        Assert.Contains($"Drained: {Ticks} ticks accepted, {Ticks} stepped, {Ticks} forecasts published", worker.Log);

        void Play(int first, int end)
        {
            for (int tick = first; tick < end; tick++)
                devices.Publish($"load/{tick % Streams}", $"{tick / Streams}");
            devices.Drain();
        }
    }
}
