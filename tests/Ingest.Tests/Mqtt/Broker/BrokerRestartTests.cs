using System.Buffers;
using System.Text;
using StreamRnn.Ingest.Mqtt.Broker;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Tests.Mqtt.Delivery;

namespace StreamRnn.Ingest.Tests.Mqtt.Broker;

/// <summary>A broker that was killed, and the next one over the same journal.</summary>
public sealed class BrokerRestartTests
{
    private readonly FakeJournal _journal = new();
    private byte[] _snapshot = [];

    [Fact]
    public void Sessions_and_subscriptions_come_back_from_their_records_alone()
    {
        using (TestBroker first = Broker())
        {
            using WireClient keeper = Keeper(first);
            keeper.Subscribe("a", qos: 1, identifier: 7);
            keeper.Subscribe("gone");
            Unsubscribe(keeper, "gone");
            using WireClient clean = first.Connect(MqttVersion.V5, "clean");
            clean.Subscribe("a");
        }
        using TestBroker second = Restart(publishAgain: ["1", "2"]);
        Assert.Equal(1, second.Broker.SessionCount);
        using WireClient again = second.Open(MqttVersion.V5);
        Assert.True(Connect(again, "keeper"));
        MqttPublish message = again.Expect(MqttPacketType.Publish).Publish(MqttVersion.V5);
        Assert.Equal(("1", 7u), (Encoding.UTF8.GetString(message.Payload), message.Properties.NumberOr(MqttPropertyId.SubscriptionIdentifier, 0)));
        Assert.Equal(("a", "2"), again.ExpectMessage());
        second.Broker.Publish("gone"u8, "x"u8, qos: 1);
        again.Barrier();
    }

    [Fact]
    public void What_a_session_was_owed_at_the_snapshot_comes_first_with_its_ids()
    {
        using (TestBroker first = Broker())
        {
            using (WireClient keeper = Keeper(first))
            {
                keeper.Subscribe("a", qos: 2);
                foreach (string payload in (string[])["1", "2", "3"])
                    first.Broker.Publish("a"u8, Encoding.UTF8.GetBytes(payload), qos: 2);
                for (int i = 0; i < 3; i++)
                    keeper.Expect(MqttPacketType.Publish);
                keeper.Acknowledge(MqttPacketType.Pubrec, 1);
                keeper.ExpectAcknowledgement(MqttPacketType.Pubrel);
            }
            first.UntilClosed(MqttBrokerClose.ConnectionLost);
            first.Broker.Publish("a"u8, "4"u8, qos: 1, contentType: "text/plain"u8);
            first.Broker.Publish("kept"u8, "old"u8, qos: 1, retain: true);
            Save(first);
            first.Broker.Publish("a"u8, "5, which is published again"u8, qos: 1);
        }
        using TestBroker second = Restart(publishAgain: ["5"]);
        using WireClient again = second.Open(MqttVersion.V5);
        Assert.True(Connect(again, "keeper"));
        Assert.Equal(1, again.ExpectAcknowledgement(MqttPacketType.Pubrel));
        foreach ((string payload, int id) in ((string, int)[])[("2", 2), ("3", 3)])
        {
            MqttPublish repeated = again.Expect(MqttPacketType.Publish).Publish(MqttVersion.V5);
            Assert.Equal((payload, id, 2, true), (Encoding.UTF8.GetString(repeated.Payload), repeated.PacketId, repeated.Qos, repeated.Dup));
        }
        MqttPublish next = again.Expect(MqttPacketType.Publish).Publish(MqttVersion.V5);
        Assert.Equal(("4", 1, false, "text/plain"), (Encoding.UTF8.GetString(next.Payload), next.Qos, next.Dup, Encoding.UTF8.GetString(next.ContentType)));
        Assert.True(next.PacketId > 1000, "an id the client may still hold from before");
        Assert.Equal(("a", "5"), again.ExpectMessage());
        Assert.Equal(MqttReasonCode.GrantedQos1, again.Subscribe("kept"));
        Assert.Equal(("kept", "old"), again.ExpectMessage());
    }

