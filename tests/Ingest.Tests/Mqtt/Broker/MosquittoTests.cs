using System.Diagnostics;
using StreamRnn.Ingest.Mqtt.Broker;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Tests.Ticks;

namespace StreamRnn.Ingest.Tests.Mqtt.Broker;

/// <summary>The broker against the clients of another project.</summary>
[Trait("speed", "slow")]
public class MosquittoTests
{
    private const int DeadlineMilliseconds = 10_000;

    [Theory]
    [InlineData("311", 0)]
    [InlineData("311", 1)]
    [InlineData("311", 2)]
    [InlineData("5", 0)]
    [InlineData("5", 1)]
    [InlineData("5", 2)]
    public void Mosquitto_publishes_and_the_handler_takes_every_line(string version, int qos)
    {
        using var broker = new TestBroker();
        using Process pub = Start(broker, "mosquitto_pub", $"-V {version} -q {qos} -t plant/pump -l");
        for (int i = 0; i < 1000; i++)
            pub.StandardInput.WriteLine(i);
        pub.StandardInput.Close();
        for (int i = 0; i < 1000; i++)
            Assert.Equal($"{i}", broker.Take().Payload);
        Assert.Equal("", Finish(pub));
        broker.UntilClosed(MqttBrokerClose.ClientDisconnected);
    }

    [Theory]
    [InlineData("311", 0)]
    [InlineData("311", 1)]
    [InlineData("311", 2)]
    [InlineData("5", 0)]
    [InlineData("5", 1)]
    [InlineData("5", 2)]
    public void Mosquitto_subscribes_and_gets_every_message(string version, int qos)
    {
        using var broker = new TestBroker();
        broker.Broker.Publish("out/first"u8, "retained"u8, qos: 2, retain: true);
        using Process sub = Start(broker, "mosquitto_sub", $"-V {version} -q {qos} -t out/# -C 501 -F %t:%q:%r:%p");
        Assert.Equal($"out/first:{qos}:1:retained", sub.StandardOutput.ReadLine());
        for (int i = 0; i < 500; i++)
            broker.Broker.Publish("out/next"u8, System.Text.Encoding.UTF8.GetBytes($"{i}"), qos: 2);
        for (int i = 0; i < 500; i++)
            Assert.Equal($"out/next:{qos}:0:{i}", sub.StandardOutput.ReadLine());
        Assert.Equal("", Finish(sub));
    }

    [Theory]
    [InlineData("311")]
    [InlineData("5")]
    public void Mosquitto_speaks_to_mosquitto_through_it(string version)
    {
        using var broker = new TestBroker(new MqttBrokerOptions { UserName = "u", Password = "p" });
        using Process sub = Start(broker, "mosquitto_sub", $"-V {version} -u u -P p -q 1 -t a/+/c -C 2 -v");
        TestBroker.Until(() => broker.Broker.State.SubscriptionCount == 1, "mosquitto_sub subscribed");
        using Process pub = Start(broker, "mosquitto_pub", $"-V {version} -u u -P p -q 1 -t a/b/c --repeat 2 -m hello");
        Assert.Equal("", Finish(pub));
        Assert.Equal("a/b/c hello", sub.StandardOutput.ReadLine());
        Assert.Equal("a/b/c hello", sub.StandardOutput.ReadLine());
        Assert.Equal("", Finish(sub));
    }

    [Theory]
    [InlineData("311")]
    [InlineData("5")]
    public void The_will_of_a_killed_mosquitto_is_published(string version)
    {
        using var broker = new TestBroker();
        using WireClient watcher = broker.Connect(MqttVersion.V5);
        watcher.Subscribe("status/#");
        using Process sub = Start(broker, "mosquitto_sub", $"-V {version} -t x --will-topic status/device --will-payload gone --will-qos 1");
        TestBroker.Until(() => broker.Broker.State.SubscriptionCount == 2, "mosquitto_sub subscribed");
        sub.Kill();
        Assert.Equal(("status/device", "gone"), watcher.ExpectMessage());
    }

    private static Process Start(TestBroker broker, string program, string arguments) => Process.Start(new ProcessStartInfo(
        program, $"-h 127.0.0.1 -p {broker.Broker.EndPoint!.Port} {arguments}")
    {
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    private static string Finish(Process process)
    {
        Assert.True(process.WaitForExit(DeadlineMilliseconds), $"{process.StartInfo.FileName} did not end in time");
        return process.StandardError.ReadToEnd();
    }
}
