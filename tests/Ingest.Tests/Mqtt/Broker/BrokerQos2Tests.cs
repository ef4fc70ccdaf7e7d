using StreamRnn.Ingest.Mqtt.Broker;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Tests.Mqtt.Delivery;
using StreamRnn.Ingest.Tests.Ticks;

namespace StreamRnn.Ingest.Tests.Mqtt.Broker;

public class BrokerQos2Tests
{
    public static TheoryData<MqttVersion> Versions => [MqttVersion.V311, MqttVersion.V5];

    [Theory, MemberData(nameof(Versions))]
    public void A_message_is_taken_and_forwarded_once_until_it_is_released(MqttVersion version)
    {
        using var broker = new TestBroker();
        using WireClient watcher = broker.Connect(version);
        watcher.Subscribe("a");
        using WireClient client = broker.Connect(version);
        client.Publish("a", "1", qos: 2, packetId: 5);
        Assert.Equal(5, client.ExpectAcknowledgement(MqttPacketType.Pubrec));
        client.Publish("a", "1", qos: 2, packetId: 5, dup: true);
        Assert.Equal(5, client.ExpectAcknowledgement(MqttPacketType.Pubrec));
        client.Acknowledge(MqttPacketType.Pubrel, 5);
        Assert.Equal(5, client.ExpectAcknowledgement(MqttPacketType.Pubcomp));
        client.Publish("a", "2", qos: 2, packetId: 5);
        Assert.Equal(5, client.ExpectAcknowledgement(MqttPacketType.Pubrec));
        Assert.Equal(("1", "2", 0), (broker.Take().Payload, broker.Take().Payload, broker.UntakenCount));
        Assert.Equal([("a", "1"), ("a", "2")], [watcher.ExpectMessage(), watcher.ExpectMessage()]);
        watcher.Barrier();
    }

    [Theory, MemberData(nameof(Versions))]
    public void A_repeat_over_a_new_connection_is_no_new_message_though_nothing_was_answered(MqttVersion version)
    {
        using var broker = new TestBroker(holdAcknowledgements: true);
        using (WireClient client = broker.Connect(version, "device", cleanStart: false, expirySeconds: 60))
        {
            client.Publish("a", "1", qos: 2, packetId: 5);
            broker.Take();
        }
        broker.UntilClosed(MqttBrokerClose.ConnectionLost);
        using WireClient again = broker.Connect(version, "device", cleanStart: false, expirySeconds: 60);
        again.Publish("a", "1", qos: 2, packetId: 5, dup: true);
        Assert.Equal(5, again.ExpectAcknowledgement(MqttPacketType.Pubrec));
        again.Acknowledge(MqttPacketType.Pubrel, 5);
        Assert.Equal(5, again.ExpectAcknowledgement(MqttPacketType.Pubcomp));
        Assert.Equal(0, broker.UntakenCount);
    }

    [Fact]
    public void Messages_never_released_are_bounded()
    {
        using var broker = new TestBroker(new MqttBrokerOptions { ReceiveMaximum = 3 });
        using WireClient client = broker.Connect(MqttVersion.V5);
        for (ushort id = 1; id <= 3; id++)
        {
            client.Publish("a", "1", qos: 2, packetId: id);
            client.ExpectAcknowledgement(MqttPacketType.Pubrec);
        }
        client.Publish("a", "1", qos: 2, packetId: 4);
        Assert.Equal(MqttReasonCode.ReceiveMaximumExceeded, client.Expect(MqttPacketType.Disconnect).DisconnectReason());
    }