    [Fact]
    public void A_session_that_ended_is_gone_and_so_is_what_its_client_could_repeat()
    {
        using (TestBroker first = Broker())
        {
            Keeper(first).Dispose();
            first.UntilClosed(MqttBrokerClose.ConnectionLost);
            Save(first);
            first.Connect(MqttVersion.V5, "keeper", cleanStart: true).Disconnect();
        }
        Assert.Contains("close keeper", _journal.Said);
        using TestBroker second = Restart();
        Assert.Equal(0, second.Broker.SessionCount);
    }

    [Fact]
    public void A_session_that_is_not_to_last_any_longer_knows_its_repeats_to_the_end_and_then_is_forgotten()
    {
        using TestBroker broker = Broker();
        Keeper(broker).Dispose();
        broker.UntilClosed(MqttBrokerClose.ConnectionLost);
        using (WireClient last = broker.Connect(MqttVersion.V5, "keeper", cleanStart: false))
        {
            last.Barrier();
            Assert.Equal(["open keeper Redelivery new", "open keeper Redelivery resumed"], _journal.Said);
        }
        broker.UntilClosed(MqttBrokerClose.ConnectionLost, 2);
        Assert.Equal("close keeper", _journal.Said[^1]);
        using TestBroker second = Restart();
        Assert.Equal(0, second.Broker.SessionCount);
    }

    [Theory, InlineData(MqttVersion.V311), InlineData(MqttVersion.V5)]
    public void Nobody_may_come_while_the_disk_is_full_and_much_waits_for_it(MqttVersion version)
    {
        using TestBroker broker = Broker();
        _journal.IsStuck = true;
        using (WireClient refused = broker.Open(version))
            Assert.Equal(MqttReasonCode.ServerUnavailable, refused.Connect(new MqttConnect { CleanStart = true, ClientId = "keeper"u8 }).ReasonCode);
        Assert.Empty(_journal.Said);
        Assert.Empty(_journal.SessionRecords);
        _journal.IsStuck = false;
        Keeper(broker).Dispose();
    }

    [Fact]
    public void A_session_that_expires_after_the_restart_is_recorded_as_ended()
    {
        using (TestBroker first = Broker())
            Keeper(first).Dispose();
        using (TestBroker second = Restart())
        {
            second.Time.Advance(TimeSpan.FromSeconds(61));
            second.Broker.State.Sweep();
            Assert.Equal(0, second.Broker.SessionCount);
        }
        Assert.Contains("close keeper", _journal.Said);
        using TestBroker third = Restart();
        Assert.Equal(0, third.Broker.SessionCount);
    }

    [Fact]
    public void When_a_restart_publishes_more_again_than_a_queue_holds_the_end_of_it_is_kept()
    {
        using (TestBroker first = Broker())
        {
            using WireClient keeper = Keeper(first);
            keeper.Subscribe("a");
        }
        using TestBroker second = Restart(new MqttBrokerOptions { MaximumQueuedMessages = 3 }, "1", "2", "3");
        second.Broker.Publish("a"u8, "4"u8, qos: 1);   // the end of it may come when clients do
        second.Broker.Publish("a"u8, "5"u8, qos: 1);
        using WireClient again = second.Open(MqttVersion.V5);
        Connect(again, "keeper");
        foreach (string payload in (string[])["3", "4", "5"])
        {
            MqttPublish message = again.Expect(MqttPacketType.Publish).Publish(MqttVersion.V5);
            Assert.Equal(payload, Encoding.UTF8.GetString(message.Payload));
            again.Acknowledge(MqttPacketType.Puback, message.PacketId);
        }
        again.Disconnect();
        second.UntilClosed(MqttBrokerClose.ClientDisconnected);
        Assert.Equal((2, 0), (second.Broker.Counters.Dropped(MqttBrokerDrop.Overtaken), second.Broker.Counters.Dropped(MqttBrokerDrop.QueueFull)));

        // It has caught up: from now on the newest give way, and are counted.
        for (int i = 6; i <= 9; i++)
            second.Broker.Publish("a"u8, [(byte)('0' + i)], qos: 1);
        Assert.Equal(1, second.Broker.Counters.Dropped(MqttBrokerDrop.QueueFull));
    }

