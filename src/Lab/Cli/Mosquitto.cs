using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace StreamRnn.Lab.Cli;

/// <summary>A mosquitto process on a free port, without a bound on queued messages, so that a benchmark loses none.</summary>
internal sealed class Mosquitto : IDisposable
{
    private static readonly string[] Places = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/sbin"];

    private readonly Process _process;
    private readonly string _configuration = Path.GetTempFileName();

    private Mosquitto(string executable)
    {
        Port = FreePort.Find();
        File.WriteAllText(_configuration, $"listener {Port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 1000000\nlog_type none\n");
        _process = Process.Start(new ProcessStartInfo(executable, ["-c", _configuration]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        for (int attempt = 0; attempt < 500 && !Answers(); attempt++)
            Thread.Sleep(10);
    }

    public int Port { get; }

    /// <returns>Null where there is none on the PATH.</returns>
    public static Mosquitto? TryStart()
    {
        string? executable = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Concat(Places)
            .Select(place => Path.Combine(place, "mosquitto")).FirstOrDefault(File.Exists);
        return executable is null ? null : new Mosquitto(executable);
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        File.Delete(_configuration);
    }

    private bool Answers()
    {
        try
        {
            using TcpClient probe = new(IPAddress.Loopback.ToString(), Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
