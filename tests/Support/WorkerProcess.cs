using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace StreamRnn.Support;

/// <summary><c>streamrnn run</c> in a process of its own, and what it says.</summary>
public sealed class WorkerProcess : IDisposable
{
    private readonly Process _process;
    private readonly List<string> _lines = [];

    private readonly int _probes;

    private WorkerProcess(Process process, int probes)
    {
        (_process, _probes) = (process, probes);
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_lines)
                _lines.Add(line.Data ?? "");
        };
        _process.BeginErrorReadLine();
    }

    public long ResidentBytes
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    public string Log
    {
        get
        {
            lock (_lines)
                return string.Join('\n', _lines);
        }
    }

    public bool HasExited => _process.HasExited;

    /// <summary>Where devices connect to its embedded broker.</summary>
    public int BrokerPort => int.Parse(Regex.Match(Log, @"MQTT broker listens on 127\.0\.0\.1:(\d+)").Groups[1].ValueSpan, CultureInfo.InvariantCulture);

    /// <summary>Starts it and waits until ticks can arrive.</summary>
    public static WorkerProcess Start(params IEnumerable<string> args) => Start(new Dictionary<string, string>(), args);

    /// <param name="settings">Of the section StreamRnn, by their names in the environment: <c>Limits__QueueCapacity</c>; or of the runtime, DOTNET_.</param>
    public static WorkerProcess Start(IReadOnlyDictionary<string, string> settings, params IEnumerable<string> args)
    {
        int port = Ports.Free();
        Dictionary<string, string> environment = settings.ToDictionary(
            setting => setting.Key.StartsWith("DOTNET_", StringComparison.Ordinal) ? setting.Key : "StreamRnn__" + setting.Key, setting => setting.Value);
        WorkerProcess worker = new(Executable.Start(["run", "--probes", $"{port}", .. args], environment: environment), port);
        Wait.Until(() =>
        {
            Assert.False(worker.HasExited, worker.Log);
            return worker.IsReady;
        }, "the worker is ready");
        return worker;
    }

    /// <summary>True while ticks can arrive.</summary>
    public bool IsReady
    {
        get
        {
            try
            {
                using HttpClient http = new();
                return http.GetAsync(Probe("ready")).Result.IsSuccessStatusCode;
            }
            catch (AggregateException e) when (e.InnerException is HttpRequestException)
            {
                return false;
            }
        }
    }

    /// <summary>Waits until what it counts meets a condition.</summary>
    public void WaitForStatus(Func<JsonElement, bool> condition, string what)
    {
        using HttpClient http = new();
        string last = "";
        Wait.Until(() =>
        {
            Assert.False(HasExited, Log);
            last = http.GetStringAsync(Probe("status")).Result;
            using JsonDocument status = JsonDocument.Parse(last);
            return condition(status.RootElement);
        }, () => $"{what}\n{last}\n{Log}");
    }

    private Uri Probe(string name) => new($"http://127.0.0.1:{_probes}/healthz/{name}");

    public void WaitFor(string text) => Wait.Until(() =>
    {
        string log = Log;
        Assert.True(!_process.HasExited || log.Contains(text, StringComparison.Ordinal), $"ended without '{text}':\n{log}");
        return log.Contains(text, StringComparison.Ordinal);
    }, $"the worker says '{text}'");

    /// <summary>How often it said this.</summary>
    public int Count(string text) => Log.Split('\n').Count(line => line.Contains(text, StringComparison.Ordinal));

    /// <summary>Asks it to stop, as systemd, Docker and Kubernetes do.</summary>
    /// <returns>Its exit code.</returns>
    public int Terminate()
    {
        using (Process kill = Process.Start("kill", ["-TERM", $"{_process.Id}"]))
            kill.WaitForExit();
        return WaitForExit();
    }

    public int WaitForExit()
    {
        Assert.True(_process.WaitForExit(60_000), $"still running after 60 s:\n{Log}");
        _process.WaitForExit();   // and what it said last has been read
        return _process.ExitCode;
    }

    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            Kill();
        _process.Dispose();
    }
}
