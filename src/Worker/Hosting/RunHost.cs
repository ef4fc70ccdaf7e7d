using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Worker.Configuration;
using StreamRnn.Worker.Dashboard;

namespace StreamRnn.Worker.Hosting;

/// <summary>The composition of <c>run</c>: probes and dashboard outermost, then the worker; telemetry is made first and so ends last.</summary>
internal static class RunHost
{
    /// <param name="configuration">Where log levels and OTEL_ variables are read from.</param>
    /// <param name="duration">Stop by itself after so long; null for never.</param>
    public static IHost Build(StreamRnnOptions options, ModelCatalog models, IConfiguration configuration, TimeSpan? duration)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddConfiguration(configuration);
        AddLogging(builder.Logging, configuration);
        AddTelemetry(builder.Services, configuration);
        AddHttp(builder.Services, options);
        AddWorker(builder.Services, options, models, duration);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(30));

        IHost host = builder.Build();
        OtlpExport.Start(host.Services);
        return host;
    }

    private static void AddLogging(ILoggingBuilder logging, IConfiguration configuration)
    {
        logging.AddConfiguration(configuration.GetSection("Logging"));
        logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z' ";
        });

        // Standard output is for answers. A failure to start is told once, as the line with the remedy.
        logging.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(
            console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        logging.AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Warning);
    }

    private static void AddTelemetry(IServiceCollection services, IConfiguration configuration)
    {
        services.AddMetrics();
        services.AddSingleton(TimeProvider.System);
        OtlpExport.Add(services, configuration);
        services.AddSingleton<WorkerMetrics>();
        services.AddSingleton<TickTraces>();
    }

    private static void AddHttp(IServiceCollection services, StreamRnnOptions options)
    {
        services.AddSingleton(provider =>
        {
            IHostApplicationLifetime lifetime = provider.GetRequiredService<IHostApplicationLifetime>();
            StreamWorker worker = provider.GetRequiredService<StreamWorker>();
            return new Probes(
                () => lifetime.ApplicationStarted.IsCancellationRequested,
                () => worker.IsReady && lifetime.ApplicationStarted.IsCancellationRequested,
                worker.WriteStatus,
                () => worker.Status.Trouble);
        });
        if (options.Probes.Port != 0)
        {
            services.AddSingleton<IHostedService>(provider => new HttpEndpoint("Probes", options.Probes.Address, options.Probes.Port,
                provider.GetRequiredService<Probes>().AnswerAsync, provider.GetRequiredService<ILogger<HttpEndpoint>>()));
        }
        if (options.Dashboard.Port is int port)
        {
            services.AddSingleton<IHostedService>(provider =>
            {
                StreamWorker worker = provider.GetRequiredService<StreamWorker>();
                DashboardPage page = new(worker.Board!, () => worker.Status, provider.GetRequiredService<Probes>().AnswerAsync);
                return new HttpEndpoint("Dashboard", options.Dashboard.Address, port, page.AnswerAsync, provider.GetRequiredService<ILogger<HttpEndpoint>>());
            });
        }
    }

    private static void AddWorker(IServiceCollection services, StreamRnnOptions options, ModelCatalog models, TimeSpan? duration)
    {
        services.AddSingleton(provider => new StreamWorker(
            options,
            models,
            provider.GetRequiredService<WorkerMetrics>(),
            provider.GetRequiredService<TickTraces>(),
            provider.GetRequiredService<ILoggerFactory>(),
            provider.GetRequiredService<TimeProvider>(),
            options.WatchedStreams));
        services.AddSingleton<IHostedService>(provider => new WorkerService(
            provider.GetRequiredService<StreamWorker>(),
            duration,
            provider.GetRequiredService<IHostApplicationLifetime>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<StreamWorker>>()));
    }
}
