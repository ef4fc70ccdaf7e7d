using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using StreamRnn.Engine;
using StreamRnn.Lab.Cli;
using StreamRnn.Worker.Configuration;
using StreamRnn.Worker.Hosting;

namespace StreamRnn.Worker.Verbs;

/// <summary><c>run</c>: the service. Configured by file, environment and arguments; drains on SIGTERM and Ctrl-C.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        Command run = new("run", "Take ticks from a broker, or be one, and publish forecasts and anomalies until told to stop.");
        RunArguments arguments = new(run);
        Option<TimeSpan?> duration = DurationOption.Of("--duration", "Stop by itself after this long.");
        run.Add(duration);
        run.SetAction(async (parsed, _) =>
        {
            StreamRnnOptions options = arguments.Load(parsed);
            using IHost host = RunHost.Build(options, options.LoadModels(), arguments.Read(parsed), parsed.GetValue(duration));
            StreamWorker worker = host.Services.GetRequiredService<StreamWorker>();
            try
            {
                await host.RunAsync(CancellationToken.None);
            }
            catch (OperationCanceledException) when (worker.Failure.IsFaulted)
            {
                // It failed while the host was starting.
            }
            if (worker.Failure.IsFaulted)
                await worker.Failure;
            return worker.LostOutputCount is > 0 and long lost
                ? throw new CommandFailedException($"{lost} outputs are lost: the broker has not confirmed them, and without a data directory nothing keeps them; --data-dir does")
                : CommandLine.Success;
        });
        return run;
    }
}
