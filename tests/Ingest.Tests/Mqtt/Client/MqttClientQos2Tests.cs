using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Tests.Mqtt.Delivery;

namespace StreamRnn.Ingest.Tests.Mqtt.Client;

/// <summary>The four packets of QoS 2, both ways, and the barrier behind acknowledgements, byte by byte.</summary>
public sealed class MqttClientQos2Tests : IDisposable
{
    private static readonly byte[] Message9 = [0x34, 7, 0, 1, (byte)'t', 0, 9, 0, (byte)'5'];
    private static readonly byte[] Message9Again = [0x3C, 7, 0, 1, (byte)'t', 0, 9, 0, (byte)'5'];

    private readonly FakeBroker _broker = new();
    private readonly List<(PacketLedger Ledger, long Packet, ushort Id)> _received = [];
    private long _position;

    public void Dispose() => _broker.Dispose();

    [Fact]
    public void A_message_is_handed_over_once_however_often_it_comes_before_its_release()
    {
        using BrokerLink client = Start(Options());
        using (FakeConnection connection = _broker.AcceptAndWelcome(false, true))
        {
            connection.Send(Message9);
            Complete(0);
            AssertAnswer(connection, MqttPacketType.Pubrec, 9);
            connection.Send(Message9Again);
            AssertAnswer(connection, MqttPacketType.Pubrec, 9);
        }
        using FakeConnection again = _broker.AcceptAndWelcome(true, false);
        again.Send(Message9Again);
        AssertAnswer(again, MqttPacketType.Pubrec, 9);
        again.Send(0x62, 2, 0, 9);
        AssertAnswer(again, MqttPacketType.Pubcomp, 9);
        Assert.Single(_received);

        again.Send(Message9);   // the id is free: another message
        Complete(1);
        AssertAnswer(again, MqttPacketType.Pubrec, 9);
    }

    [Theory]
    [InlineData(true, false, 1)]
    [InlineData(true, true, 0)]
    [InlineData(false, false, 0)]
    public void A_session_that_an_earlier_run_had_and_the_broker_has_not_is_lost(bool knows, bool sessionPresent, int lost)
    {
        using BrokerLink client = Start(Options(), new FakeJournal { Knows = knows });
        using FakeConnection connection = _broker.AcceptAndWelcome(sessionPresent, true);   // and subscribes
        Wait.Until(() => client.State == BrokerLinkState.Ready, "ready");
        Assert.Equal(lost, client.SessionsLostCount);
    }

    [Fact]
    public void A_new_session_knows_nothing_of_the_ids_of_the_old_one()
    {
        using BrokerLink client = Start(Options());
        using (FakeConnection connection = _broker.AcceptAndWelcome(false, true))
        {
            connection.Send(Message9);
            Complete(0);
            AssertAnswer(connection, MqttPacketType.Pubrec, 9);
        }
        using FakeConnection again = _broker.AcceptAndWelcome(false, true);
        again.Send(Message9);
        Complete(1);
        Assert.Equal(1, client.SessionsLostCount);
    }

    [Fact]
    public void Messages_not_released_count_against_the_receive_maximum()
    {
        using BrokerLink client = Start(Options() with { ReceiveMaximum = 2 });
        using FakeConnection connection = _broker.AcceptAndWelcome(false, true);
        for (byte id = 1; id <= 2; id++)
        {
            connection.Send(0x34, 7, 0, 1, (byte)'t', 0, id, 0, (byte)'5');
            Complete(id - 1);
            AssertAnswer(connection, MqttPacketType.Pubrec, id);
        }
        connection.Send(0x34, 7, 0, 1, (byte)'t', 0, 3, 0, (byte)'5');
        Assert.Equal((byte)MqttReasonCode.ReceiveMaximumExceeded, connection.Read().Body[0]);
        Assert.Equal(2, ReceivedCount);
    }

    [Fact]
    public void What_the_broker_has_received_is_released_and_not_sent_again()
    {
        using BrokerLink client = Start(Options());
        using (FakeConnection connection = _broker.AcceptAndWelcome(false, true))
        {
            Wait.Until(() => client.State == BrokerLinkState.Ready, "ready");
            for (int i = 1; i <= 3; i++)
                client.Publish(new MqttPublish { Topic = "t"u8, Payload = "x"u8, Qos = 2 });
            client.Flush();
            for (int i = 1; i <= 3; i++)
                Assert.Equal((MqttPacketType.Publish, (byte)4), Head(connection.Read()));
            connection.Send(0x50, 2, 0, 1);
            connection.Send(0x50, 2, 0, 2);
            AssertAnswer(connection, MqttPacketType.Pubrel, 1);
            AssertAnswer(connection, MqttPacketType.Pubrel, 2);
            connection.Send(0x70, 2, 0, 1);
            Wait.Until(() => client.ConfirmedCount == 1, "the first is through");
        }
        using FakeConnection again = _broker.AcceptAndWelcome(true, false);
        AssertAnswer(again, MqttPacketType.Pubrel, 2);
        (MqttPacketType type, byte flags, byte[] body) = again.Read();
        Assert.Equal((MqttPacketType.Publish, (byte)12, (byte)3), (type, flags, body[4]));
        again.Send(0x70, 2, 0, 2);
        again.Send(0x50, 2, 0, 3);
        AssertAnswer(again, MqttPacketType.Pubrel, 3);
        again.Send(0x70, 2, 0, 3);
        Assert.True(client.Drain(TimeSpan.FromSeconds(20)));
        Assert.Equal((3, 0), (client.ConfirmedCount, client.RejectedCount));
    }

