using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using StreamRnn.Engine.Telemetry;

namespace StreamRnn.Worker.Hosting;

/// <summary>
/// Sends metrics, traces and logs to an OpenTelemetry collector when the standard variables ask for it: <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>
/// (or that of one signal), or <c>OTEL_{METRICS,TRACES,LOGS}_EXPORTER=otlp</c>; <c>none</c> there or <c>OTEL_SDK_DISABLED=true</c> says no.
/// Protocol, headers, intervals, sampler and resource are read from the other OTEL_ variables by the SDK.
/// </summary>
internal static class OtlpExport
{
    private const string Metrics = "METRICS", Traces = "TRACES", Logs = "LOGS";
    private static readonly string[] Signals = [Metrics, Traces, Logs];

    /// <param name="configuration">Source of the OTEL_ variables: the environment.</param>
    public static void Add(IServiceCollection services, IConfiguration configuration)
    {
        if (Signals.All(signal => !IsAsked(configuration, signal)))
            return;
        OpenTelemetryBuilder telemetry = services.AddOpenTelemetry().ConfigureResource(Describe);
        if (IsAsked(configuration, Metrics))
            telemetry.WithMetrics(metrics => metrics.AddMeter(WorkerMetrics.Name, "System.Runtime").AddOtlpExporter(options => Configure(options, configuration, Metrics)));
        if (IsAsked(configuration, Traces))
            telemetry.WithTracing(traces => traces.AddSource(WorkerMetrics.Name).AddOtlpExporter(options => Configure(options, configuration, Traces)));
        if (IsAsked(configuration, Logs))
        {
            telemetry.WithLogging(
                logs => logs.AddOtlpExporter(options => Configure(options, configuration, Logs)),
                options => options.IncludeFormattedMessage = true);
        }
    }

    /// <summary>Makes what gathers metrics and traces. The container disposes in reverse order, so what is made after it is exported to its end.</summary>
    public static void Start(IServiceProvider services)
    {
        services.GetService<MeterProvider>();
        services.GetService<TracerProvider>();
    }

    /// <param name="signal">As it is called in the names of the variables: METRICS, TRACES or LOGS.</param>
    public static bool IsAsked(IConfiguration configuration, string signal)
    {
        if (string.Equals(configuration["OTEL_SDK_DISABLED"], "true", StringComparison.OrdinalIgnoreCase))
            return false;
        string? exporter = configuration[$"OTEL_{signal}_EXPORTER"];
        return string.IsNullOrEmpty(exporter)
            ? !string.IsNullOrEmpty(configuration["OTEL_EXPORTER_OTLP_ENDPOINT"])
                || !string.IsNullOrEmpty(configuration[$"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"])
            : exporter.Split(',').Contains("otlp");
    }

    // The SDK reads the variables of all signals here, not those of one, which win.
    private static void Configure(OtlpExporterOptions options, IConfiguration configuration, string signal)
    {
        string prefix = $"OTEL_EXPORTER_OTLP_{signal}_";
        if (configuration[prefix + "ENDPOINT"] is { Length: > 0 } endpoint)
            options.Endpoint = new Uri(endpoint);
        if (configuration[prefix + "PROTOCOL"] is { Length: > 0 } protocol)
            options.Protocol = protocol == "grpc" ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf;
        if (configuration[prefix + "HEADERS"] is { Length: > 0 } headers)
            options.Headers = headers;
        if (int.TryParse(configuration[prefix + "TIMEOUT"], CultureInfo.InvariantCulture, out int milliseconds))
            options.TimeoutMilliseconds = milliseconds;
    }

    // The variables OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come last and win.
    private static void Describe(ResourceBuilder resource) => resource
        .AddService("streamrnn", serviceVersion: Version, autoGenerateServiceInstanceId: true)
        .AddEnvironmentVariableDetector();

    private static string Version =>
        typeof(OtlpExport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";
}
