using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Worker.Configuration;
using StreamRnn.Worker.Hosting;

namespace StreamRnn.Worker.Tests.Hosting;

/// <summary>A device, the worker and a reader of forecasts, each over MQTT 5, and a collector.</summary>
[Collection(ListensToTheProcess.Name)]
public class TraceWalkTests
{
    private const string TraceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    private const string DeviceSpan = "00f067aa0ba902b7";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task One_trace_runs_from_the_device_through_the_worker_to_the_reader()
    {
        await using OtlpReceiver collector = await OtlpReceiver.StartAsync();
        using Exporting export = new(new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = collector.Endpoint + "/v1/traces",
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
        }).Build());
        using TickTraces traces = new();
        using WorkerMetrics metrics = new();
        StreamRnnOptions options = new() { Shards = 2, Broker = new BrokerOptions { Enabled = true, Port = 0 } };
        using StreamWorker worker = new(options, options.LoadModels(), metrics, traces, NullLoggerFactory.Instance, TimeProvider.System);
        worker.Start();
        IPEndPoint broker = ((EmbeddedBrokerLink)worker.Link).EndPoint!;

        ConcurrentQueue<(string Topic, string? Traceparent)> read = new();
        using BrokerLink reader = Connect(broker, "reader", new MqttSubscription("streamrnn/+/+/forecast"),
            (in MqttPublish publish, in MqttPublishContext context) =>
            {
                context.Ledger.TryOpen(publish.PacketId, publish.Qos, tickCount: 0);
                read.Enqueue((Encoding.UTF8.GetString(publish.Topic),
                    publish.Properties.TryGetUser("traceparent"u8, out ReadOnlySpan<byte> parent) ? Encoding.ASCII.GetString(parent) : null));
            });
        using BrokerLink device = Connect(broker, "device", subscription: null, handler: null);
        Publish(device, "plant/quiet"u8, traceparent: null);
        Publish(device, "plant/pump"u8, $"00-{TraceId}-{DeviceSpan}-01");
        device.Flush();
        Assert.True(SpinWait.SpinUntil(() => read.Count == 2, Patience), "both forecasts arrive");
        worker.Stop();
        export.Flush();

        ProtobufMessage[] spans = [.. collector.Received("traces", 1, 2, 2)];
        Assert.Equal(["publish", "receive", "step"], spans.Select(span => span.Text(5)).Order());
        Assert.All(spans, span => Assert.Equal(TraceId, span.Hex(1)));
        ProtobufMessage receive = spans.Single(span => span.Text(5) == "receive");
        ProtobufMessage publish = spans.Single(span => span.Text(5) == "publish");
        Assert.Equal(DeviceSpan, receive.Hex(4));
        Assert.Equal(receive.Hex(2), spans.Single(span => span.Text(5) == "step").Hex(4));
        Assert.Equal(receive.Hex(2), publish.Hex(4));

        Assert.Null(read.Single(message => message.Topic == "streamrnn/plant/quiet/forecast").Traceparent);
        Assert.Equal($"00-{TraceId}-{publish.Hex(2)}-01", read.Single(message => message.Topic == "streamrnn/plant/pump/forecast").Traceparent);
    }

    private static BrokerLink Connect(IPEndPoint broker, string name, MqttSubscription? subscription, MqttPublishHandler? handler)
    {
        BrokerLink client = new(
            new BrokerLinkOptions
            {
                Host = broker.Address.ToString(),
                Port = broker.Port,
                ClientId = name,
                CleanStart = true,
                Subscriptions = subscription is null ? [] : [subscription],
            },
            handler, NullLogger.Instance);
        client.Start();
        Assert.True(SpinWait.SpinUntil(() => client.State == BrokerLinkState.Ready, Patience), $"the {name} connects");
        return client;
    }

    private static void Publish(BrokerLink device, ReadOnlySpan<byte> topic, string? traceparent)
    {
        MqttPropertyWriter properties = new(stackalloc byte[128]);
        if (traceparent is not null)
            properties.User("traceparent"u8, Encoding.ASCII.GetBytes(traceparent));
        device.Publish(new MqttPublish { Topic = topic, Payload = "21.5"u8, Qos = 1, Properties = properties.Properties });
    }
}
