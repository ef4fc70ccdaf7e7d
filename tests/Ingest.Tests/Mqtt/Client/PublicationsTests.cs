using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;

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
            publications.TryConfirm(id, qos, MqttReasonCode.Success, text: default, window: 100, windowAtQos2: 100, out _);
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
        Assert.Equal((2, 1), (publications.PublishedCount, publications.RejectedCount));
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
            publications.TryConfirm(id, qos: 1, MqttReasonCode.Success, text: default, window: 100, windowAtQos2: 100, out _);
            Assert.Equal(id switch { 2 => [1], 1 => [1, 2, 3], _ => [1L, 2, 3, 4] }, reached);
        }
    }

    /// <summary>Whatever comes in whatever order: what is published is confirmed, refused or neither yet, and the sum is the same at every moment.</summary>
    [Fact]
    public void The_outcome_of_outputs_adds_up_at_every_moment()
    {
        const int Seed = 20261201;
        var random = new Random(Seed);
        Publications publications = Start();
        long published = 0, dropped = 0;
        BrokerLimits limits = Unlimited with { MaximumPacketBytes = 100 };
        var open = new Queue<(ushort Id, byte Qos, bool IsOutput)>();
        ushort id = 0;
        for (int step = 0; step < 5000; step++)
        {
            switch (random.Next(4))
            {
                case 0 or 1:
                    byte qos = (byte)random.Next(3);
                    bool isOutput = random.Next(5) > 0, isConnected = random.Next(10) > 0, isLong = isConnected && random.Next(10) == 0;
                    publications.TryAdd(
                        new MqttPublish { Topic = "t"u8, Payload = new byte[isLong ? 100 : 1], Qos = qos }, isConnected ? limits : null, isOutput);
                    bool isDropped = qos == 0 && !isConnected;
                    dropped += isDropped ? 1 : 0;
                    published += isOutput && !isDropped ? 1 : 0;
                    if (qos > 0 && !isLong)
                        open.Enqueue((id = (ushort)(id == BrokerChannelAdapter.SubscribeId - 1 ? 1 : id + 1), qos, isOutput));
                    break;
                case 2:
                    while (!publications.TakeUnsent(window: 65535, windowAtQos2: 65535, longest: 1 << 16).IsEmpty)
                        publications.Written();
                    publications.Written();
                    break;
                case 3 when open.TryPeek(out (ushort Id, byte Qos, bool IsOutput) oldest):
                    MqttReasonCode reason = random.Next(2) == 0 ? MqttReasonCode.Success : (MqttReasonCode)random.Next(256);
                    if (publications.TryConfirm(oldest.Id, oldest.Qos, reason, text: default, window: 65535, windowAtQos2: 65535, out _))
                        open.Dequeue();
                    break;
            }
            PublishOutcome outcome = publications.Outputs;
            Assert.Equal((published, dropped), (outcome.Published, publications.DroppedCount));
            Assert.True(outcome is { Confirmed: >= 0, Rejected: >= 0, Unconfirmed: >= 0 }, $"seed {Seed}, step {step}: {outcome}");
            Assert.True(outcome.Unconfirmed >= open.Count(message => message.IsOutput), $"seed {Seed}, step {step}: {outcome}");
        }
        while (!publications.TakeUnsent(window: 65535, windowAtQos2: 65535, longest: 1 << 16).IsEmpty)
            publications.Written();
        publications.Written();
        Assert.Equal(open.Count(message => message.IsOutput), publications.Outputs.Unconfirmed);
    }

    private static Publications Start()
    {
        BrokerLinkOptions options = new() { Host = "broker", ClientId = "c" };
        return new Publications(options, new RefusedMessages(options, "broker", NullLogger.Instance, TimeProvider.System), TimeProvider.System, CancellationToken.None);
    }
}
