using System.Text;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Tests.Mqtt.Codec;

public class MqttTopicTests
{
    [Theory]
    [InlineData("a/b", "a/b", true)]
    [InlineData("a/b", "a/c", false)]
    [InlineData("a/b", "a", false)]
    [InlineData("a", "a/b", false)]
    [InlineData("a/+", "a/b", true)]
    [InlineData("a/+", "a/", true)]
    [InlineData("a/+", "a", false)]
    [InlineData("a/+", "a/b/c", false)]
    [InlineData("+/+", "/a", true)]
    [InlineData("+", "/a", false)]
    [InlineData("/+", "/a", true)]
    [InlineData("+/b/#", "a/b", true)]
    [InlineData("#", "a/b/c", true)]
    [InlineData("#", "/", true)]
    [InlineData("a/#", "a", true)]
    [InlineData("a/#", "a/b/c", true)]
    [InlineData("a/#", "ab", false)]
    [InlineData("a/+/#", "a", false)]
    [InlineData("a/+/#", "a/b", true)]
    [InlineData("a/b", "a/b/", false)]
    [InlineData("A", "a", false)]
    [InlineData("#", "$SYS/x", false)]
    [InlineData("+/x", "$SYS/x", false)]
    [InlineData("$SYS/#", "$SYS/x", true)]
    [InlineData("$SYS/+", "$SYS/x", true)]
    [InlineData("a/+", "a/$x", true)]
    public void A_filter_selects_what_the_specification_says(string filter, string topic, bool expected) =>
        Assert.Equal(expected, MqttTopic.Matches(Encoding.UTF8.GetBytes(filter), Encoding.UTF8.GetBytes(topic)));

    [Theory]
    [InlineData("#", true)]
    [InlineData("+", true)]
    [InlineData("/", true)]
    [InlineData("a/+/b/#", true)]
    [InlineData("+/a", true)]
    [InlineData("", false)]
    [InlineData("a#", false)]
    [InlineData("#/a", false)]
    [InlineData("a/#/b", false)]
    [InlineData("a+", false)]
    [InlineData("a/+b", false)]
    [InlineData("a/b+/c", false)]
    [InlineData("a\0b", false)]
    public void A_wildcard_is_alone_in_its_level(string filter, bool expected) =>
        Assert.Equal(expected, MqttTopic.IsFilter(Encoding.UTF8.GetBytes(filter)));

    [Theory]
    [InlineData("a/b", true)]
    [InlineData("/", true)]
    [InlineData(" ", true)]
    [InlineData("", false)]
    [InlineData("a/+", false)]
    [InlineData("#", false)]
    [InlineData("a\0b", false)]
    public void A_name_has_no_wildcard(string topic, bool expected) =>
        Assert.Equal(expected, MqttTopic.IsName(Encoding.UTF8.GetBytes(topic)));
}
