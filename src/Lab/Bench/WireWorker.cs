using System.Diagnostics;
using StreamRnn.Lab.Cli;

namespace StreamRnn.Lab.Bench;

/// <summary>A worker as a service would start it: this executable with the verb <c>run</c>, in a separate process.</summary>
internal sealed class WireWorker : IDisposable
{
    private readonly Process _process;
    private readonly int _probes = FreePort.Find();

    /// <param name="broker">Null for the embedded one.</param>
    /// <param name="settings">Further settings, as <c>Durability__CommitInterval</c> and a value.</param>
    public WireWorker((string Host, int Port)? broker, byte qos, params ReadOnlySpan<(string Key, string Value)> settings)
    {
        (Host, Port) = broker ?? ("127.0.0.1", FreePort.Find());
        Topic = $"streamrnn-bench-{Environment.ProcessId}-{Port}-{qos}";   // a name of its own: the broker may serve others
        string[] link = broker is null ? ["--embedded-broker", $"{Port}"] : ["--host", Host, "--port", $"{Port}"];
        ProcessStartInfo start = OwnExecutable.With(["run", .. link, "--subscribe", $"{Topic}/#", "--qos", $"{qos}", "--probes", $"{_probes}"]);
        start.Environment["StreamRnn__Publish__Qos"] = $"{qos}";
        start.Environment["StreamRnn__Mqtt__ClientId"] = Topic;
        start.Environment["StreamRnn__Mqtt__SessionExpiry"] = "00:00:00";
        foreach ((string key, string value) in settings)
            start.Environment["StreamRnn__" + key] = value;
        _process = Process.Start(start)!;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public string Host { get; }

    public int Port { get; }

    /// <summary>First level of the topics it listens to.</summary>
    public string Topic { get; }

    /// <summary>Resources used so far.</summary>
    public ProcessUse Use => ProcessUse.Of(_process);

    /// <summary>Waits until it is connected and its subscription acknowledged.</summary>
    public bool WaitUntilReady(TimeSpan patience)
    {
        using HttpClient probe = new() { Timeout = patience };
        for (long startedAt = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(startedAt) < patience && !_process.HasExited; Thread.Sleep(50))
        {
            try
            {
                using HttpRequestMessage request = new(HttpMethod.Get, $"http://127.0.0.1:{_probes}/healthz/ready");
                using HttpResponseMessage answer = probe.Send(request);
                if (answer.IsSuccessStatusCode)
                    return true;
            }
            catch (HttpRequestException)
            {
                // The probes' server is not up yet.
            }
        }
        return false;
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
