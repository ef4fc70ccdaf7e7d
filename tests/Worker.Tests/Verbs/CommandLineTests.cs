namespace StreamRnn.Worker.Tests.Verbs;

[Trait("speed", "slow")]
public class CommandLineTests
{
    [Fact]
    public async Task Without_a_verb_it_prints_help_and_succeeds()
    {
        (int exitCode, string output, string error) = await Executable.RunAsync();

        Assert.Equal(0, exitCode);
        Assert.Contains("Usage:", output);
        Assert.Empty(error);
    }

    [Theory]
    [InlineData("nosuch")]
    [InlineData("nosuch", "--help")]
    public async Task An_unknown_verb_is_a_usage_error_of_one_line(params string[] arguments)
    {
        (int exitCode, string output, string error) = await Executable.RunAsync(arguments);

        Assert.Equal(2, exitCode);
        Assert.Empty(output);
        Assert.Contains("'nosuch'", error);
        Assert.Contains("--help", error);
        Assert.Single(error.Trim().Split('\n'));
    }

    [Theory]
    [InlineData("streamrnn replay", "--shards", "replay", "x", "--out", "y", "--shards", "four")]
    [InlineData("streamrnn publish", "--qos", "publish", "x", "--qos", "four")]
    [InlineData("streamrnn bench engine", "--seconds", "bench", "engine", "--seconds", "four")]
    [InlineData("streamrnn run", "--qos", "run", "--qos", "four")]
    public async Task A_value_that_is_no_number_is_a_usage_error_that_names_verb_and_option(string verb, string option, params string[] arguments)
    {
        (int exitCode, string output, string error) = await Executable.RunAsync(arguments);

        Assert.Equal((2, ""), (exitCode, output));
        Assert.StartsWith(verb + ": ", Assert.Single(error.Trim().Split('\n')));
        Assert.Contains(option, error);
        Assert.Contains("'four'", error);
        Assert.DoesNotContain("System.", error);
    }

    [Fact]
    public async Task It_says_its_version()
    {
        (int exitCode, string output, _) = await Executable.RunAsync("--version");

        Assert.Equal(0, exitCode);
        Assert.Matches(@"^\d+\.\d+\.\d+", output);
    }
}
