using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Tests.Mqtt.Client;

/// <summary>The client against what a healthy broker never does.</summary>
public sealed class MqttClientWireTests : IDisposable
{
    private readonly FakeBroker _broker = new();
    private readonly FakeTimeProvider _clock = new();
    private readonly List<string> _received = [];
    private readonly List<(PacketLedger Ledger, long Packet)> _open = [];

    public void Dispose() => _broker.Dispose();

    [Fact]
    public void Packets_in_single_bytes_are_put_together()
    {
        using BrokerLink client = Start(Options("t"));
        using FakeConnection connection = _broker.AcceptAndWelcome(false, true);
        foreach (byte part in new byte[] { 0x32, 7, 0, 1, (byte)'t', 0, 9, 0, (byte)'5', 0x30, 5, 0, 1, (byte)'t', 0, (byte)'6' })
            connection.Send(part);
        Wait.Until(() => ReceivedCount == 2, "both messages");
        Assert.Equal(["t=5", "t=6"], _received);
        Complete(0);
        (MqttPacketType type, _, byte[] body) = connection.Read();
        Assert.Equal(MqttPacketType.Puback, type);
        Assert.Equal([0, 9], body);
    }

    [Fact]
    public void Acknowledgements_leave_in_the_order_of_arrival_however_late()
    {
        using BrokerLink client = Start(Options("t"));
        using FakeConnection connection = _broker.AcceptAndWelcome(false, true);
        for (byte id = 1; id <= 3; id++)
            connection.Send(0x32, 7, 0, 1, (byte)'t', 0, id, 0, (byte)'5');
        Wait.Until(() => ReceivedCount == 3, "three messages");
        Complete(2);
        Complete(1);
        Complete(0);
        for (byte id = 1; id <= 3; id++)
            Assert.Equal([0, id], connection.Read().Body);
    }

    [Theory]
    [InlineData(new byte[] { 0x00, 0x00 })]
    [InlineData(new byte[] { 0x30, 0xFF, 0xFF, 0xFF, 0xFF })]
    [InlineData(new byte[] { 0x30, 3, 0, 9, (byte)'t' })]
    [InlineData(new byte[] { 0x36, 7, 0, 1, (byte)'t', 0, 9, 0, (byte)'5' })]
    [InlineData(new byte[] { 0x30, 8, 0, 0, 3, 35, 0, 9, (byte)'5', 0 })]
    [InlineData(new byte[] { 0x20, 3, 0, 0, 0 })]
    public void Garbage_ends_the_connection_is_counted_and_the_client_comes_back(byte[] garbage)
    {
        using BrokerLink client = Start(Options("t"));
        using (FakeConnection connection = _broker.AcceptAndWelcome(false, true))
        {
            connection.Send(garbage);
            Assert.True(connection.IsClosed());
        }
        using FakeConnection again = _broker.AcceptAndWelcome(true, false);
        Wait.Until(() => client.State == BrokerLinkState.Ready, "ready again");
        Assert.Equal(1, client.ProtocolErrorCount);
        Assert.Empty(_received);
    }

    [Fact]
    public void A_broker_that_has_stopped_reading_is_left_though_a_write_waits_for_it()
    {
        const int Messages = 600;   // of 100 KB: more than the sockets between take
        using BrokerLink client = Start(Options() with { KeepAlive = TimeSpan.FromSeconds(1), PublishBufferBytes = 64 << 20 });
        using FakeConnection frozen = _broker.AcceptAndWelcome(false, false);
        Wait.Until(() => client.State == BrokerLinkState.Ready, "ready");
        byte[] payload = new byte[100_000];
        for (int i = 0; i < Messages; i++)
            client.Publish(new MqttPublish { Topic = "t"u8, Payload = payload, Qos = 1 });
        Thread flush = new(client.Flush);
        flush.Start();

        using FakeConnection again = _broker.AcceptAndWelcome(true, false);
        flush.Join();
        Assert.Equal(Messages, client.UnconfirmedCount);
    }

