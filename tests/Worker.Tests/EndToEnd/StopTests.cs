using System.Diagnostics;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>Stopping is draining: what was taken in leaves as forecasts and is acknowledged, and what was not comes again.</summary>
[Collection(RealProcesses.Name)]
[Trait("speed", "slow")]
public sealed class StopTests : IDisposable
{
    private const int Ticks = 20_000, Streams = 50;

    private readonly MosquittoBroker _mosquitto = new();

    public void Dispose() => _mosquitto.Dispose();

    [Fact]
    public void A_stop_in_the_middle_of_a_stream_costs_no_tick_and_doubles_none()
    {
        string[] arguments = ["--host", "127.0.0.1", "--port", $"{_mosquitto.Port}", "--subscribe", "plant/#"];
        using MqttPeer reader = new(_mosquitto.Port, "streamrnn/+/+/forecast");
        using MqttPeer devices = new(_mosquitto.Port);
        using (WorkerProcess first = WorkerProcess.Start(arguments))
        {
            Play(devices, 0, Ticks / 2);
            reader.WaitFor(Ticks / 10, "forecasts");
            Assert.Equal(0, first.Terminate());
        }
        Play(devices, Ticks / 2, Ticks);
        devices.Drain();

        using WorkerProcess second = WorkerProcess.Start(arguments);
        reader.WaitFor(Ticks, "forecasts");
        Assert.Equal(0, second.Terminate());

        // Nothing is kept on disk yet, so the second worker counts n from 1 again: the ticks are told by their values.
        Dictionary<string, double[]> values = reader.Messages.GroupBy(message => message.Topic)
            .ToDictionary(stream => stream.Key, stream => stream.Select(message => Outputs.Value(message.Payload)).ToArray());
        Assert.Equal(Streams, values.Count);
        Assert.All(values, stream => Assert.Equal(Enumerable.Range(0, Ticks / Streams).Select(value => (double)value), stream.Value));
    }

    /// <summary>A stop that has run out of time goes on while the host disposes of the worker.</summary>
    [Fact]
    public async Task Two_threads_may_dispose_of_a_worker_at_once()
    {
        for (int round = 0; round < 20; round++)
        {
            using WorkerInProcess worker = WorkerInProcess.Connected(_mosquitto.Port, "plant/#");
            using Barrier both = new(2);
            await Task.WhenAll(Task.Run(Dispose), Task.Run(Dispose));

            void Dispose()
            {
                both.SignalAndWait();
                worker.Worker.Dispose();
            }
        }
    }

    [Fact]
    public void After_a_kill_every_tick_that_was_not_acknowledged_comes_again()
    {
        string[] arguments = ["--host", "127.0.0.1", "--port", $"{_mosquitto.Port}", "--subscribe", "plant/#"];
        using MqttPeer reader = new(_mosquitto.Port, "streamrnn/+/+/forecast");
        using MqttPeer devices = new(_mosquitto.Port);
        using (WorkerProcess first = WorkerProcess.Start(arguments))
        {
            Play(devices, 0, Ticks / 2);
            reader.WaitFor(Ticks / 10, "forecasts");
            first.Kill();
        }
        Play(devices, Ticks / 2, Ticks);
        devices.Drain();
        int before = reader.Count;

        using WorkerProcess second = WorkerProcess.Start(arguments);
        Wait.Until(() => Last() == Streams, "a forecast of each stream's last tick", 60);
        Assert.True(reader.Count > before);
        Assert.Equal(0, second.Terminate());

        // The second worker goes on where acknowledgement ended: from the first tick it gets, none is missing to the last.
        Assert.All(reader.Messages.GroupBy(message => message.Topic), stream =>
        {
            double[] values = [.. stream.Select(message => Outputs.Value(message.Payload))];
            int restart = Array.FindLastIndex([.. stream.Select(message => Outputs.Number(message.Payload))], n => n == 1);
            double[] again = values[restart..];
            Assert.Equal(Enumerable.Range((int)again[0], (Ticks / Streams) - (int)again[0]).Select(value => (double)value), again);
        });

        int Last() => reader.Messages.Where(message => message.Payload.Contains($"\"value\":{(Ticks / Streams) - 1},", StringComparison.Ordinal))
            .DistinctBy(message => message.Topic).Count();
    }

    [Fact]
    public void Without_a_broker_a_stop_waits_for_nothing()
    {
        using WorkerInProcess worker = WorkerInProcess.Connecting(Ports.Free(), "plant/#");
        long startedAt = Stopwatch.GetTimestamp();
        worker.Dispose();
        // A deadline and no measurement: a stop that waits for confirmations takes ten seconds.
        Assert.True(Stopwatch.GetElapsedTime(startedAt) < TimeSpan.FromSeconds(9), "a stop waited for a broker that was never there");
    }

    [Fact]
    public void At_QoS_0_ticks_that_the_queues_can_take_are_forecast_too()
    {
        const int Count = 1000;
        using WorkerProcess worker = WorkerProcess.Start("--host", "127.0.0.1", "--port", $"{_mosquitto.Port}", "--subscribe", "plant/#", "--qos", "0");
        using MqttPeer reader = new(_mosquitto.Port, "streamrnn/plant/a/forecast");
        using MqttPeer device = new(_mosquitto.Port);
        for (int tick = 0; tick < Count; tick++)
            device.Publish("plant/a", $"{tick}", qos: 0);
        device.Client.Flush();

        reader.WaitFor(Count, "forecasts");
        Assert.Equal(Enumerable.Range(1, Count).Select(n => (long)n), reader.Messages.Select(message => Outputs.Number(message.Payload)));
        Assert.All(reader.Messages, message => Assert.Equal(("application/json", false), (message.ContentType, message.Retained)));
        Assert.Equal(0, worker.Terminate());
    }

    /// <summary>Tick t is value t / Streams of stream t % Streams.</summary>
    private static void Play(MqttPeer devices, int first, int end)
    {
        for (int tick = first; tick < end; tick++)
            devices.Publish($"plant/{tick % Streams}", $"{tick / Streams}");
        devices.Client.Flush();
    }
}
