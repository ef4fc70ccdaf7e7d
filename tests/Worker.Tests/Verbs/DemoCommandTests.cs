using System.Text.Json;

namespace StreamRnn.Worker.Tests.Verbs;

[Trait("speed", "slow")]
public class DemoCommandTests
{
    [Fact]
    public async Task It_ends_by_itself_and_what_was_published_was_accepted_and_stepped()
    {
        (int exitCode, string output, string error) = await Executable.RunAsync("demo", "--duration", "3s", "--rate", "500", "--json");

        Assert.Equal((0, ""), (exitCode, error));
        JsonElement outcome = JsonDocument.Parse(output.TrimEnd().Split('\n')[^1]).RootElement;
        long published = outcome.GetProperty("published").GetInt64();
        Assert.InRange(published, 6, 6 * 3 * 500 + 6);
        Assert.Equal(published, outcome.GetProperty("accepted").GetInt64());
        Assert.Equal(published, outcome.GetProperty("stepped").GetInt64());
        Assert.Equal(published, outcome.GetProperty("forecasts").GetInt64());
    }

    [Theory]
    [InlineData("--duration", "soon")]
    [InlineData("--rate", "0")]
    [InlineData("--rate", "fast")]
    public async Task A_setting_that_makes_no_sense_is_refused_with_what_it_takes(string option, string value)
    {
        (int exitCode, string output, string error) = await Executable.RunAsync("demo", option, value);
        Assert.Equal(2, exitCode);
        Assert.Empty(output);
        Assert.Contains(value, error);
    }
}