    [Fact]
    public void More_in_flight_than_allowed_is_a_violation()
    {
        using BrokerLink client = Start(Options("t") with { ReceiveMaximum = 2 });
        using FakeConnection connection = _broker.AcceptAndWelcome(false, true);
        for (byte id = 1; id <= 3; id++)
            connection.Send(0x32, 7, 0, 1, (byte)'t', 0, id, 0, (byte)'5');
        (MqttPacketType type, _, byte[] body) = connection.Read();
        Assert.Equal((MqttPacketType.Disconnect, (byte)MqttReasonCode.ReceiveMaximumExceeded), (type, body[0]));
        Assert.Equal(2, ReceivedCount);
    }

    [Fact]
    public void A_topic_alias_lasts_for_its_connection()
    {
        using BrokerLink client = Start(Options("t"));
        using (FakeConnection connection = _broker.AcceptAndWelcome(false, true))
        {
            connection.Send(0x30, 8, 0, 1, (byte)'t', 3, 35, 0, 7, (byte)'5');
            connection.Send(0x30, 7, 0, 0, 3, 35, 0, 7, (byte)'6');
            Wait.Until(() => ReceivedCount == 2, "both messages");
            Assert.Equal(["t=5", "t=6"], _received);
        }
        using FakeConnection again = _broker.AcceptAndWelcome(true, false);
        again.Send(0x30, 7, 0, 0, 3, 35, 0, 7, (byte)'6');
        Assert.True(again.IsClosed());
        Assert.Equal(2, ReceivedCount);
    }

    [Fact]
    public void A_session_taken_over_is_not_fought_for()
    {
        using BrokerLink client = Start(Options("t"));
        using FakeConnection connection = _broker.AcceptAndWelcome(false, true);
        connection.Send(0xE0, 1, 0x8E);
        Wait.Until(() => client.State == BrokerLinkState.Stopped, "the client stops");
        Assert.Contains("SessionTakenOver", client.LastFailure);
    }

    [Fact]
    public void A_refusal_is_told_with_the_brokers_words_and_tried_again()
    {
        using BrokerLink client = Start(Options("t"));
        using (FakeConnection connection = _broker.Accept())
        {
            connection.Send([0x20, 9, 0, 0x87, 6, 31, 0, 3, .. "who"u8]);
            Assert.True(connection.IsClosed());
        }
        using FakeConnection again = _broker.Accept();
        Assert.Equal("the broker refuses us: NotAuthorized (who); check client id fake, user name and password: none is set", client.LastFailure);
        Assert.Equal(BrokerLinkState.Connecting, client.State);
    }

    [Fact]
    public void A_refused_subscription_leaves_the_client_connected_but_not_ready()
    {
        using BrokerLink client = Start(Options("t"));
        using FakeConnection connection = _broker.AcceptAndWelcome(false, false);
        connection.Read();
        connection.Send(0x90, 4, 0xFF, 0xFF, 0, 0x87);
        Wait.Until(() => client.LastFailure is not null, "the refusal");
        Assert.Equal(BrokerLinkState.Connected, client.State);
    }

    [Fact]
    public void Silence_is_asked_about_and_then_ends_the_connection()
    {
        using BrokerLink client = Start(Options("t") with { KeepAlive = TimeSpan.FromSeconds(40) }, _clock);
        using FakeConnection connection = _broker.AcceptAndWelcome(false, true);
        connection.Send(0x32, 7, 0, 1, (byte)'t', 0, 1, 0, (byte)'5');   // its acknowledgement is held back all the while
        Wait.Until(() => ReceivedCount == 1 && client.State == BrokerLinkState.Ready, "a message");
        for (int i = 0; i < 3; i++)
            _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(MqttPacketType.Pingreq, connection.Read().Type);
        connection.Send(0xD0, 0);
        connection.Send(0x30, 5, 0, 1, (byte)'t', 0, (byte)'6');
        Wait.Until(() => ReceivedCount == 2, "the answer was read");
        for (int i = 0; i < 3; i++)
            _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(MqttPacketType.Pingreq, connection.Read().Type);
        for (int i = 0; i < 5; i++)
            _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.True(connection.IsClosed());
    }

