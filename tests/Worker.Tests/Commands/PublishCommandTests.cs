namespace StreamRnn.Worker.Tests.Commands;

[Trait("speed", "slow")]
public class PublishCommandTests
{
    [Theory]
    [InlineData("plant/#")]
    [InlineData("plant/+/taxi")]
    [InlineData("")]
    public async Task A_filter_where_a_topic_belongs_is_a_usage_error(string topic)
    {
        (int exitCode, string output, string error) = await Executable.RunAsync("publish", "any.csv", "--topic", topic);

        Assert.Equal(2, exitCode);
        Assert.Empty(output);
        Assert.Contains($"--topic is '{topic}'", error);
        Assert.Single(error.Trim().Split('\n'));
    }
}
