using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using StreamRnn.Worker.Hosting;

namespace StreamRnn.Worker.Tests.Hosting;

/// <summary>The telemetry services of a worker, without the worker.</summary>
internal sealed class Exporting : IDisposable
{
    /// <param name="variables">The OTEL_ variables of the environment.</param>
    public Exporting(IConfiguration variables)
    {
        ServiceCollection services = new();
        services.AddSingleton(variables);
        services.AddLogging();
        OtlpExport.Add(services, variables);
        Services = services.BuildServiceProvider();
        OtlpExport.Start(Services);
    }

    public ServiceProvider Services { get; }

    /// <summary>Sends what has been gathered, now.</summary>
    public void Flush()
    {
        Services.GetService<TracerProvider>()?.ForceFlush();
        Services.GetService<MeterProvider>()?.ForceFlush();
    }

    public void Dispose() => Services.Dispose();
}
