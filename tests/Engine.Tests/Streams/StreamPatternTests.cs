using StreamRnn.Engine.Streams;

namespace StreamRnn.Engine.Tests.Streams;

public class StreamPatternTests
{
    [Theory]
    [InlineData("#", "plant/a", true)]
    [InlineData("#", "$SYS/uptime", false)]
    [InlineData("plant/#", "plant", true)]
    [InlineData("plant/#", "plant/a/b:c.d", true)]
    [InlineData("plant/#", "plants/a", false)]
    [InlineData("plant/+", "plant/a", true)]
    [InlineData("plant/+", "plant/a:power", true)]
    [InlineData("plant/+", "plant/a/b", false)]
    [InlineData("plant/+/power", "plant/a/power", true)]
    [InlineData("plant/+/power", "plant/a/flow", false)]
    [InlineData("plant/a", "plant/a", true)]
    [InlineData("plant/a", "plant/a:power", true)]
    [InlineData("plant/a", "plant/ab", false)]
    [InlineData("plant/a", "plant", false)]
    [InlineData("plant/+:power", "plant/a:power", true)]
    [InlineData("plant/+:power", "plant/a:flow", false)]
    [InlineData("plant/a:power", "plant/a:power", true)]
    [InlineData("plant/a:power", "plant/a", false)]
    public void A_pattern_means_these_streams(string pattern, string name, bool matches) =>
        Assert.Equal(matches, new StreamPattern(pattern).Matches(name));

    [Theory, InlineData("plant/a+"), InlineData("plant/+a"), InlineData("#/a"), InlineData("a#")]
    public void A_wildcard_that_is_not_a_whole_level_is_refused(string pattern) =>
        Assert.Throws<ArgumentException>(() => new StreamPattern(pattern));
}
