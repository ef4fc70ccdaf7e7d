using System.Diagnostics;
using System.Net;
using Spectre.Console;
using StreamRnn.Worker.Dashboard;
using StreamRnn.Worker.Hosting;

namespace StreamRnn.Worker.Demo;

/// <summary>Shows the demo as it runs: a live picture on a terminal, lines in a pipe.</summary>
/// <param name="page">Address of the dashboard; null without one.</param>
/// <param name="duration">Null where the recordings decide.</param>
internal sealed class DemoScreen(LiveBoard board, StreamWorker worker, DemoDevices devices, IPEndPoint broker, string? page, TimeSpan? duration)
{
    private static readonly TimeSpan LivePeriod = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LinePeriod = TimeSpan.FromSeconds(5);

    private readonly long _startedAt = Stopwatch.GetTimestamp();
    private long _lastStepped;
    private long _lastAt = Stopwatch.GetTimestamp();

    private bool IsOver => duration is null && !devices.ArePlaying;

    private string Page => page is null ? "" : $"  page {page}";

    public void ShowLive(CancellationToken stop) =>
        AnsiConsole.Live(Text.Empty).AutoClear(false).Overflow(VerticalOverflow.Crop).Start(live =>
        {
            do
            {
                live.UpdateTarget(LiveView.Draw(board, Title("[bold]", "[/]"), worker.Streams.Count));
            }
            while (!IsOver && !stop.WaitHandle.WaitOne(LivePeriod));
            live.UpdateTarget(LiveView.Draw(board, Title("[bold]", "[/]"), worker.Streams.Count));
        });

    public void ShowLines(CancellationToken stop)
    {
        Console.WriteLine($"broker on {broker}: connect your own devices meanwhile, or read streamrnn/#{Page}");
        board.AnomalyFound = anomaly => Console.WriteLine("anomaly  " + LiveView.Describe(anomaly));
        while (!IsOver && !stop.WaitHandle.WaitOne(LinePeriod))
            Console.WriteLine(Title("", ""));
    }

    private string Title(string strong, string end)
    {
        long stepped = worker.Engine.Stepped;
        double rate = (stepped - _lastStepped) / Math.Max(Stopwatch.GetElapsedTime(_lastAt).TotalSeconds, 1e-3);
        (_lastStepped, _lastAt) = (stepped, Stopwatch.GetTimestamp());
        TimeSpan running = Stopwatch.GetElapsedTime(_startedAt);
        string limit = duration is TimeSpan length ? $" of {length:mm\\:ss}" : "";
        return $"{strong}StreamRnn demo{end}  broker {broker}{Page}  {running:mm\\:ss}{limit}  "
            + $"{worker.Streams.Count:N0} streams  {stepped:N0} ticks  {rate:N0} ticks/s  {board.AnomalyCount:N0} anomalies";
    }
}
