using StreamRnn.Ingest.Mqtt.Broker;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Tests.Mqtt.Broker;

public class BrokerSessionTests
{
    public static TheoryData<MqttVersion> Versions => [MqttVersion.V311, MqttVersion.V5];

    [Theory, MemberData(nameof(Versions))]
    public void A_session_keeps_messages_while_its_client_is_away(MqttVersion version)
    {
        using var broker = new TestBroker();
        using (WireClient client = broker.Connect(version, "keeper", cleanStart: false, expirySeconds: 60))
        {
            client.Subscribe("a");
            broker.Broker.Publish("a"u8, "1"u8, qos: 1);
            broker.Broker.Publish("a"u8, "2"u8, qos: 1);
            Assert.Equal("1", client.Expect(MqttPacketType.Publish).Payload(version));
            Assert.Equal("2", client.Expect(MqttPacketType.Publish).Payload(version));
            client.Acknowledge(MqttPacketType.Puback, 1);
            client.Barrier();
        }
        broker.UntilClosed(MqttBrokerClose.ConnectionLost);
        broker.Broker.Publish("a"u8, "lost"u8, qos: 0);
        broker.Broker.Publish("a"u8, "3"u8, qos: 1);

        using WireClient again = broker.Open(version);
        Assert.True(again.Connect(new MqttConnect { ClientId = "keeper"u8 }).SessionPresent);
        MqttPublish repeated = again.Expect(MqttPacketType.Publish).Publish(version);
        Assert.Equal((true, 2, "2"), (repeated.Dup, repeated.PacketId, System.Text.Encoding.UTF8.GetString(repeated.Payload)));
        MqttPublish next = again.Expect(MqttPacketType.Publish).Publish(version);
        Assert.Equal((false, 3, "3"), (next.Dup, next.PacketId, System.Text.Encoding.UTF8.GetString(next.Payload)));
    }

    [Fact]
    public void A_session_ends_with_its_expiry_and_a_clean_start()
    {
        using var broker = new TestBroker();
        broker.Connect(MqttVersion.V5, "c", expirySeconds: 60).Dispose();
        broker.UntilClosed(MqttBrokerClose.ConnectionLost);
        broker.Time.Advance(TimeSpan.FromSeconds(59));
        broker.Broker.State.Sweep();
        Assert.Equal(1, broker.Broker.SessionCount);
        broker.Time.Advance(TimeSpan.FromSeconds(1));
        broker.Broker.State.Sweep();
        Assert.Equal(0, broker.Broker.SessionCount);

        broker.Connect(MqttVersion.V5, "c", expirySeconds: 60).Dispose();
        broker.UntilClosed(MqttBrokerClose.ConnectionLost, 2);
        using WireClient clean = broker.Open(MqttVersion.V5);
        Assert.False(clean.Connect(new MqttConnect { ClientId = "c"u8, CleanStart = true }).SessionPresent);
    }

    [Fact]
    public void Before_a_stop_clients_are_sent_what_they_are_owed()
    {
        using var broker = new TestBroker();
        using WireClient client = broker.Connect(MqttVersion.V5);
        client.Subscribe("a");
        byte[] payload = new byte[16 << 10];
        for (int i = 0; i < 1000; i++)
            broker.Broker.Publish("a"u8, payload, qos: 1);
        Assert.True(broker.Broker.State.Unsent > 0, "more than sockets hold");

        Thread drain = new(broker.Broker.Drain);
        drain.Start();
        for (ushort id = 1; id <= 1000; id++)
        {
            client.Expect(MqttPacketType.Publish);
            client.Acknowledge(MqttPacketType.Puback, id);
        }
        drain.Join();
        Assert.Equal(0, broker.Broker.State.Unsent);
    }

