using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Spectre.Console;
using StreamRnn.Engine;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Lab.Cli;
using StreamRnn.Worker.Configuration;
using StreamRnn.Worker.Dashboard;
using StreamRnn.Worker.Hosting;

namespace StreamRnn.Worker.Demo;

/// <summary>
/// <c>demo</c>: everything in one process. The embedded broker, real recordings played to it as devices over real MQTT, the worker, and a
/// live view. The totals at the end come from three different counters: confirmed to the devices, accepted by the intake, stepped by the
/// shards.
/// </summary>
internal static class DemoCommand
{
    private const int UsualPort = 1883;
    private static readonly TimeSpan ConfirmationPatience = TimeSpan.FromSeconds(30);

    public static Command Create()
    {
        Option<TimeSpan?> duration = DurationOption.Of("--duration", "Stop after this long; else when every recording has been played.");
        Option<double> rate = Bounded.Option("--rate", "Readings per second of each device.", 250.0, value => value > 0, "more than 0");
        Option<int?> dashboard = new("--dashboard") { Description = "Serve the view as a page too, on this port (0: any free one).", HelpName = "PORT" };
        Option<bool> json = new("--json") { Description = "Print the outcome as one last line of JSON." };
        Command demo = new("demo", "See it work: a broker, devices that play real recordings, the worker and a live view, with no set-up.") { duration, rate, dashboard, json };
        demo.SetAction(parsed => Run(parsed.GetValue(duration), parsed.GetValue(rate), parsed.GetValue(dashboard), parsed.GetValue(json)));
        return demo;
    }

    private static int Run(TimeSpan? duration, double rate, int? dashboard, bool json)
    {
        StreamRnnOptions options = new() { Broker = new BrokerOptions { Enabled = true, Port = IsFree(UsualPort) ? UsualPort : 0 } };
        using WorkerMetrics metrics = new();
        using TickTraces traces = new();
        using StreamWorker worker = new(options, options.LoadModels(), metrics, traces, NullLoggerFactory.Instance, TimeProvider.System,
            DashboardOptions.MaximumStreams);
        LiveBoard board = worker.Board!;
        worker.Start();
        using DemoPage? page = dashboard is int port ? DemoPage.Serve(port, worker) : null;
        IPEndPoint endPoint = ((EmbeddedBrokerLink)worker.Link).EndPoint!;

        using StopSignal stop = new(duration);
        using DemoDevices devices = DemoDevices.Connect(endPoint, stop.Token);
        devices.Start(rate, stop.Token);
        DemoScreen screen = new(board, worker, devices, endPoint, page?.Address, duration);
        if (AnsiConsole.Profile.Capabilities.Interactive && !Console.IsOutputRedirected)
            screen.ShowLive(stop.Token);
        else
            screen.ShowLines(stop.Token);

        bool confirmed = devices.Finish(ConfirmationPatience);
        worker.Stop();
        long published = devices.Published;
        (long accepted, long stepped, long forecasts) = (worker.Intake.AcceptedTickCount, worker.Engine.Stepped, worker.Engine.Published);
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { published, accepted, stepped, forecasts, anomalies = board.AnomalyCount }));
        }
        else
        {
            string others = accepted == published ? "" : $" ({accepted - published:N0} of them from other devices)";
            Console.WriteLine($"published {published:N0}, accepted {accepted:N0}{others}, stepped {stepped:N0}, forecasts {forecasts:N0}, anomalies {board.AnomalyCount:N0}");
        }

        if (!confirmed)
            throw new CommandFailedException($"the broker has not confirmed every reading within {ConfirmationPatience.TotalSeconds:0} s; is this machine overloaded?");
        if (accepted < published || stepped != accepted)
            throw new CommandFailedException($"{published:N0} readings were published, {accepted:N0} accepted and {stepped:N0} stepped; this is a bug, please report it");
        return CommandLine.Success;
    }

    private static bool IsFree(int port)
    {
        try
        {
            using TcpListener probe = new(IPAddress.Loopback, port);
            probe.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
