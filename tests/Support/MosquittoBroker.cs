using System.Diagnostics;
using System.Net.Sockets;

namespace StreamRnn.Support;

/// <summary>A real mosquitto on a free port, with its files in a folder of its own; it can be stopped and started and keeps its sessions.</summary>
public sealed class MosquittoBroker : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("streamrnn-mosquitto-").FullName;
    private readonly string _extra;
    private Process? _process;

    public MosquittoBroker() : this("")
    {
    }

    internal MosquittoBroker(string extra)
    {
        _extra = extra;
        Slow.IsExpected();
        Port = Ports.Free();
        Start();
    }

    public int Port { get; }

    public void Start()
    {
        string configuration = Path.Combine(_folder, "mosquitto.conf");
        File.WriteAllText(configuration, $"""
            listener {Port} 127.0.0.1
            allow_anonymous true
            user {Environment.UserName}
            persistence true
            persistence_location {_folder}/
            max_queued_messages 1000000
            log_type none
            {_extra}
            """);
        string executable = new[] { "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto" }.FirstOrDefault(File.Exists) ?? "mosquitto";
        _process = Process.Start(new ProcessStartInfo(executable, ["-c", configuration]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        Wait.Until(() =>
        {
            Assert.False(_process.HasExited, "mosquitto ended at once; is it installed?");
            try
            {
                using var probe = new TcpClient("127.0.0.1", Port);
                return true;
            }
            catch (SocketException)
            {
                return false;
            }
        }, "mosquitto listens");
    }

    /// <summary>Ends it the polite way, on which it saves its sessions.</summary>
    public void Stop()
    {
        if (_process is null)
            return;
        using (Process terminate = Process.Start("kill", ["-TERM", _process.Id.ToString()]))
            terminate.WaitForExit();
        if (!_process.WaitForExit(5000))
            _process.Kill();
        _process.Dispose();
        _process = null;
    }

    /// <summary>Ends it as a crash would: what it has not saved is gone.</summary>
    public void Kill()
    {
        _process!.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _process = null;
    }

    public void Dispose()
    {
        Stop();
        Directory.Delete(_folder, recursive: true);
    }
}
