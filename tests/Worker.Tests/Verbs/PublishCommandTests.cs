namespace StreamRnn.Worker.Tests.Verbs;

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

    [Theory]
    [InlineData("write mqtt://broker:1883", "publish", "any.csv", "--host", "tcp://broker:1883")]
    [InlineData("leave one out", "publish", "any.csv", "--host", "mqtt://broker:1883", "--port", "1884")]
    [InlineData("it takes 1 to 65535", "publish", "any.csv", "--port", "0")]
    [InlineData("write mqtts://broker", "chaos", "--broker", "ssl://broker")]
    public async Task A_broker_that_cannot_be_meant_is_a_usage_error_with_the_remedy(string remedy, params string[] args)
    {
        (int exitCode, _, string error) = await Executable.RunAsync(args);

        Assert.Equal(2, exitCode);
        Assert.Contains(remedy, error);
        Assert.Single(error.Trim().Split('\n'));
    }
}
