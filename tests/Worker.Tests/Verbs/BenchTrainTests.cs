using System.Text.Json;

namespace StreamRnn.Worker.Tests.Verbs;

[Trait("speed", "slow")]
public class BenchTrainTests
{
    [Fact]
    public async Task It_prints_seconds_per_epoch_and_the_share_of_the_machines_peak()
    {
        (int exitCode, string output, string error) = await Executable.RunAsync(
            "bench", "train", "--cell", "gru", "--hidden", "8", "--windows", "50", "--length", "5", "--batch", "16", "--threads", "2", "--json");

        Assert.Equal((0, ""), (exitCode, error));
        JsonElement json = JsonDocument.Parse(output).RootElement;
        Assert.InRange(json.GetProperty("secondsPerEpoch").GetDouble(), 1e-6, 60);
        Assert.InRange(json.GetProperty("shareOfPeak").GetDouble(), 1e-6, 1);
        Assert.Equal("GRU 1 -> 8 -> 1", json.GetProperty("model").GetString());
    }
}