    [Fact]
    public void A_client_that_does_not_read_does_not_hold_up_a_stop()
    {
        using var broker = new TestBroker();
        using WireClient client = broker.Connect(MqttVersion.V5);
        client.Subscribe("a");
        byte[] payload = new byte[16 << 10];
        for (int i = 0; i < 1000; i++)
            broker.Broker.Publish("a"u8, payload, qos: 1);

        broker.Broker.Drain();
        Assert.True(broker.Broker.State.Unsent > 0);
    }

    [Fact]
    public void A_full_queue_drops_the_newest_and_counts()
    {
        using var broker = new TestBroker(new MqttBrokerOptions { MaximumQueuedMessages = 3 });
        using (WireClient client = broker.Connect(MqttVersion.V311, "c", cleanStart: false))
            client.Subscribe("a");
        broker.UntilClosed(MqttBrokerClose.ConnectionLost);
        foreach (string payload in (string[])["1", "2", "3", "4", "5"])
            broker.Broker.Publish("a"u8, System.Text.Encoding.UTF8.GetBytes(payload), qos: 1);
        Assert.Equal(2, broker.Broker.Counters.Dropped(MqttBrokerDrop.QueueFull));

        using WireClient again = broker.Connect(MqttVersion.V311, "c", cleanStart: false);
        foreach (string payload in (string[])["1", "2", "3"])
            Assert.Equal(("a", payload), again.ExpectMessage());
        again.Barrier();
    }

    [Fact]
    public void All_sessions_together_hold_no_more_than_their_budget()
    {
        using var broker = new TestBroker(new MqttBrokerOptions { MaximumTotalQueuedBytes = 10_000 });
        foreach (string id in (string[])["one", "two"])
        {
            using WireClient client = broker.Connect(MqttVersion.V5, id, expirySeconds: 60);
            client.Subscribe("a");
            client.Disconnect();
        }
        for (int i = 0; i < 3; i++)
            broker.Broker.Publish("a"u8, new byte[3000], qos: 1);
        Assert.Equal(3, broker.Broker.Counters.Dropped(MqttBrokerDrop.QueueFull));

        broker.Time.Advance(TimeSpan.FromSeconds(60));
        broker.Broker.State.Sweep();
        Assert.Equal(3, broker.Broker.Counters.Dropped(MqttBrokerDrop.SessionEnded));
        using WireClient next = broker.Connect(MqttVersion.V5, "three");
        next.Subscribe("a");
        for (int i = 0; i < 10; i++)
        {
            broker.Broker.Publish("a"u8, new byte[3000], qos: 1);
            next.Acknowledge(MqttPacketType.Puback, next.Expect(MqttPacketType.Publish).Publish(MqttVersion.V5).PacketId);
            next.Barrier();
        }
        Assert.Equal(3, broker.Broker.Counters.Dropped(MqttBrokerDrop.QueueFull));
    }

