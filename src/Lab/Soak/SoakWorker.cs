using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using StreamRnn.Engine;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Lab.Cli;

namespace StreamRnn.Lab.Soak;

/// <summary>A worker with the embedded broker and a data directory, in a separate process, observed from outside.</summary>
internal sealed class SoakWorker : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan PatienceWithStop = TimeSpan.FromMinutes(5);

    private readonly Process _process;
    private readonly string _folder;
    private readonly HttpClient _http;
    private readonly Queue<string> _said = new();

    /// <param name="settings">Of the section StreamRnn, by their names in the environment: <c>Limits__Streams</c>.</param>
    public SoakWorker(string folder, string model, IReadOnlyDictionary<string, string> settings)
    {
        (_folder, Port) = (folder, FreePort.Find());
        int probes = FreePort.Find();
        _http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{probes}"), Timeout = Patience };
        ProcessStartInfo start = OwnExecutable.With("run", "--embedded-broker", $"{Port}", "--subscribe", "soak/#", "--data-dir", folder, "--probes", $"{probes}", "--model", model);
        foreach ((string name, string value) in settings)
            start.Environment["StreamRnn__" + name] = value;
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Port of its broker.</summary>
    public int Port { get; }

    public bool HasExited => _process.HasExited;

    /// <summary>The last lines of its log.</summary>
    public string Said
    {
        get
        {
            lock (_said)
                return string.Join(" | ", _said);
        }
    }

    /// <exception cref="CommandFailedException">It has ended, or does not answer.</exception>
    public void WaitUntilReady()
    {
        for (long startedAt = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(startedAt) < Patience; Thread.Sleep(50))
        {
            if (HasExited)
                throw new CommandFailedException($"the worker ended by itself: {Said}");
            try
            {
                using HttpRequestMessage request = new(HttpMethod.Get, HealthPaths.Ready);
                using HttpResponseMessage answer = _http.Send(request);
                if (answer.IsSuccessStatusCode)
                    return;
            }
            catch (HttpRequestException)
            {
                // The probes' server is not up yet.
            }
        }
        throw new CommandFailedException($"the worker was not ready within {Patience.TotalSeconds:0} s: {Said}");
    }

    /// <exception cref="CommandFailedException">It has ended, or does not answer.</exception>
    public SoakSample Look(double seconds, SoakLoad load)
    {
        try
        {
            (long sent, long acknowledged) = (load.Sent, load.Acknowledged);
            using HttpRequestMessage request = new(HttpMethod.Get, HealthPaths.Status);
            using HttpResponseMessage answer = _http.Send(request);
            using JsonDocument status = JsonDocument.Parse(answer.Content.ReadAsStream());
            _process.Refresh();
            return new SoakSample(seconds, Of("status", "VmRSS:") << 10, Of("status", "RssAnon:") << 10, _process.TotalProcessorTime.TotalSeconds, Of("io", "write_bytes:"),
                DataBytes(), sent, acknowledged, SoakSample.Flatten(status.RootElement));
        }
        catch (Exception e) when (HasExited || e is HttpRequestException or TaskCanceledException)
        {
            throw new CommandFailedException($"the worker does not answer any more ({e.Message}): {Said}");
        }
    }

    /// <returns>True if it has ended.</returns>
    public bool WaitForExit(TimeSpan patience) => _process.WaitForExit(patience);

    /// <summary>SIGTERM.</summary>
    /// <returns>True if it ended normally.</returns>
    public bool Stop()
    {
        using (Process terminate = Process.Start("kill", ["-TERM", $"{_process.Id}"]))
            terminate.WaitForExit();
        return _process.WaitForExit(PatienceWithStop) && _process.ExitCode == 0;
    }

    public void Dispose()
    {
        if (!HasExited)
            _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _http.Dispose();
    }

    /// <summary>A number of a file of /proc.</summary>
    private long Of(string file, string name)
    {
        foreach (string line in File.ReadLines($"/proc/{_process.Id}/{file}"))
        {
            if (line.StartsWith(name, StringComparison.Ordinal))
                return long.Parse(line.AsSpan(name.Length).Trim().TrimEnd(" kB"), CultureInfo.InvariantCulture);
        }
        return 0;
    }

    private long DataBytes()
    {
        long bytes = 0;
        foreach (string file in Directory.EnumerateFiles(_folder, "*", SearchOption.AllDirectories))
        {
            try
            {
                bytes += new FileInfo(file).Length;
            }
            catch (FileNotFoundException)
            {
                // Removed since it was listed: the worker does so behind its snapshots.
            }
        }
        return bytes;
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
