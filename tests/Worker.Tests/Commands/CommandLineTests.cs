namespace StreamRnn.Worker.Tests.Commands;

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

    [Fact]
    public async Task It_says_its_version()
    {
        (int exitCode, string output, _) = await Executable.RunAsync("--version");

        Assert.Equal(0, exitCode);
        Assert.Matches(@"^\d+\.\d+\.\d+", output);
    }
}
