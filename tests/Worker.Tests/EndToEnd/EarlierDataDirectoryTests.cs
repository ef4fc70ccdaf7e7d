using System.Text.Json;
using StreamRnn.Worker.Tests.Architecture;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>A data directory of an earlier build opens: the states that it holds are the bits that build had. See its README in tests/Golden.</summary>
[Trait("speed", "slow")]
public sealed class EarlierDataDirectoryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("streamrnn-earlier-").FullName;
    private readonly string _states;

    public EarlierDataDirectoryTests()
    {
        string golden = Path.Combine(Repository.Root, "tests", "Golden", "data-directory");
        _states = File.ReadAllText(Path.Combine(golden, "states.json"));
        foreach (string file in Directory.GetFiles(golden).Where(file => Path.GetExtension(file) is ".log" or ".snap" or ".safetensors"))
            File.Copy(file, Path.Combine(_folder, Path.GetFileName(file)));
        File.WriteAllText(Path.Combine(_folder, "lock"), "");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Its_states_are_shown_as_the_build_that_wrote_them_showed_them()
    {
        (int exitCode, string output, string error) = await Executable.RunAsync("state", "show", "--json", "--data-dir", _folder);
        Assert.Equal((0, _states, ""), (exitCode, output, error));
    }

    [Fact]
    public void A_worker_goes_on_where_it_ended_with_the_forecast_that_was_made_there()
    {
        using JsonDocument before = JsonDocument.Parse(_states.Split('\n')[0]);
        string stream = before.RootElement.GetProperty("stream").GetString()!;

        using WorkerInProcess worker = WorkerInProcess.Embedded(options => options with { DataDir = _folder });
        Assert.True(worker.Worker.RecoveredTickCount > 0, "the log behind the snapshot");
        using MqttPeer peer = new(worker.Port, $"streamrnn/{stream}/forecast");
        peer.Publish(stream, """{"value": 67}""");
        Message next = peer.WaitFor(message => Outputs.Number(message.Payload) > before.RootElement.GetProperty("n").GetInt64(), "the next forecast");

        using JsonDocument after = JsonDocument.Parse(next.Payload);
        Assert.Equal(before.RootElement.GetProperty("n").GetInt64() + 1, Outputs.Number(next.Payload));
        Assert.Equal(before.RootElement.GetProperty("next").GetDouble(), after.RootElement.GetProperty("forecast").GetDouble());
    }
}
