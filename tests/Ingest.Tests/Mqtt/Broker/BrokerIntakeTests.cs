using StreamRnn.Ingest.Mqtt.Broker;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Tests.Ticks;

namespace StreamRnn.Ingest.Tests.Mqtt.Broker;

public class BrokerIntakeTests
{
    public static TheoryData<MqttVersion> Versions => [MqttVersion.V311, MqttVersion.V5];

    [Theory, MemberData(nameof(Versions))]
    public void Acknowledgements_leave_when_the_ticks_are_done_in_order_of_arrival(MqttVersion version)
    {
        using var broker = new TestBroker(holdAcknowledgements: true);
        using WireClient client = broker.Connect(version);
        for (ushort id = 1; id <= 3; id++)
            client.Publish("a", "1", qos: 1, packetId: id);
        TakenMessage[] taken = [broker.Take(), broker.Take(), broker.Take()];
        client.Barrier();

        taken[1].Ledger.Complete(taken[1].Packet);
        taken[2].Ledger.Complete(taken[2].Packet);
        client.Barrier();
        taken[0].Ledger.Complete(taken[0].Packet);
        for (ushort id = 1; id <= 3; id++)
            Assert.Equal(id, client.ExpectAcknowledgement(MqttPacketType.Puback));
    }

    [Fact]
    public void More_in_flight_than_receive_maximum_ends_an_mqtt_5_connection()
    {
        using var broker = new TestBroker(new MqttBrokerOptions { ReceiveMaximum = 2 }, holdAcknowledgements: true);
        using WireClient client = broker.Open(MqttVersion.V5);
        MqttConnack connack = client.Connect(new MqttConnect { CleanStart = true });
        Assert.Equal(2u, connack.Properties.NumberOr(MqttPropertyId.ReceiveMaximum, 0));
        Assert.Equal(2u, connack.Properties.NumberOr(MqttPropertyId.MaximumQos, 2));
        for (ushort id = 1; id <= 3; id++)
            client.Publish("a", "1", qos: 1, packetId: id);
        Assert.Equal(MqttReasonCode.ReceiveMaximumExceeded, client.Expect(MqttPacketType.Disconnect).DisconnectReason());
        client.ExpectEnd();
        broker.UntilClosed(MqttBrokerClose.ProtocolError);
    }

    [Fact]
    public void An_mqtt_311_client_is_not_read_further_until_it_has_room_again()
    {
        using var broker = new TestBroker(new MqttBrokerOptions { ReceiveMaximum = 2 }, holdAcknowledgements: true);
        using WireClient client = broker.Connect(MqttVersion.V311);
        for (ushort id = 1; id <= 100; id++)
            client.Publish("a", "1", qos: 1, packetId: id);
        for (ushort id = 1; id <= 100; id++)
        {
            TakenMessage message = broker.Take();
            Assert.InRange(broker.UntakenCount, 0, 1);
            message.Ledger.Complete(message.Packet);
            Assert.Equal(id, client.ExpectAcknowledgement(MqttPacketType.Puback));
        }
    }

    [Fact]
    public void A_subscriber_that_does_not_read_costs_it_its_messages_and_nobody_else_anything()
    {
        using var broker = new TestBroker(new MqttBrokerOptions { MaximumOutboxBytes = 1 << 16, MaximumQueuedMessages = 100 });
        using WireClient slow = broker.Connect(MqttVersion.V5);
        using WireClient healthy = broker.Connect(MqttVersion.V5);
        using WireClient publisher = broker.Connect(MqttVersion.V5);
        slow.Subscribe("#");
        healthy.Subscribe("last");
        string payload = new('x', 10_000);
        for (int i = 0; broker.Broker.Counters.Dropped(MqttBrokerDrop.SlowConsumer) == 0; i++)
        {
            publisher.Publish("bulk", payload);
            Assert.True(i < 10_000, "the kernel took 100 MB for a socket that nobody reads");
        }
        publisher.Publish("last", "1", qos: 1, packetId: 1);
        Assert.Equal(1, publisher.ExpectAcknowledgement(MqttPacketType.Puback));
        Assert.Equal(("last", "1"), healthy.ExpectMessage());
    }

    [Fact]
    public void A_socket_that_takes_nothing_for_too_long_is_closed()
    {
        using var broker = new TestBroker(new MqttBrokerOptions { MaximumOutboxBytes = 1 << 16 });
        using WireClient slow = broker.Connect(MqttVersion.V5);
        slow.Subscribe("#");
        byte[] payload = new byte[10_000];
        TestBroker.Until(() =>
        {
            broker.Broker.Publish("bulk"u8, payload);
            broker.Time.Advance(TimeSpan.FromSeconds(1));
            return broker.Broker.Counters.Closed(MqttBrokerClose.SlowConsumer) == 1;
        }, "the slow consumer closed");
        Assert.True(broker.Broker.Counters.Dropped(MqttBrokerDrop.SlowConsumer) > 0);
    }
}
