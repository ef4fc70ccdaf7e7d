using System.Diagnostics;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Worker.Hosting;

namespace StreamRnn.Worker.Tests.Hosting;

[Collection(ListensToTheProcess.Name)]
public class OtlpExportTests
{
    private const string TraceId = "0af7651916cd43dd8448eb211c80319c";
    private const string SenderSpan = "b7ad6b7169203331";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_collector_is_sent_every_metric_with_its_unit_under_the_name_of_the_service(bool grpc)
    {
        await using OtlpReceiver collector = await OtlpReceiver.StartAsync(grpc);
        using Exporting export = new(Variables(collector, ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")));
        using WorkerMetrics metrics = new();
        metrics.ObserveStreams(() => 7);
        metrics.StepCompleted(shard: 0, ticks: 64, metrics.Stamp());
        metrics.ForecastReady(metrics.Stamp());
        export.Flush();

        ProtobufMessage[] ours = [.. collector.Received("metrics", 1, 2)
            .Where(scope => scope.Messages(1).Single().Text(1) == WorkerMetrics.Name)
            .SelectMany(scope => scope.Messages(2))];
        Dictionary<string, string> units = ours.ToDictionary(metric => metric.Text(1), metric => metric.Text(3));
        Assert.Equal("{tick}", units["streamrnn.ticks.stepped"]);
        Assert.Equal("s", units["streamrnn.step.duration"]);
        Assert.Equal("s", units["streamrnn.forecast.latency"]);
        Assert.Equal("{stream}", units["streamrnn.streams"]);

        ProtobufMessage step = ours.Single(metric => metric.Text(1) == "streamrnn.step.duration");
        Assert.True(step.Has(9), "a duration is a histogram");

        Dictionary<string, string> resource = collector.Received("metrics", 1, 1).First().Attributes(1);
        Assert.Equal("streamrnn", resource["service.name"]);
        Assert.Matches(@"^\d+\.\d+\.\d+", resource["service.version"]);
        Assert.Equal("test", resource["deployment.environment"]);
    }

    [Fact]
    public async Task A_senders_trace_goes_on_through_receive_step_and_publish()
    {
        await using OtlpReceiver collector = await OtlpReceiver.StartAsync();
        using Exporting export = new(Variables(collector));
        using TickTraces traces = new();
        byte[] sender = Encoding.ASCII.GetBytes($"00-{TraceId}-{SenderSpan}-01");
        byte[] sent = new byte[TickTraces.TraceparentBytes];

        traces.Receive(sender, "plant/pump"u8, out int trace)!.Dispose();
        traces.Stepped(trace, shard: 1, Stopwatch.GetTimestamp());
        Assert.True(traces.TryPublish(trace, "streamrnn/plant/pump/forecast"u8, sent));
        export.Flush();

        ProtobufMessage[] spans = [.. collector.Received("traces", 1, 2, 2).Where(span => span.Hex(1) == TraceId)];
        Assert.Equal(["publish", "receive", "step"], spans.Select(span => span.Text(5)).Order());

        ProtobufMessage receive = spans.Single(span => span.Text(5) == "receive");
        Assert.Equal(SenderSpan, receive.Hex(4));
        Assert.Equal(5ul, receive.Number(6));   // consumer
        Assert.Equal("mqtt", receive.Attributes(9)["messaging.system"]);
        Assert.Equal("plant/pump", receive.Attributes(9)["messaging.destination.name"]);

        Assert.Equal(receive.Hex(2), spans.Single(span => span.Text(5) == "step").Hex(4));
        ProtobufMessage publish = spans.Single(span => span.Text(5) == "publish");
        Assert.Equal(receive.Hex(2), publish.Hex(4));
        Assert.Equal($"00-{TraceId}-{publish.Hex(2)}-01", Encoding.ASCII.GetString(sent));
    }

    [Fact]
    public async Task Logs_are_sent_too()
    {
        await using OtlpReceiver collector = await OtlpReceiver.StartAsync();
        using (Exporting export = new(Variables(collector)))
            Logging.Said(export.Services.GetRequiredService<ILoggerFactory>().CreateLogger("test"), "pump");

        ProtobufMessage record = Assert.Single(collector.Received("logs", 1, 2, 2));
        Assert.Equal("pump was said", record.Messages(5).Single().Text(1));
    }

    [Fact]
    public void Nothing_is_gathered_when_nothing_is_asked_for()
    {
        using Exporting export = new(Of([]));

        Assert.Equal((null, null), (export.Services.GetService<MeterProvider>(), export.Services.GetService<TracerProvider>()));
    }

    [Theory]
    [InlineData(true, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317")]
    [InlineData(true, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://collector:4317")]
    [InlineData(true, "OTEL_METRICS_EXPORTER", "otlp")]
    [InlineData(false)]
    [InlineData(false, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:4317")]
    [InlineData(false, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317", "OTEL_METRICS_EXPORTER", "none")]
    [InlineData(false, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317", "OTEL_SDK_DISABLED", "true")]
    public void Metrics_leave_only_when_the_standard_variables_ask(bool asked, params string[] variables) =>
        Assert.Equal(asked, OtlpExport.IsAsked(Of([.. variables.Chunk(2).Select(pair => (pair[0], pair[1]))]), "METRICS"));

    private static IConfiguration Variables(OtlpReceiver collector, params (string Name, string Value)[] more) => Of(
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", collector.Grpc ? "grpc" : "http/protobuf"),
        .. more,
    ]);

    private static IConfiguration Of((string Name, string Value)[] variables) => new ConfigurationBuilder()
        .AddInMemoryCollection(variables.Select(v => new KeyValuePair<string, string?>(v.Name, v.Value))).Build();
}

internal static partial class Logging
{
    [LoggerMessage(1, LogLevel.Warning, "{Who} was said")]
    public static partial void Said(ILogger logger, string who);
}
