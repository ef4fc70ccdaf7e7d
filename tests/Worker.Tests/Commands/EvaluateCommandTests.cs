namespace StreamRnn.Worker.Tests.Commands;

public sealed class EvaluateCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evaluate").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task What_replay_did_not_write_is_refused_and_nothing_is_printed()
    {
        string recording = Path.Combine(_folder, "a.csv");
        File.WriteAllText(recording, "timestamp,flow\n2026-01-01,1\n");

        (int exitCode, string output, string error) = await Executable.RunAsync("evaluate", recording);

        Assert.Equal(1, exitCode);
        Assert.Empty(output);
        Assert.Contains("no output of 'streamrnn replay'", error);
        Assert.Single(error.Trim().Split('\n'));
    }
}