    [Fact]
    public void Unconfirmed_messages_are_sent_again_in_order_with_DUP_and_the_same_ids()
    {
        using BrokerLink client = Start(Options());
        using (FakeConnection connection = _broker.AcceptAndWelcome(false, false))
        {
            Wait.Until(() => client.State == BrokerLinkState.Ready, "ready");
            for (int i = 0; i < 4; i++)
                client.Publish(Message($"{i}"));
            client.Flush();
            for (int i = 0; i < 4; i++)
                Assert.Equal((byte)2, connection.Read().Flags);
            connection.Send(0x40, 2, 0, 1);
            connection.Send(0x40, 2, 0, 3);
            Wait.Until(() => client.ConfirmedCount == 2, "two confirmations");
        }
        using FakeConnection again = _broker.AcceptAndWelcome(true, false);
        foreach (byte id in new byte[] { 2, 4 })
            AssertPublish(again.Read(), flags: 10, id, $"{id - 1}");
        client.Publish(Message("new"));
        client.Flush();
        AssertPublish(again.Read(), flags: 2, 5, "new");
    }

    [Fact]
    public void What_was_confirmed_out_of_order_before_the_connection_broke_waits_for_nothing()
    {
        using BrokerLink client = Start(Options());
        using (FakeConnection connection = _broker.AcceptAndWelcome(false, false))
        {
            Wait.Until(() => client.State == BrokerLinkState.Ready, "ready");
            client.Publish(Message("a"));
            client.Publish(Message("b"));
            client.Flush();
            connection.Read();
            connection.Read();
            connection.Send(0x40, 2, 0, 2);
            Wait.Until(() => client.ConfirmedCount == 1, "the second");
        }
        using FakeConnection again = _broker.AcceptAndWelcome(true, false);
        AssertPublish(again.Read(), flags: 10, 1, "a");
        again.Send(0x40, 2, 0, 1);
        Assert.True(client.Drain(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public void A_lost_session_gets_the_unconfirmed_messages_as_new_ones()
    {
        using BrokerLink client = Start(Options());
        using (FakeConnection connection = _broker.AcceptAndWelcome(false, false))
        {
            client.Publish(Message("a"));
            client.Flush();
            AssertPublish(connection.Read(), flags: 2, 1, "a");
        }
        using FakeConnection again = _broker.AcceptAndWelcome(false, false);
        AssertPublish(again.Read(), flags: 2, 1, "a");
        Assert.Equal(1, client.SessionsLostCount);
    }

    [Fact]
    public void The_brokers_receive_maximum_bounds_what_is_in_flight()
    {
        using BrokerLink client = Start(Options());
        using FakeConnection connection = _broker.AcceptAndWelcome(false, false, 33, 0, 2);
        Wait.Until(() => client.State == BrokerLinkState.Ready, "ready");
        for (int i = 0; i < 5; i++)
            client.Publish(Message($"{i}"));
        client.Flush();
        AssertPublish(connection.Read(), flags: 2, 1, "0");
        AssertPublish(connection.Read(), flags: 2, 2, "1");
        connection.Send(0x40, 2, 0, 1);
        AssertPublish(connection.Read(), flags: 2, 3, "2");
        Assert.Equal(4, client.UnconfirmedCount);
    }

    [Fact]
    public void A_full_buffer_says_so_and_at_QoS_0_nothing_waits_for_a_broker()
    {
        using BrokerLink client = Start(Options() with { PublishBufferMessages = 3 });
        for (int i = 0; i < 3; i++)
            Assert.True(client.TryPublish(Message($"{i}")));
        Assert.False(client.TryPublish(Message("3")));
        Assert.True(client.TryPublish(new MqttPublish { Topic = "t"u8, Payload = "x"u8 }));
        Assert.Equal((3, 1), (client.PublishedCount, client.DroppedCount));
        using FakeConnection connection = _broker.AcceptAndWelcome(false, false);
        for (byte id = 1; id <= 3; id++)
            AssertPublish(connection.Read(), flags: 2, id, $"{id - 1}");
        connection.Send(0x40, 2, 0, 1);
        Wait.Until(() => client.TryPublish(Message("3")), "room");
        connection.Send(0x40, 3, 0, 2, 0x97);
        connection.Send(0x40, 2, 0, 3);
        client.Flush();
        connection.Read();
        connection.Send(0x40, 2, 0, 4);
        Assert.True(client.Drain(TimeSpan.FromSeconds(20)));
        Assert.Equal((3, 1), (client.ConfirmedCount, client.RejectedCount));
    }

    [Fact]
    public void Receiving_stops_before_the_connection_does()
    {
        using BrokerLink client = Start(Options("t"));
        using FakeConnection connection = _broker.AcceptAndWelcome(false, true);
        connection.Send(0x32, 7, 0, 1, (byte)'t', 0, 1, 0, (byte)'5');
        Wait.Until(() => ReceivedCount == 1, "a message");
        client.StopReceiving();
        connection.Send(0x32, 7, 0, 1, (byte)'t', 0, 2, 0, (byte)'6');
        Complete(0);
        client.Stop();
        Assert.Equal([0, 1], connection.Read().Body);
        Assert.Equal(MqttPacketType.Disconnect, connection.Read().Type);
        Assert.Equal(1, ReceivedCount);
    }

    [Fact]
    public void Options_out_of_range_are_named()
    {
        ArgumentException Refused(BrokerLinkOptions options) => Assert.Throws<ArgumentException>(() => new BrokerLink(options, null, NullLogger.Instance));
        Assert.Contains("'a/#/b' is no topic filter", Refused(Options("a/#/b")).Message);
        Assert.Contains("asks for QoS 3", Refused(Options() with { Subscriptions = [new("t", 3)] }).Message);
        Assert.Contains("Port is 0", Refused(Options() with { Port = 0 }).Message);
    }

    [Theory]
    [InlineData("a/#", "a/b", true)]
    [InlineData("a/#", "a", true)]
    [InlineData("a/+/c", "a/b/+", true)]
    [InlineData("a/+", "a/b/c", false)]
    [InlineData("a", "b", false)]
    [InlineData("#", "x/y", true)]
    public void Filters_that_can_match_the_same_topic_are_found(string one, string other, bool overlap) =>
        Assert.Equal(overlap, MqttSubscription.Overlaps([new(one), new(other)]).Any());

    [Fact]
    public void Pauses_double_to_their_maximum_with_jitter()
    {
        var backoff = new Backoff(TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(30), new Random(1));
        double[] pauses = [.. Enumerable.Range(0, 100).Select(_ => backoff.Next().TotalSeconds)];
        for (int i = 0; i < pauses.Length; i++)
        {
            double longest = Math.Min(30, 0.5 * Math.Pow(2, i));
            Assert.InRange(pauses[i], longest / 2, longest);
        }
        Assert.True(pauses[10..].Distinct().Count() > 80);
        backoff.Reset();
        Assert.InRange(backoff.Next().TotalSeconds, 0.25, 0.5);
    }

    private BrokerLinkOptions Options(params string[] filters) => new()
    {
        Host = "127.0.0.1",
        Port = _broker.Port,
        ClientId = "fake",
        Subscriptions = [.. filters.Select(filter => new MqttSubscription(filter))],
        MinimumPause = TimeSpan.FromMilliseconds(10),
        MaximumPause = TimeSpan.FromMilliseconds(20),
    };

    private int ReceivedCount
    {
        get
        {
            lock (_received)
                return _received.Count;
        }
    }

    private BrokerLink Start(BrokerLinkOptions options, TimeProvider? clock = null)
    {
        var client = new BrokerLink(options, Receive, NullLogger.Instance, clock);
        client.Start();
        return client;
    }

    private void Receive(in MqttPublish publish, in MqttPublishContext context)
    {
        lock (_received)
        {
            if (publish.Qos > 0)
                _open.Add((context.Ledger, context.Ledger.TryOpen(publish.PacketId, publish.Qos, 1)));
            _received.Add($"{Encoding.UTF8.GetString(publish.Topic)}={Encoding.UTF8.GetString(publish.Payload)}");
        }
    }

    private void Complete(int index) => _open[index].Ledger.Complete(_open[index].Packet);

    private static MqttPublish Message(string payload) => new() { Topic = "t"u8, Payload = Encoding.UTF8.GetBytes(payload), Qos = 1 };

    private static void AssertPublish((MqttPacketType Type, byte Flags, byte[] Body) packet, byte flags, byte id, string payload)
    {
        Assert.Equal((MqttPacketType.Publish, flags), (packet.Type, packet.Flags));
        Assert.Equal([0, 1, (byte)'t', 0, id, 0, .. Encoding.UTF8.GetBytes(payload)], packet.Body);
    }
}
