using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using StreamRnn.Engine;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Lab.Cli;

namespace StreamRnn.Lab.Chaos;

/// <summary>The worker under test: this executable with the verb <c>run</c>, killed and started again over one data directory.</summary>
/// <param name="broker">Where its ticks come from.</param>
/// <param name="isEmbedded">Whether the broker is the worker's own.</param>
/// <param name="hasty">
/// Commits, confirms, saves and changes segments as often as can be, so that every kill is in the middle of something, and has another number
/// of shards in each life.
/// </param>
internal sealed class ChaosWorker(BrokerAddress broker, bool isEmbedded, string folder, string client, bool hasty) : IDisposable
{
    /// <summary>Streams in memory of a hasty worker, in three lives of four: other states are evicted and return.</summary>
    public const int StreamsInMemory = 50;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly int _probes = FreePort.Find();
    private readonly Queue<string> _said = new();
    private Process? _process;
    private int _lives;

    public void Start()
    {
        string[] link = isEmbedded ? ["--embedded-broker", $"{broker.Port}"] : ["--host", broker.Url];
        ProcessStartInfo start = OwnExecutable.With(
            ["run", .. link, "--subscribe", "chaos/#", "--qos", "2", "--data-dir", folder, "--probes", $"{_probes}", "--shards", $"{(hasty ? 1 + (_lives % 3) : 2)}"]);
        start.Environment["StreamRnn__Mqtt__ClientId"] = client;
        foreach ((string key, string value) in ChaosDevices.Rules)
            start.Environment[$"StreamRnn__Rules__{key}"] = value;
        if (hasty)
        {
            start.Environment["StreamRnn__Durability__CommitInterval"] = "00:00:00.002";
            start.Environment["StreamRnn__Durability__ReplayLimit"] = "00:00:00.005";
            start.Environment["StreamRnn__Durability__ConfirmInterval"] = "00:00:00.010";
            start.Environment["StreamRnn__Durability__SegmentBytes"] = "65536";
            if (_lives % 4 < 3)
                start.Environment["StreamRnn__Limits__StreamsInMemory"] = $"{StreamsInMemory}";
        }
        _lives++;
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Waits until it takes ticks in.</summary>
    /// <exception cref="CommandFailedException">It has ended, or does not answer.</exception>
    public void WaitUntilReady()
    {
        using HttpClient probe = new() { Timeout = TimeSpan.FromSeconds(5) };
        for (long startedAt = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(startedAt) < Patience; Thread.Sleep(10))
        {
            if (_process!.HasExited)
                throw new CommandFailedException($"the worker ended by itself: {Said}");
            try
            {
                using HttpRequestMessage request = new(HttpMethod.Get, $"http://127.0.0.1:{_probes}/healthz/ready");
                using HttpResponseMessage answer = probe.Send(request);
                if (answer.IsSuccessStatusCode)
                    return;
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                // Not up yet.
            }
        }
        throw new CommandFailedException($"the worker was not ready within {Patience.TotalSeconds:0} s: {Said}");
    }

    /// <summary>SIGKILL, whatever it is doing.</summary>
    public void Kill()
    {
        _process!.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _process = null;
    }

    /// <summary>SIGTERM.</summary>
    /// <exception cref="CommandFailedException">It did not end in order.</exception>
    public void Stop()
    {
        using (Process terminate = Process.Start("kill", ["-TERM", $"{_process!.Id}"]))
            terminate.WaitForExit();
        if (!_process.WaitForExit(Patience) || _process.ExitCode != 0)
            throw new CommandFailedException($"the worker did not stop in order: {Said}");
        _process.Dispose();
        _process = null;
    }

    public void Dispose()
    {
        if (_process is not null)
            Kill();
    }

    private string Said
    {
        get
        {
            lock (_said)
                return string.Join(" | ", _said);
        }
    }

    private void Keep(string? line)
    {
        lock (_said)
        {
            if (line is not null)
                _said.Enqueue(line);
            while (_said.Count > 10)
                _said.Dequeue();
        }
    }
}
