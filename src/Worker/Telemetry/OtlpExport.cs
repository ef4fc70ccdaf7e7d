using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace StreamRnn.Worker.Telemetry;

/// <summary>
/// Sends metrics, traces and logs to an OpenTelemetry collector when the standard variables ask for it: <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>
/// (or that of one signal), or <c>OTEL_{METRICS,TRACES,LOGS}_EXPORTER=otlp</c>; <c>none</c> there or <c>OTEL_SDK_DISABLED=true</c> says no.
/// Protocol, headers, intervals, sampler and resource are read from the other OTEL_ variables by the SDK.
/// </summary>
internal sealed class OtlpExport : IDisposable
{
    private readonly MeterProvider? _metrics;
    private readonly TracerProvider? _traces;

    /// <param name="configuration">Where the OTEL_ variables are: the environment.</param>
    public OtlpExport(IConfiguration configuration)
    {
        if (IsAsked(configuration, "METRICS"))
        {
            _metrics = Sdk.CreateMeterProviderBuilder()
                .ConfigureServices(services => services.AddSingleton(configuration))
                .ConfigureResource(Describe)
                .AddMeter(WorkerMetrics.Name, "System.Runtime")
                .AddOtlpExporter(options => Configure(options, configuration, "METRICS"))
                .Build();
        }
        if (IsAsked(configuration, "TRACES"))
        {
            _traces = Sdk.CreateTracerProviderBuilder()
                .ConfigureServices(services => services.AddSingleton(configuration))
                .ConfigureResource(Describe)
                .AddSource(WorkerMetrics.Name)
                .AddOtlpExporter(options => Configure(options, configuration, "TRACES"))
                .Build();
        }
    }

    /// <summary>Whether anything but logs is exported.</summary>
    public bool IsActive => _metrics is not null || _traces is not null;

    /// <summary>Exports logs too where they are asked for.</summary>
    public static void AddLogs(ILoggingBuilder logging, IConfiguration configuration)
    {
        if (!IsAsked(configuration, "LOGS"))
            return;
        logging.AddOpenTelemetry(options =>
        {
            ResourceBuilder resource = ResourceBuilder.CreateDefault();
            Describe(resource);
            options.SetResourceBuilder(resource);
            options.IncludeFormattedMessage = true;
            options.AddOtlpExporter(exporter => Configure(exporter, configuration, "LOGS"));
        });
    }

    /// <summary>Sends what has been gathered, now.</summary>
    public void Flush()
    {
        _traces?.ForceFlush();
        _metrics?.ForceFlush();
    }

    public void Dispose()
    {
        _traces?.Dispose();
        _metrics?.Dispose();
    }

    /// <param name="signal">METRICS, TRACES or LOGS.</param>
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