    [Theory, MemberData(nameof(Versions))]
    public void A_subscriber_gets_the_whole_handshake_and_after_a_break_only_what_is_left_of_it(MqttVersion version)
    {
        using var broker = new TestBroker();
        using (WireClient client = broker.Connect(version, "reader", cleanStart: false, expirySeconds: 60))
        {
            Assert.Equal(MqttReasonCode.GrantedQos2, client.Subscribe("a", qos: 2));
            for (int i = 1; i <= 3; i++)
                broker.Broker.Publish("a"u8, [(byte)('0' + i)], qos: 2);
            for (ushort id = 1; id <= 3; id++)
            {
                MqttPublish delivered = client.Expect(MqttPacketType.Publish).Publish(version);
                Assert.Equal((2, id, false), (delivered.Qos, delivered.PacketId, delivered.Dup));
            }
            client.Acknowledge(MqttPacketType.Pubrec, 1);
            client.Acknowledge(MqttPacketType.Pubrec, 2);
            Assert.Equal(1, client.ExpectAcknowledgement(MqttPacketType.Pubrel));
            Assert.Equal(2, client.ExpectAcknowledgement(MqttPacketType.Pubrel));
            client.Acknowledge(MqttPacketType.Pubcomp, 1);
            client.Barrier();
        }
        broker.UntilClosed(MqttBrokerClose.ConnectionLost);
        using WireClient again = broker.Open(version);
        Assert.True(again.Connect(new MqttConnect { ClientId = "reader"u8 }).SessionPresent);
        Assert.Equal(2, again.ExpectAcknowledgement(MqttPacketType.Pubrel));
        MqttPublish repeated = again.Expect(MqttPacketType.Publish).Publish(version);
        Assert.Equal((2, 3, true), (repeated.Qos, repeated.PacketId, repeated.Dup));
        again.Acknowledge(MqttPacketType.Pubcomp, 2);
        again.Acknowledge(MqttPacketType.Pubrec, 3);
        Assert.Equal(3, again.ExpectAcknowledgement(MqttPacketType.Pubrel));
        again.Acknowledge(MqttPacketType.Pubcomp, 3);
        again.Barrier();
    }

    [Fact]
    public void Deliveries_not_completed_count_against_the_subscribers_receive_maximum()
    {
        using var broker = new TestBroker();
        using WireClient client = broker.Open(MqttVersion.V5);
        var properties = new MqttPropertyWriter(new byte[8]);
        properties.Number(MqttPropertyId.ReceiveMaximum, 1);
        client.Connect(new MqttConnect { CleanStart = true, Properties = properties.Properties });
        client.Subscribe("a", qos: 2);
        broker.Broker.Publish("a"u8, "1"u8, qos: 2);
        broker.Broker.Publish("a"u8, "2"u8, qos: 2);
        ushort first = client.Expect(MqttPacketType.Publish).Publish(MqttVersion.V5).PacketId;
        client.Acknowledge(MqttPacketType.Pubrec, first);
        client.ExpectAcknowledgement(MqttPacketType.Pubrel);
        client.Barrier();
        client.Acknowledge(MqttPacketType.Pubcomp, first);
        Assert.Equal(("a", "2"), client.ExpectMessage());
    }

    [Fact]
    public void With_a_journal_every_repeat_is_handed_over_and_a_release_is_answered_when_it_is_written_down()
    {
        var journal = new FakeJournal { HoldsReleases = true };
        using var broker = new TestBroker(journal: journal);
        using (WireClient clean = broker.Connect(MqttVersion.V5, "clean"))
            clean.Disconnect();
        using WireClient client = broker.Connect(MqttVersion.V5, "device", cleanStart: false, expirySeconds: 60);
        client.Publish("a", "1", qos: 2, packetId: 5);
        client.ExpectAcknowledgement(MqttPacketType.Pubrec);
        client.Publish("a", "1", qos: 2, packetId: 5, dup: true);
        client.ExpectAcknowledgement(MqttPacketType.Pubrec);
        Assert.Equal([false, true], [broker.Take().Dup, broker.Take().Dup]);

        client.Acknowledge(MqttPacketType.Pubrel, 5);
        client.Barrier();
        journal.Commit();
        Assert.Equal(5, client.ExpectAcknowledgement(MqttPacketType.Pubcomp));
        client.Disconnect();
        using WireClient anew = broker.Connect(MqttVersion.V5, "device", cleanStart: true);
        Assert.Equal(
            ["open clean None new", "open device Redelivery new", "release device 5", "close device", "open device None new"], journal.Said);
    }
}
