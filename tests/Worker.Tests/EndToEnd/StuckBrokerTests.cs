using System.Net.Sockets;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Streams;
using StreamRnn.Worker.Hosting;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>A broker that takes forecasts and confirms none: every buffer of the worker fills up to its sockets.</summary>
[Collection(RealProcesses.Name)]
[Trait("speed", "slow")]
public sealed class StuckBrokerTests : IDisposable
{
    private const int Ticks = 4000, Streams = 10;

    private readonly MosquittoBroker _mosquitto = new();
    private readonly ManualResetEventSlim _letGo = new();
    private readonly FaultyBroker _stuck;
    private readonly WorkerInProcess _worker;

    public StuckBrokerTests()
    {
        _stuck = new FaultyBroker(_mosquitto.Port, [Stick], victims: "-out");
        _worker = WorkerInProcess.Connecting(_stuck.Port, "stuck/#", options => options with
        {
            Mqtt = options.Mqtt with { PublishBufferMessages = 64 },
            Limits = new LimitsOptions { QueueCapacity = 256 },
            Publish = new PublishOptions { Capacity = 256 },
            Shards = 1,
        });
    }

    [Fact]
    public void When_it_is_back_no_forecast_is_missing_or_doubled_and_it_hears_that_the_worker_is_online()
    {
        FillUp();
        using MqttPeer reader = new(_mosquitto.Port, "streamrnn/#");
        Assert.Empty(reader.Messages);
        _letGo.Set();

        Wait.Until(() => Forecasts().Length >= Ticks, "every forecast", 60);
        Assert.All(Outputs.NumbersByTopic(Forecasts()), stream => Assert.Equal(Enumerable.Range(1, Ticks / Streams).Select(n => (long)n), stream.Value));
        reader.WaitFor(message => message is { Topic: "streamrnn/status", Payload: "online" }, "online");

        Message[] Forecasts() => [.. reader.Messages.Where(message => message.Topic.EndsWith("/forecast", StringComparison.Ordinal))];
    }

    [Fact]
    public async Task A_stop_that_cannot_drain_gives_up_and_says_what_is_left()
    {
        FillUp();
        WorkerService service = new(_worker.Worker, duration: null, new NoLifetime(), TimeProvider.System, NullLogger<StreamWorker>.Instance);
        await service.StopAsync(new CancellationToken(canceled: true));
        Assert.Matches(@"gave up draining: the broker does not take the forecasts of \d{3,4} ticks", _worker.Worker.Failure.Exception!.Message);
    }

    public void Dispose()
    {
        _letGo.Set();
        _worker.Dispose();
        _worker.Worker.Link.Dispose();
        _stuck.Dispose();
        _mosquitto.Dispose();
        _letGo.Dispose();
    }

    private void FillUp()
    {
        Wait.Until(() => _worker.Worker.IsReady, "the worker is ready");
        using MqttPeer device = new(_mosquitto.Port);
        for (int tick = 0; tick < Ticks; tick++)
            device.Publish($"stuck/{tick % Streams}", $"{tick / Streams}");
        device.Drain();
        Wait.Until(() => _worker.Worker.Engine.Inboxes[0].Count == 256, "the queue is full");
    }

    /// <summary>Accepts, confirms the first message, that the worker is online, and nothing after it.</summary>
    private void Stick(Socket socket)
    {
        socket.Send([0x20, 3, 0, 0, 0, 0x40, 2, 0, 1]);
        Thread reading = new(() =>
        {
            try
            {
                while (socket.Receive(new byte[1 << 16]) > 0)
                {
                }
            }
            catch (SocketException)
            {
            }
        });
        reading.Start();
        _letGo.Wait();
        socket.Shutdown(SocketShutdown.Both);
        reading.Join();
    }
}

/// <summary>A host that nobody stops.</summary>
internal sealed class NoLifetime : IHostApplicationLifetime
{
    public CancellationToken ApplicationStarted => CancellationToken.None;

    public CancellationToken ApplicationStopping => CancellationToken.None;

    public CancellationToken ApplicationStopped => CancellationToken.None;

    public void StopApplication()
    {
    }
}
