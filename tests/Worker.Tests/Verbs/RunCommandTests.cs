using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace StreamRnn.Worker.Tests.Verbs;

[Trait("speed", "slow")]
public class RunCommandTests
{
    [Fact]
    public async Task It_drains_and_succeeds_when_it_is_told_to_stop()
    {
        Process worker = Executable.Start(["run", "--embedded-broker", "0"]);
        string? line;
        do
            line = await worker.StandardError.ReadLineAsync();
        while (line?.Contains("Started") == false);

        using (Process kill = Process.Start("kill", ["-TERM", $"{worker.Id}"]))
            await kill.WaitForExitAsync();
        (int exitCode, string output, string error) = await Executable.FinishAsync(worker);

        Assert.Equal(0, exitCode);
        Assert.Empty(output);
        Assert.Contains("Drained: 0 accepted, 0 stepped, 0 outputs: 0 confirmed, 0 refused by the broker, 0 unconfirmed.", error);
    }

    [Fact]
    public async Task It_stops_by_itself_after_a_duration_and_answers_probes_until_then()
    {
        int port = Ports.Free();
        Process worker = Executable.Start(["run", "--embedded-broker", "0", "--probes", $"{port}", "--duration", "20s"]);
        string? line;
        do
            line = await worker.StandardError.ReadLineAsync();
        while (line?.Contains("Started") == false);

        (int healthy, string answer, _) = await Executable.RunAsync("health", "--port", $"{port}");
        (int counted, string status, _) = await Executable.RunAsync("health", "--port", $"{port}", "--status");
        worker.Kill();
        Assert.Equal((0, "ready"), (healthy, answer.Trim()));
        Assert.Equal(0, counted);
        Assert.StartsWith("""{"link":"broker on 127.0.0.1:""", status);

        (int exitCode, _, _) = await Executable.RunAsync("run", "--embedded-broker", "0", "--duration", "100ms");
        Assert.Equal(0, exitCode);

        (int gone, _, string error) = await Executable.RunAsync("health", "--port", $"{port}");
        Assert.Equal(1, gone);
        Assert.Contains("no worker answers", error);
    }

    [Fact]
    public async Task The_dashboard_says_where_it_is_and_shows_the_worker()
    {
        Process worker = Executable.Start(["run", "--embedded-broker", "0", "--dashboard", "0"]);
        string? line;
        string? url = null;
        do
        {
            line = await worker.StandardError.ReadLineAsync();
            url ??= line?.Split("Dashboard on ") is [_, string address] ? address.TrimEnd('.') : null;
        }
        while (line?.Contains("Started") == false);

        using HttpClient http = new() { BaseAddress = new Uri(url!) };
        string answer = await http.GetStringAsync(new Uri("/api/streams", UriKind.Relative));
        string page = await http.GetStringAsync(new Uri("/", UriKind.Relative));
        (int healthy, string ready, _) = await Executable.RunAsync("health", "--port", $"{http.BaseAddress.Port}");
        worker.Kill();

        Assert.StartsWith("{\"link\":\"broker on 127.0.0.1:", answer);
        Assert.StartsWith("<!doctype html>", page);
        Assert.Equal((0, "ready"), (healthy, ready.Trim()));
    }

    [Fact]
    public async Task A_port_that_is_taken_is_a_failure_of_one_line_with_the_remedy()
    {
        using TcpListener taken = new(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;

        (int exitCode, _, string error) = await Executable.RunAsync("run", "--embedded-broker", $"{port}");
        Assert.Equal(1, exitCode);
        Assert.Contains("0 takes any free one", Assert.Single(error.Trim().Split('\n')));

        (exitCode, _, error) = await Executable.RunAsync("run", "--embedded-broker", "0", "--probes", $"{port}");
        Assert.Equal(1, exitCode);
        Assert.Contains("choose another Probes:Port", Assert.Single(error.Trim().Split('\n')));

        DirectoryInfo directory = Directory.CreateTempSubdirectory("streamrnn-");
        (exitCode, _, error) = await Executable.RunAsync("run", "--host", "127.0.0.1", "--data-dir", directory.FullName, "--probes", $"{port}");
        directory.Delete(recursive: true);
        Assert.Equal(1, exitCode);
        Assert.Contains("choose another Probes:Port", Assert.Single(error.Trim().Split('\n')));
    }
}