    [Fact]
    public void A_refused_message_is_not_released_and_one_the_client_does_not_know_is()
    {
        using BrokerLink client = Start(Options());
        using FakeConnection connection = _broker.AcceptAndWelcome(false, true);
        client.Publish(new MqttPublish { Topic = "t"u8, Payload = "x"u8, Qos = 2 });
        client.Flush();
        connection.Read();
        connection.Send(0x50, 3, 0, 1, 0x97);
        Assert.True(client.Drain(TimeSpan.FromSeconds(20)));
        Assert.Equal(1, client.RejectedCount);
        connection.Send(0x50, 2, 0, 77);
        AssertAnswer(connection, MqttPacketType.Pubrel, 77);
    }

    [Fact]
    public void Behind_acknowledgements_a_ping_proves_that_the_broker_has_them()
    {
        var journal = new FakeJournal();
        using BrokerLink client = Start(Options(), journal);
        using FakeConnection connection = _broker.AcceptAndWelcome(false, true);
        connection.Send(0x32, 7, 0, 1, (byte)'t', 0, 1, 0, (byte)'5');
        Complete(0);
        AssertAnswer(connection, MqttPacketType.Puback, 1);
        Assert.Equal(MqttPacketType.Pingreq, connection.Read().Type);

        // While the answer is on its way there is no second one, and what is acknowledged meanwhile is not proven by it.
        connection.Send(0x34, 7, 0, 1, (byte)'t', 0, 2, 0, (byte)'5');
        Complete(1);
        AssertAnswer(connection, MqttPacketType.Pubrec, 2);
        Assert.Equal(["open fake UntilBarrier new"], journal.Said);
        connection.Send(0xD0, 0);
        Assert.Equal(MqttPacketType.Pingreq, connection.Read().Type);
        Assert.Equal(["open fake UntilBarrier new", "confirm fake 1"], journal.Said);
        connection.Send(0xD0, 0);
        Wait.Until(() => journal.Said[^1] == "confirm fake 2", "the second barrier");
    }

    [Fact]
    public void A_release_is_answered_when_it_is_written_down_and_repeats_are_the_journals_business()
    {
        var journal = new FakeJournal { HoldsReleases = true };
        using BrokerLink client = Start(Options(), journal);
        using FakeConnection connection = _broker.AcceptAndWelcome(true, true);
        connection.Send(Message9);
        Complete(0);
        AssertAnswer(connection, MqttPacketType.Pubrec, 9);
        Assert.Equal(MqttPacketType.Pingreq, connection.Read().Type);
        connection.Send(Message9Again);
        Complete(1);
        AssertAnswer(connection, MqttPacketType.Pubrec, 9);
        connection.Send(0x62, 2, 0, 9);
        connection.Send(0x32, 7, 0, 1, (byte)'t', 0, 10, 0, (byte)'5');
        Complete(2);
        Assert.Contains("release fake 9", journal.Said);
        journal.Commit();
        AssertAnswer(connection, MqttPacketType.Pubcomp, 9);
        AssertAnswer(connection, MqttPacketType.Puback, 10);
    }

    [Fact]
    public void What_a_lost_session_had_received_is_done_with()
    {
        using BrokerLink client = Start(Options());
        using (FakeConnection connection = _broker.AcceptAndWelcome(false, true))
        {
            client.Publish(new MqttPublish { Topic = "t"u8, Payload = "x"u8, Qos = 2 });
            client.Flush();
            connection.Read();
            connection.Send(0x50, 2, 0, 1);
            AssertAnswer(connection, MqttPacketType.Pubrel, 1);
        }
        using FakeConnection again = _broker.AcceptAndWelcome(false, true);
        Assert.True(client.Drain(TimeSpan.FromSeconds(20)));
    }

    private BrokerLinkOptions Options() => new()
    {
        Host = "127.0.0.1",
        Port = _broker.Port,
        ClientId = "fake",
        Subscriptions = [new("t", 2)],
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

    private BrokerLink Start(BrokerLinkOptions options, IDeliveryJournal? journal = null)
    {
        var client = new BrokerLink(options, Receive, NullLogger.Instance, journal: journal);
        client.Start();
        return client;

        void Receive(in MqttPublish publish, in MqttPublishContext context)
        {
            long packet = context.Ledger.TryOpen(publish.PacketId, publish.Qos, 1);
            if (journal is not null)
            {
                context.Ledger.SetPosition(packet, ++_position);
                context.Source!.Note(publish.PacketId, publish.Qos, hash: 1, _position);
            }
            lock (_received)
                _received.Add((context.Ledger, packet, publish.PacketId));
        }
    }

    private void Complete(int index)
    {
        Wait.Until(() => ReceivedCount > index, $"message {index}");
        _received[index].Ledger.Complete(_received[index].Packet);
    }

    private static (MqttPacketType Type, byte Flags) Head((MqttPacketType Type, byte Flags, byte[] Body) packet) => (packet.Type, packet.Flags);

    private static void AssertAnswer(FakeConnection connection, MqttPacketType type, byte id)
    {
        (MqttPacketType Type, byte Flags, byte[] Body) = connection.Read();
        Assert.Equal(type, Type);
        Assert.Equal(type == MqttPacketType.Pubrel ? 2 : 0, Flags);
        Assert.Equal([0, id], Body);
    }
}
