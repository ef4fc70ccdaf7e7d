using System.Text.Json;
using Microsoft.Extensions.Logging;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Worker.Configuration;
using StreamRnn.Worker.Hosting;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>The whole worker in the test's process, where its counters and its log can be looked at.</summary>
internal sealed class WorkerInProcess : IDisposable
{
    private static readonly ModelCatalog Models = ModelCatalog.Load(standard: null);

    private readonly WorkerMetrics _metrics = new();
    private readonly TickTraces _traces = new();

    public WorkerInProcess(StreamRnnOptions options, TimeProvider? clock = null)
    {
        Worker = new StreamWorker(options, options.Model is null && options.Models.Count == 0 ? Models : options.LoadModels(), _metrics, _traces, Log.Factory, clock ?? TimeProvider.System);
        Worker.Start();
    }

    public StreamWorker Worker { get; }

    public CapturedLog Log { get; } = new();

    /// <summary>Where devices connect to an embedded broker.</summary>
    public int Port => ((EmbeddedBrokerLink)Worker.Link).EndPoint!.Port;

    /// <summary>Devices connect straight to it.</summary>
    public static WorkerInProcess Embedded(Func<StreamRnnOptions, StreamRnnOptions>? change = null) =>
        new((change ?? (options => options))(new StreamRnnOptions { Broker = new BrokerOptions { Enabled = true, Port = 0 } }));

    /// <summary>It takes its ticks from a broker elsewhere.</summary>
    public static WorkerInProcess Connected(int port, string filter, Func<StreamRnnOptions, StreamRnnOptions>? change = null)
    {
        WorkerInProcess worker = Connecting(port, filter, change);
        worker.Until(() => worker.Worker.IsReady, "the worker is ready");
        return worker;
    }

    /// <summary>The same, while the broker is not there yet or not sound.</summary>
    public static WorkerInProcess Connecting(
        int port, string filter, Func<StreamRnnOptions, StreamRnnOptions>? change = null, TimeProvider? clock = null) =>
        new((change ?? (options => options))(new StreamRnnOptions
        {
            Mqtt = new MqttOptions
            {
                Host = "127.0.0.1",
                Port = port,
                ClientId = $"worker-{Guid.NewGuid():n}",
                Subscriptions = [new SubscriptionOptions { Filter = filter }],
            },
        }), clock);

    /// <summary>Messages that wait for the broker's confirmation: outputs and the status.</summary>
    public int UnconfirmedCount
    {
        get
        {
            using JsonDocument status = JsonDocument.Parse(Worker.WriteStatus());
            return status.RootElement.GetProperty("metrics").GetProperty("streamrnn.messages.unconfirmed").GetProperty("mqtt_out").GetInt32();
        }
    }

    /// <summary>Waits, and where it was for nothing says what the worker has counted and logged.</summary>
    public void Until(Func<bool> condition, string what, int seconds = 20) => Wait.Until(
        condition,
        () => $"{what}\n{Worker.Status}\n{Worker.Outputs}\nowed {Worker.OwedForecastCount}, failure: {Worker.Failure.Exception?.Message ?? "none"}\n{string.Join('\n', Log.AtLeast(LogLevel.Information))}",
        seconds);

    public void Dispose()
    {
        Worker.Dispose();
        _metrics.Dispose();
        _traces.Dispose();
    }
}
