using System.Text.Json;

namespace StreamRnn.Worker.Tests.Verbs;

[Trait("speed", "slow")]
public class BenchWireTests
{
    [Theory]
    [InlineData("wire", "--rate", "0")]
    [InlineData("wire", "--rate", "fast")]
    [InlineData("wire", "--broker", "localhost")]
    [InlineData("wire", "--duration", "1ms")]
    [InlineData("flood", "--window", "4097")]
    [InlineData("flood", "--connections", "0")]
    [InlineData("flood", "--streams", "99")]
    [InlineData("receive", "--duration", "soon")]
    public async Task What_cannot_be_measured_is_a_usage_error(string verb, string option, string value)
    {
        (int exitCode, string output, string error) = await Executable.RunAsync("bench", verb, option, value);

        Assert.Equal((2, ""), (exitCode, output));
        Assert.Contains($"{option} is '{value}'", error);
    }

    [Fact]
    public async Task A_flood_has_only_models_and_readers_that_it_knows()
    {
        (int exitCode, _, string error) = await Executable.RunAsync("bench", "flood", "--model", "lstm");

        Assert.Equal(2, exitCode);
        Assert.Contains("'lstm'", error);
    }

    /// <summary>The command itself fails where a forecast is missing, doubled or out of order.</summary>
    [Fact]
    public async Task A_flood_comes_back_whole_and_says_what_it_cost()
    {
        (int exitCode, string output, string error) = await Executable.RunAsync(
            "bench", "flood", "--model", "bare", "--reader", "one", "--connections", "2", "--streams", "100", "--duration", "200ms", "--json");

        Assert.Equal((0, ""), (exitCode, error));
        JsonElement line = Assert.Single(JsonDocument.Parse(output).RootElement.GetProperty("lines").EnumerateArray());
        Assert.Equal("bare GRU-32, a reader", line.GetProperty("case").GetString());
        Assert.True(line.GetProperty("ticks").GetInt64() > 0);
        Assert.True(line.GetProperty("workerMicroseconds").GetDouble() > 0);
        Assert.InRange(line.GetProperty("disk").GetProperty("log").GetDouble(), 1, 80);
    }

    [Fact]
    public async Task Receiving_is_measured_with_and_without_the_disk()
    {
        (int exitCode, string output, string error) = await Executable.RunAsync("bench", "receive", "--duration", "100ms", "--json");

        Assert.Equal((0, ""), (exitCode, error));
        JsonElement[] lines = [.. JsonDocument.Parse(output).RootElement.GetProperty("lines").EnumerateArray()];
        Assert.True(lines.Length >= 4);   // more where there is a mosquitto
        Assert.All(lines, line => Assert.True(line.GetProperty("messages").GetInt64() > 0));
        Assert.Contains(lines, line => line.GetProperty("group").GetString()!.Contains("acknowledged from the disk", StringComparison.Ordinal));
    }
}