    [Fact]
    public void The_session_longest_away_gives_way_when_there_are_too_many()
    {
        using var broker = new TestBroker(new MqttBrokerOptions { MaximumSessions = 2 });
        foreach (string id in (string[])["one", "two", "three"])
        {
            broker.Connect(MqttVersion.V5, id, expirySeconds: 60).Disconnect();
            broker.Time.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.Equal(2, broker.Broker.SessionCount);
        using WireClient two = broker.Open(MqttVersion.V5);
        Assert.True(two.Connect(new MqttConnect { ClientId = "two"u8 }).SessionPresent);
    }

    [Fact]
    public void A_second_connection_takes_the_client_id_over()
    {
        using var broker = new TestBroker();
        using WireClient first = broker.Connect(MqttVersion.V5, "twin");
        using WireClient second = broker.Connect(MqttVersion.V5, "twin");
        Assert.Equal(MqttReasonCode.SessionTakenOver, first.Expect(MqttPacketType.Disconnect).DisconnectReason());
        first.ExpectEnd();
        broker.UntilClosed(MqttBrokerClose.TakenOver);
        second.Barrier();
        Assert.Equal(1, broker.Broker.SessionCount);
    }

    [Theory, MemberData(nameof(Versions))]
    public void A_will_is_published_when_the_connection_is_lost_and_not_after_a_disconnect(MqttVersion version)
    {
        using var broker = new TestBroker();
        using WireClient watcher = broker.Connect(version);
        watcher.Subscribe("status/#");
        using (WireClient polite = broker.Open(version))
        {
            polite.Connect(Will("polite"u8, "status/polite"u8));
            polite.Disconnect();
        }
        using (WireClient rude = broker.Open(version))
            rude.Connect(Will("rude"u8, "status/rude"u8));

        WirePacket will = watcher.Expect(MqttPacketType.Publish);
        Assert.Equal(("status/rude", "offline", 1), (will.Topic(version), will.Payload(version), will.Publish(version).Qos));
        Assert.Equal(0, broker.UntakenCount);
        Assert.Equal(1, broker.Broker.RetainedCount);
    }

    [Fact]
    public void A_disconnect_may_ask_for_the_will()
    {
        using var broker = new TestBroker();
        using WireClient watcher = broker.Connect(MqttVersion.V5);
        watcher.Subscribe("status/#");
        using WireClient client = broker.Open(MqttVersion.V5);
        client.Connect(Will("c"u8, "status/c"u8));
        client.Disconnect(MqttReasonCode.DisconnectWithWill);
        Assert.Equal(("status/c", "offline"), watcher.ExpectMessage());
    }

    [Fact]
    public void A_delayed_will_waits_and_a_client_that_returns_in_time_cancels_it()
    {
        using var broker = new TestBroker();
        using WireClient watcher = broker.Connect(MqttVersion.V5);
        watcher.Subscribe("status/#");
        for (int round = 1; round <= 2; round++)
        {
            using (WireClient client = broker.Open(MqttVersion.V5))
            {
                var delay = new MqttPropertyWriter(new byte[8]);
                delay.Number(MqttPropertyId.WillDelayInterval, 5);
                var expiry = new MqttPropertyWriter(new byte[8]);
                expiry.Number(MqttPropertyId.SessionExpiryInterval, 60);
                client.Connect(Will("c"u8, "status/c"u8) with { WillProperties = delay.Properties, Properties = expiry.Properties });
            }
            broker.UntilClosed(MqttBrokerClose.ConnectionLost, round);
            broker.Time.Advance(TimeSpan.FromSeconds(4));
            broker.Broker.State.Sweep();
            watcher.Barrier();
        }
        broker.Time.Advance(TimeSpan.FromSeconds(1));
        broker.Broker.State.Sweep();
        Assert.Equal(("status/c", "offline"), watcher.ExpectMessage());
    }

    [Fact]
    public void A_client_gets_no_more_unacknowledged_messages_than_its_receive_maximum()
    {
        using var broker = new TestBroker();
        using WireClient client = broker.Open(MqttVersion.V5);
        var properties = new MqttPropertyWriter(new byte[8]);
        properties.Number(MqttPropertyId.ReceiveMaximum, 2);
        client.Connect(new MqttConnect { CleanStart = true, Properties = properties.Properties });
        client.Subscribe("a");
        for (int i = 0; i < 4; i++)
            broker.Broker.Publish("a"u8, "x"u8, qos: 1);

        ushort first = client.Expect(MqttPacketType.Publish).Publish(MqttVersion.V5).PacketId;
        client.Expect(MqttPacketType.Publish);
        client.Barrier();
        client.Acknowledge(MqttPacketType.Puback, first);
        client.Expect(MqttPacketType.Publish);
        client.Barrier();
    }

    private static MqttConnect Will(ReadOnlySpan<byte> clientId, ReadOnlySpan<byte> topic) => new()
    {
        CleanStart = false,
        ClientId = clientId,
        HasWill = true,
        WillQos = 1,
        WillRetain = true,
        WillTopic = topic,
        WillPayload = "offline"u8,
    };
}
