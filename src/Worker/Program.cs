using System.CommandLine;
using StreamRnn.Lab.Bench;
using StreamRnn.Lab.Chaos;
using StreamRnn.Lab.Cli;
using StreamRnn.Worker.Demo;
using StreamRnn.Worker.Verbs;

namespace StreamRnn.Worker;

/// <summary>The streamrnn command: its verbs.</summary>
internal static class Program
{
    private static Task<int> Main(string[] args) => CommandLine.RunAsync(
        new RootCommand("Turns live ticks into forecasts and anomaly scores with recurrent cells that never forget.")
        {
            RunCommand.Create(),
            DemoCommand.Create(),
            ConfigCommand.Create(),
            HealthCommand.Create(),
            ReplayCommand.Create(),
            TrainCommand.Create(),
            EvaluateCommand.Create(),
            NabCommand.Create(),
            ModelCommand.Create(),
            PublishCommand.Create(),
            BenchCommand.Create(),
            StateCommand.Create(),
            ChaosCommand.Create(),
        },
        args);
}