    [Fact]
    public void A_mark_is_reached_when_lasting_sessions_have_acknowledged_what_came_before_it()
    {
        using TestBroker broker = Broker();
        using WireClient clean = broker.Connect(MqttVersion.V5, "clean");
        clean.Subscribe("a");   // it will not come back for what it missed
        List<long> reached = [];
        Publish();
        Assert.Equal([1], Mark(1));

        using (WireClient keeper = Keeper(broker))
        {
            keeper.Subscribe("a", qos: 2);
            Publish();
            Publish();
            keeper.Expect(MqttPacketType.Publish);
            keeper.Expect(MqttPacketType.Publish);
            Assert.Equal([1], Mark(2));
            keeper.Acknowledge(MqttPacketType.Puback, 1);
            keeper.Barrier();
            Assert.Equal([1], Mark(3));
            Publish();
            keeper.Expect(MqttPacketType.Publish);
            keeper.Acknowledge(MqttPacketType.Puback, 2);
            keeper.Barrier();
            Assert.Equal([1, 3], Mark(4));
        }
        broker.UntilClosed(MqttBrokerClose.ConnectionLost);
        for (int position = 5; position < 5000; position++)
            Assert.Equal([1, 3], Mark(position));
        using WireClient again = broker.Open(MqttVersion.V5);
        Connect(again, "keeper");
        again.Expect(MqttPacketType.Publish);
        again.Acknowledge(MqttPacketType.Puback, 3);
        again.Barrier();
        Assert.Equal([1, 3, 5000], Mark(5000));

        void Publish() => broker.Broker.Publish("a"u8, "x"u8, qos: 1);

        List<long> Mark(long position)
        {
            broker.Broker.Mark(position, reached.Add);
            return reached;
        }
    }

    [Fact]
    public void A_snapshot_cut_anywhere_is_refused_in_words()
    {
        using (TestBroker first = Broker())
        {
            using WireClient keeper = Keeper(first);
            keeper.Subscribe("a");
            first.Broker.Publish("a"u8, "1"u8, qos: 1, retain: true);
            Save(first);
        }
        for (int length = 1; length < _snapshot.Length; length++)
        {
            using var broker = new MqttBroker(new MqttBrokerOptions { Port = 0 });
            Assert.Contains("end in the middle", Assert.Throws<InvalidDataException>(() => broker.Sessions.Read(_snapshot.AsSpan(0, length))).Message);
        }
    }

    private TestBroker Broker() => new(journal: _journal);

    private static WireClient Keeper(TestBroker broker) => broker.Connect(MqttVersion.V5, "keeper", cleanStart: false, expirySeconds: 60);

    /// <returns>Whether the session was present.</returns>
    private static bool Connect(WireClient client, string clientId)
    {
        var properties = new MqttPropertyWriter(new byte[16]);
        properties.Number(MqttPropertyId.SessionExpiryInterval, 60);
        return client.Connect(new MqttConnect { ClientId = Encoding.UTF8.GetBytes(clientId), Properties = properties.Properties }).SessionPresent;
    }

    private void Save(TestBroker broker)
    {
        var snapshot = new ArrayBufferWriter<byte>();
        broker.Broker.Sessions.Write(snapshot);
        _snapshot = snapshot.WrittenSpan.ToArray();
        _journal.SessionRecords.Clear();
    }

    private TestBroker Restart(params string[] publishAgain) => Restart(new MqttBrokerOptions(), publishAgain);

    private TestBroker Restart(MqttBrokerOptions options, params string[] publishAgain) => new(options, journal: _journal, beforeStart: broker =>
    {
        if (_snapshot.Length > 0)
            broker.Sessions.Read(_snapshot);
        foreach (byte[] record in _journal.SessionRecords)
            broker.Sessions.Apply(record);
        foreach (string payload in publishAgain)
            broker.Publish("a"u8, Encoding.UTF8.GetBytes(payload), qos: 1);
    });

    private static void Unsubscribe(WireClient client, string filter)
    {
        var filters = new MqttTopicFilterWriter(new byte[64]);
        filters.Add(Encoding.UTF8.GetBytes(filter));
        byte[] packet = new byte[64];
        MqttPacketWriter.TryWrite(packet, client.Version, new MqttUnsubscribe { PacketId = 9, Filters = filters.Filters }, out int length);
        client.Send(packet.AsSpan(0, length));
        client.Expect(MqttPacketType.Unsuback);
    }
}
