using System.Net.Sockets;
using StreamRnn.Lab.Soak;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>Ticks as fast as they can be sent through a worker whose queues are as short as they may be.</summary>
[Collection(RealProcesses.Name)]
[Trait("speed", "slow")]
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

    [Fact]
    public void Devices_that_connect_for_one_message_each_leave_nothing_behind()
    {
        // A connection takes 150 KB. Were they kept until the queues have gone round, these would be 120 MB.
        const int Connections = 800;
        using WorkerProcess worker = WorkerProcess.Start(new Dictionary<string, string> { ["DOTNET_GCHeapHardLimit"] = "0x5000000" }, "--embedded-broker", "0");
        byte[] message = [0x32, 10, 0, 4, .. "a/bc"u8, 0, 1, .. "20"u8];
        byte[] acknowledgement = new byte[4];
        for (int i = 0; i < Connections; i++)
        {
            using Socket device = SoakConnection.Connect(worker.BrokerPort, $"device-{i}");
            device.Send(message);
            Assert.Equal(4, device.Receive(acknowledgement));
        }
        Assert.Equal(0, worker.Terminate());
        Assert.Contains($"Drained: {Connections} accepted, {Connections} stepped", worker.Log);
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
        Assert.Contains($"Drained: {Ticks} accepted, {Ticks} stepped, {Ticks} outputs: {Ticks} confirmed, 0 refused by the broker, 0 unconfirmed", worker.Log);

        void Play(int first, int end)
        {
            for (int tick = first; tick < end; tick++)
                devices.Publish($"load/{tick % Streams}", $"{tick / Streams}");
            devices.Drain();
        }
    }
}
