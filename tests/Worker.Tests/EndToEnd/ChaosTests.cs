using System.Diagnostics;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>The command that anybody can run, with the kills that fit into a test.</summary>
[Collection(RealProcesses.Name)]
[Trait("speed", "slow")]
public sealed class ChaosTests
{
    [Fact]
    public async Task Killed_ten_times_with_the_embedded_broker_and_ten_times_behind_mosquitto_nothing_differs()
    {
        using Process chaos = Executable.Start(["chaos", "--kills", "10", "--seed", "20261125"]);
        try
        {
            Task<string> error = chaos.StandardError.ReadToEndAsync();
            string output = await chaos.StandardOutput.ReadToEndAsync();
            Assert.True(chaos.WaitForExit(240_000), output);
            Assert.True(chaos.ExitCode == 0, $"{output}\n{await error}");
            Assert.EndsWith("20 kills, 0 differences in outputs and states\n", output.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        }
        finally
        {
            if (!chaos.HasExited)
                chaos.Kill(entireProcessTree: true);
        }
    }
}
