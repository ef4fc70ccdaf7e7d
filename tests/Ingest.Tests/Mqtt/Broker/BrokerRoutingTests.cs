using StreamRnn.Ingest.Mqtt.Broker;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Tests.Ticks;

namespace StreamRnn.Ingest.Tests.Mqtt.Broker;

public class BrokerRoutingTests
{
    public static TheoryData<MqttVersion> Versions => [MqttVersion.V311, MqttVersion.V5];

    [Theory, MemberData(nameof(Versions))]
    public void A_message_reaches_the_handler_and_the_subscribers(MqttVersion version)
    {
        using var broker = new TestBroker();
        using WireClient subscriber = broker.Connect(version);
        using WireClient publisher = broker.Connect(version);
        Assert.Equal(MqttReasonCode.GrantedQos2, subscriber.Subscribe("plant/+/temperature", qos: 2));

        publisher.Publish("plant/1/temperature", "21.5");
        publisher.Publish("plant/2/temperature", "22.5", qos: 1, packetId: 9);
        Assert.Equal(9, publisher.ExpectAcknowledgement(MqttPacketType.Puback));

        Assert.Equal(("plant/1/temperature", "21.5"), (broker.Take().Topic, "21.5"));
        Assert.Equal(1, broker.Take().Qos);
        Assert.Equal(("plant/1/temperature", "21.5"), subscriber.ExpectMessage());
        WirePacket second = subscriber.Expect(MqttPacketType.Publish);
        Assert.Equal((1, "22.5"), (second.Publish(version).Qos, second.Payload(version)));
        Assert.Equal(2, broker.Broker.Counters.MessagesReceived);
        Assert.Equal(2, broker.Broker.Counters.MessagesSent);
    }

    [Theory, MemberData(nameof(Versions))]
    public void What_the_owner_publishes_reaches_whoever_subscribes(MqttVersion version)
    {
        using var broker = new TestBroker();
        broker.Broker.Publish("streamrnn/a/forecast"u8, "nobody"u8, qos: 1);
        using WireClient subscriber = broker.Connect(version);
        subscriber.Subscribe("streamrnn/#");

        broker.Broker.Publish("streamrnn/a/forecast"u8, "{}"u8, qos: 1, contentType: "application/json"u8);

        WirePacket packet = subscriber.Expect(MqttPacketType.Publish);
        Assert.Equal("{}", packet.Payload(version));
        Assert.Equal(version == MqttVersion.V5 ? "application/json" : "", System.Text.Encoding.UTF8.GetString(packet.Publish(version).ContentType));
        Assert.Equal(0, broker.UntakenCount);
    }

    [Fact]
    public void Publishing_allocates_nothing_while_nobody_subscribes()
    {
        using var broker = new TestBroker();
        Assert.Equal(0, Allocations.Least(1000, () => broker.Broker.Publish("a/b"u8, "1"u8, qos: 1, contentType: "application/json"u8)));
    }

    [Fact]
    public void A_wildcard_in_the_first_level_does_not_select_system_topics()
    {
        using var broker = new TestBroker();
        using WireClient all = broker.Connect(MqttVersion.V5);
        using WireClient system = broker.Connect(MqttVersion.V5);
        all.Subscribe("#");
        system.Subscribe("$devices/#");

        broker.Broker.Publish("$devices/1"u8, "x"u8);

        Assert.Equal(("$devices/1", "x"), system.ExpectMessage());
        all.Barrier();
    }

    [Fact]
    public void Overlapping_subscriptions_give_one_message_with_the_highest_qos_and_all_identifiers()
    {
        using var broker = new TestBroker();
        using WireClient client = broker.Connect(MqttVersion.V5);
        client.Subscribe("a/#", qos: 0, identifier: 1);
        client.Subscribe("a/+", qos: 1, identifier: 200);
        client.Subscribe("a/b", qos: 0);

        broker.Broker.Publish("a/b"u8, "x"u8, qos: 1);

        MqttPublish publish = client.Expect(MqttPacketType.Publish).Publish(MqttVersion.V5);
        List<uint> identifiers = [];
        foreach (MqttProperty property in publish.Properties)
            identifiers.Add(property.Number);
        Assert.Equal(1, publish.Qos);
        Assert.Equal([1u, 200u], identifiers.Order());
        client.Barrier();
    }

