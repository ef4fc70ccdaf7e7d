using System.CommandLine;
using System.Globalization;
using StreamRnn.Engine;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Lab.Cli;
using StreamRnn.Worker.Configuration;
using StreamRnn.Worker.Hosting;

namespace StreamRnn.Worker.Verbs;

/// <summary><c>health</c>: asks a running worker how it is, for images that have no curl.</summary>
internal static class HealthCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public static Command Create()
    {
        Command health = new("health", "Ask the worker on this machine whether it is ready; 0 for yes, 1 for no.");
        Option<int?> port = new("--port") { Description = "Port of its probes; Probes:Port unless given.", HelpName = "PORT" };
        Option<bool> live = new("--live") { Description = "Ask only whether it is alive." };
        Option<bool> status = new("--status") { Description = "Ask what it counts, as JSON: streams, ticks, refusals by reason, bytes written." };
        health.Add(port);
        health.Add(live);
        health.Add(status);
        health.SetAction((parsed, cancelled) => AskAsync(
            parsed.GetValue(port) ?? ConfiguredPort(),
            parsed.GetValue(status) ? HealthPaths.Status : parsed.GetValue(live) ? HealthPaths.Live : HealthPaths.Ready, cancelled));
        return health;
    }

    private static async Task<int> AskAsync(int port, string path, CancellationToken cancelled)
    {
        using HttpClient http = new() { Timeout = Patience };
        try
        {
            using HttpResponseMessage answer = await http.GetAsync(new Uri($"http://127.0.0.1:{port}{path}"), cancelled);
            string text = (await answer.Content.ReadAsStringAsync(cancelled)).TrimEnd();
            if (!answer.IsSuccessStatusCode)
                throw new CommandFailedException($"not ready: {text}");
            Console.WriteLine(text);
            return CommandLine.Success;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            throw new CommandFailedException($"no worker answers on port {port} ({e.Message}); does it run, with Probes:Port {port}?");
        }
    }

    private static int ConfiguredPort()
    {
        string? port = WorkerConfiguration.Read(file: null)[$"{StreamRnnOptions.Section}:Probes:Port"];
        return int.TryParse(port, CultureInfo.InvariantCulture, out int configured) && configured > 0
            ? configured
            : throw new CommandFailedException("no port is configured; set Probes:Port as for the worker, or give --port");
    }
}
