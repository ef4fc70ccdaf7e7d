using StreamRnn.Ingest.Mqtt.Client;

namespace StreamRnn.Ingest.Tests.Mqtt.Client;

public class BrokerAddressTests
{
    [Theory]
    [InlineData("broker.lan", null, false, "mqtt://broker.lan:1883")]
    [InlineData("broker.lan", null, true, "mqtts://broker.lan:8883")]
    [InlineData("192.0.2.7", 2000, false, "mqtt://192.0.2.7:2000")]
    [InlineData("::1", null, false, "mqtt://[::1]:1883")]
    [InlineData("mqtt://broker.lan", null, false, "mqtt://broker.lan:1883")]
    [InlineData("MQTT://broker.lan:1884/", null, false, "mqtt://broker.lan:1884")]
    [InlineData("mqtt://broker.lan", 1884, false, "mqtt://broker.lan:1884")]
    [InlineData("mqtt://broker.lan:1884", 1884, false, "mqtt://broker.lan:1884")]
    [InlineData("mqtts://[::1]", null, true, "mqtts://[::1]:8883")]
    [InlineData("ws://broker.lan", null, false, "ws://broker.lan:80/mqtt")]
    [InlineData("ws://broker.lan:80/", null, false, "ws://broker.lan:80/mqtt")]
    [InlineData("wss://broker.lan/a/b?token=secret", null, false, "wss://broker.lan:443/a/b")]
    public void What_a_user_writes_is_one_address(string text, int? port, bool tls, string url) =>
        Assert.Equal(url, BrokerAddress.Parse(text, port, tls).ToString());

    [Fact]
    public void The_query_of_a_WebSocket_is_kept()
    {
        Assert.Equal("/mqtt?x=1", BrokerAddress.Parse("wss://broker.lan?x=1").Path);
        Assert.Equal("/a?x=1&y=%20", BrokerAddress.Parse("ws://broker.lan:9001/a?x=1&y=%20").Path);
        Assert.Null(BrokerAddress.Parse("mqtt://broker.lan").Path);
    }

    [Theory]
    [InlineData("tcp://broker.lan:1883", null, false, "write mqtt://broker.lan:1883")]
    [InlineData("ssl://broker.lan", null, false, "write mqtts://broker.lan")]
    [InlineData("https://broker.lan/mqtt", null, false, "write wss://broker.lan/mqtt")]
    [InlineData("amqp://broker.lan", null, false, "write a host alone, or mqtt://")]
    [InlineData("broker.lan:1884", null, false, "write mqtt://broker.lan:1884")]
    [InlineData("broker/x", null, false, "write a name or an address alone")]
    [InlineData("", null, false, "write a name or an address alone")]
    [InlineData("mqtt://", null, false, "write mqtt://HOST:PORT")]
    [InlineData("ws://broker:99999/mqtt", null, false, "write ws://HOST:PORT/mqtt")]
    [InlineData("mqtt://broker:1883/topic", null, false, "write ws:// for MQTT over WebSocket")]
    [InlineData("mqtts://broker?x=1", null, false, "write wss:// for MQTT over WebSocket")]
    [InlineData("mqtt://broker:1883", 1884, false, "leave one out")]
    [InlineData("ws://broker:80", 8080, false, "leave one out")]
    [InlineData("mqtt://broker", null, true, "write mqtts://broker")]
    [InlineData("ws://broker/mqtt", null, true, "write wss://broker/mqtt")]
    [InlineData("wss://broker/mqtt#a", null, false, "leave it out")]
    public void Anything_else_is_refused_with_what_to_write(string text, int? port, bool tls, string remedy) =>
        Assert.Contains(remedy, Assert.Throws<FormatException>(() => BrokerAddress.Parse(text, port, tls)).Message);

    [Fact]
    public void A_user_in_the_URL_is_refused_without_being_repeated()
    {
        string message = Assert.Throws<FormatException>(() => BrokerAddress.Parse("mqtts://plant:hunter2@broker.lan")).Message;
        Assert.Contains("PasswordFile", message);
        Assert.DoesNotContain("hunter2", message);
    }
}