    [Fact]
    public void No_local_keeps_a_clients_own_messages_from_it()
    {
        using var broker = new TestBroker();
        using WireClient client = broker.Connect(MqttVersion.V5);
        client.Subscribe("a", noLocal: true);
        client.Publish("a", "own");
        client.Barrier();
        broker.Broker.Publish("a"u8, "other"u8);
        Assert.Equal(("a", "other"), client.ExpectMessage());
    }

    [Fact]
    public void Unsubscribing_ends_it_and_says_whether_there_was_anything()
    {
        using var broker = new TestBroker();
        using WireClient client = broker.Connect(MqttVersion.V5);
        client.Subscribe("a/+");
        client.SendHex("A2 0D 0002 00 0003 61 2F 2B 0003 61 2F 62");
        WirePacket answer = client.Expect(MqttPacketType.Unsuback);
        Assert.Equal(MqttFault.None, MqttSuback.TryParse(answer.Packet, MqttVersion.V5, out MqttSuback unsuback));
        Assert.Equal([0x00, 0x11], unsuback.ReasonCodes.ToArray());
        broker.Broker.Publish("a/b"u8, "x"u8);
        client.Barrier();
    }

    [Fact]
    public void Shared_subscriptions_and_too_many_are_refused()
    {
        using var broker = new TestBroker(new MqttBrokerOptions { MaximumSubscriptionsPerClient = 2 });
        using WireClient client = broker.Connect(MqttVersion.V5);
        Assert.Equal(MqttReasonCode.SharedSubscriptionsNotSupported, client.Subscribe("$share/g/a"));
        Assert.Equal(MqttReasonCode.GrantedQos1, client.Subscribe("a"));
        Assert.Equal(MqttReasonCode.GrantedQos1, client.Subscribe("b"));
        Assert.Equal(MqttReasonCode.QuotaExceeded, client.Subscribe("c"));
        Assert.Equal(MqttReasonCode.Success, client.Subscribe("a", qos: 0));
        Assert.Equal(MqttReasonCode.QuotaExceeded, client.Subscribe(string.Concat(Enumerable.Repeat("/", 64))));

        using WireClient old = broker.Connect(MqttVersion.V311);
        Assert.Equal(MqttReasonCode.UnspecifiedError, old.Subscribe("$share/g/a"));
    }

    [Theory, MemberData(nameof(Versions))]
    public void A_retained_message_is_sent_to_new_subscribers_until_it_is_cleared(MqttVersion version)
    {
        using var broker = new TestBroker();
        using WireClient publisher = broker.Connect(version);
        publisher.Publish("a/1", "old", retain: true);
        publisher.Publish("a/1", "one", retain: true);
        publisher.Publish("a/2", "two", retain: true);
        publisher.Barrier();
        Assert.Equal(2, broker.Broker.RetainedCount);
        Assert.Equal((false, false, false), (broker.Take().Retain, broker.Take().Retain, broker.Take().Retain));

        using WireClient exact = broker.Connect(version);
        exact.Subscribe("a/1");
        WirePacket retained = exact.Expect(MqttPacketType.Publish);
        Assert.Equal((true, "one"), (retained.Publish(version).Retain, retained.Payload(version)));

        publisher.Publish("a/1", "", retain: true);
        WirePacket live = exact.Expect(MqttPacketType.Publish);
        Assert.False(live.Publish(version).Retain);

        using WireClient all = broker.Connect(version);
        all.Subscribe("#");
        Assert.Equal(("a/2", "two"), all.ExpectMessage());
        all.Barrier();
    }

    [Fact]
    public void Retain_handling_and_retain_as_published_are_honoured()
    {
        using var broker = new TestBroker();
        using WireClient client = broker.Connect(MqttVersion.V5);
        broker.Broker.Publish("a"u8, "1"u8, retain: true);

        client.Subscribe("a", retainHandling: MqttRetainHandling.DoNotSend);
        client.Barrier();
        client.Subscribe("a", retainHandling: MqttRetainHandling.SendIfNew, retainAsPublished: true);
        client.Barrier();
        client.Subscribe("a", retainHandling: MqttRetainHandling.Send, retainAsPublished: true);
        Assert.Equal(("a", "1"), client.ExpectMessage());

        broker.Broker.Publish("a"u8, "2"u8, retain: true);
        Assert.True(client.Expect(MqttPacketType.Publish).Publish(MqttVersion.V5).Retain);
    }

