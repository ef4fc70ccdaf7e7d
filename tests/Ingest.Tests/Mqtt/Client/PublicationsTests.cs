using StreamRnn.Ingest.Mqtt;
using StreamRnn.Ingest.Mqtt.Client;

namespace StreamRnn.Ingest.Tests.Mqtt.Client;

public class PublicationsTests
{
    private static readonly BrokerLimits Unlimited = BrokerLimits.From(default);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void A_message_is_published_and_confirmed_without_allocating(byte qos)
    {
        Publications publications = Start();
        ushort id = 0;
        Assert.Equal(0, Allocations.Least(1000, () =>
        {
            publications.TryAdd(new MqttPublish { Topic = "plant/a/forecast"u8, Payload = "{}"u8, Qos = qos }, Unlimited);
            publications.TakeUnsent(window: 100, windowAtQos2: 100, longest: 1 << 16);
            publications.Written();
            if (qos == 0)
                return;
            id = (ushort)(id == BrokerChannelAdapter.SubscribeId - 1 ? 1 : id + 1);
            if (qos == 2)
                publications.Received(id);
            publications.TryConfirm(id, qos, MqttReasonCode.Success, window: 100, windowAtQos2: 100, out _);
        }));
        Assert.Equal(0, publications.UnconfirmedCount);
        Assert.Equal(qos > 0 ? publications.PublishedCount : 0, publications.ConfirmedCount);
    }

    [Fact]
    public void A_broker_gets_no_more_than_it_says_it_takes()
    {
        Publications publications = Start();
        publications.TryAdd(new MqttPublish { Topic = "t"u8, Qos = 2 }, Unlimited with { MaximumQos = 1 });
        ReadOnlySpan<byte> sent = publications.TakeUnsent(window: 100, windowAtQos2: 100, longest: 1 << 16);
        Assert.Equal(0x32, sent[0]);
        publications.TryAdd(new MqttPublish { Topic = "t"u8, Payload = new byte[100], Qos = 1 }, Unlimited with { MaximumPacketBytes = 100 });
        Assert.Equal((1, 1), (publications.PublishedCount, publications.DroppedCount));
    }

    [Fact]
    public void Marks_are_reached_in_order_when_everything_before_them_is_confirmed()
    {
        Publications publications = Start();
        List<long> reached = [];
        publications.Mark(1, reached.Add);
        Assert.Equal([1], reached);   // nothing is open
        for (int i = 0; i < 3; i++)
        {
            publications.TryAdd(new MqttPublish { Topic = "t"u8, Qos = 1 }, Unlimited);
            publications.Mark(2 + i, reached.Add);
        }
        publications.TakeUnsent(window: 100, windowAtQos2: 100, longest: 1 << 16);
        publications.Written();
        foreach (ushort id in new ushort[] { 2, 1, 3 })
        {
            publications.TryConfirm(id, qos: 1, MqttReasonCode.Success, window: 100, windowAtQos2: 100, out _);
            Assert.Equal(id switch { 2 => [1], 1 => [1, 2, 3], _ => [1L, 2, 3, 4] }, reached);
        }
    }

    private static Publications Start() => new(new BrokerLinkOptions { Host = "broker", ClientId = "c" }, CancellationToken.None);
}