    [Fact]
    public void A_full_retained_store_refuses_and_counts()
    {
        using var broker = new TestBroker(new MqttBrokerOptions { MaximumRetainedMessages = 1 });
        broker.Broker.Publish("a"u8, "1"u8, retain: true);
        broker.Broker.Publish("b"u8, "1"u8, retain: true);
        broker.Broker.Publish("a"u8, "2"u8, retain: true);
        Assert.Equal(1, broker.Broker.RetainedCount);
        Assert.Equal(1, broker.Broker.Counters.Dropped(MqttBrokerDrop.RetainedStoreFull));
    }

    [Fact]
    public void Properties_are_forwarded_and_expiry_counts_down()
    {
        using var broker = new TestBroker();
        using WireClient publisher = broker.Connect(MqttVersion.V5);
        using WireClient old = broker.Connect(MqttVersion.V311);
        var properties = new MqttPropertyWriter(new byte[100]);
        properties.Number(MqttPropertyId.MessageExpiryInterval, 10);
        properties.User("traceparent"u8, "00-1-2-01"u8);
        publisher.Publish("a", "x", retain: true, properties: properties.Properties);
        publisher.Barrier();

        broker.Time.Advance(TimeSpan.FromSeconds(4));
        using WireClient subscriber = broker.Connect(MqttVersion.V5);
        subscriber.Subscribe("a");
        MqttPublish publish = subscriber.Expect(MqttPacketType.Publish).Publish(MqttVersion.V5);
        Assert.Equal(6u, publish.Properties.NumberOr(MqttPropertyId.MessageExpiryInterval, 0));
        Assert.True(publish.Properties.TryGetUser("traceparent"u8, out ReadOnlySpan<byte> trace));
        Assert.True(trace.SequenceEqual("00-1-2-01"u8));

        old.Subscribe("a");
        Assert.Equal(("a", "x"), old.ExpectMessage());
        broker.Time.Advance(TimeSpan.FromSeconds(7));
        subscriber.Subscribe("a");
        subscriber.Barrier();
        broker.Broker.State.Sweep();
        Assert.Equal(0, broker.Broker.RetainedCount);
    }

    [Fact]
    public void A_topic_alias_stands_for_its_topic_on_that_connection()
    {
        using var broker = new TestBroker();
        using WireClient client = broker.Connect(MqttVersion.V5);
        var alias = new MqttPropertyWriter(new byte[8]);
        alias.Number(MqttPropertyId.TopicAlias, 3);
        client.Publish("a/b", "1", properties: alias.Properties);
        client.Publish("", "2", properties: alias.Properties);
        Assert.Equal(("a/b", "1"), (broker.Take().Topic, "1"));
        Assert.Equal("a/b", broker.Take().Topic);

        var unknown = new MqttPropertyWriter(new byte[8]);
        unknown.Number(MqttPropertyId.TopicAlias, 4);
        client.Publish("", "3", properties: unknown.Properties);
        Assert.Equal(MqttReasonCode.TopicAliasInvalid, client.Expect(MqttPacketType.Disconnect).DisconnectReason());
    }

    [Fact]
    public void A_message_larger_than_a_subscriber_takes_is_not_sent_to_it()
    {
        using var broker = new TestBroker();
        using WireClient client = broker.Open(MqttVersion.V5);
        var properties = new MqttPropertyWriter(new byte[8]);
        properties.Number(MqttPropertyId.MaximumPacketSize, 64);
        client.Connect(new MqttConnect { CleanStart = true, Properties = properties.Properties });
        client.Subscribe("a");
        broker.Broker.Publish("a"u8, new byte[100], qos: 1);
        broker.Broker.Publish("a"u8, "small"u8, qos: 1);
        Assert.Equal(("a", "small"), client.ExpectMessage());
        Assert.Equal(1, broker.Broker.Counters.Dropped(MqttBrokerDrop.PacketTooLarge));
    }
}
