using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Tests.Ticks;

namespace StreamRnn.Ingest.Tests.Mqtt.Client;

/// <summary>How a connection is made and ended, against a broker that is quick, slow or out of its mind.</summary>
public sealed class BrokerLinkHandshakeTests : IDisposable
{
    private static readonly byte[] Connack = [0x20, 3, 0, 0, 0];
    private static readonly byte[] Suback = [0x90, 4, 0xFF, 0xFF, 0, 1];

    private readonly FakeBroker _broker = new();
    private readonly FakeTimeProvider _clock = new();
    private readonly List<(string Message, PacketLedger Ledger, long Packet)> _received = [];
    private readonly ManualResetEventSlim _mayReturn = new(true);

    public void Dispose()
    {
        _mayReturn.Set();
        _broker.Dispose();
    }

    [Fact]
    public void A_message_in_one_segment_with_CONNACK_and_SUBACK_is_handed_over()
    {
        using BrokerLink link = Start(Options("t"));
        using FakeConnection connection = _broker.Accept();
        connection.Send([.. Connack, .. Suback, .. Publish(7, '5')]);
        Wait.Until(() => link.State == BrokerLinkState.Ready && ReceivedCount == 1, "ready, with the message");
        Assert.Equal(MqttPacketType.Subscribe, connection.Read().Type);
        Complete(0);
        Assert.Equal([0, 7], connection.Read().Body);
    }

    [Theory]
    [InlineData(MqttVersion.V5)]
    [InlineData(MqttVersion.V311)]
    public void A_CONNACK_split_at_any_byte_is_a_CONNACK(MqttVersion version)
    {
        byte[] connack = version == MqttVersion.V5 ? [0x20, 6, 1, 0, 3, 33, 0, 9] : [0x20, 2, 1, 0];
        using BrokerLink link = Start(Options("t") with { Version = version });
        for (int at = 1; at < connack.Length; at++)
        {
            using FakeConnection connection = _broker.Accept();
            connection.Send(connack[..at]);
            connection.Send(connack[at..]);
            if (at == 1)
                Assert.Equal(MqttPacketType.Subscribe, connection.Read().Type);   // the session has its filters from then on
            Wait.Until(() => link.ConnectCount == at, $"connection {at}");
        }
        Assert.Equal(0, link.ProtocolErrorCount);
    }

    [Fact]
    public void CONNECT_carries_the_options_in_both_versions()
    {
        BrokerLinkOptions options = Options() with
        {
            Username = "plant",
            Password = "secret",
            KeepAlive = TimeSpan.FromSeconds(40),
            SessionExpiry = TimeSpan.FromHours(1),
            ReceiveMaximum = 100,
            MaximumPacketBytes = 5000,
            Will = new MqttWill("w", [1], Qos: 2, Retain: true),
        };
        foreach (MqttVersion version in new[] { MqttVersion.V5, MqttVersion.V311 })
        {
            using BrokerLink link = Start(options with { Version = version });
            using FakeConnection connection = _broker.Accept();
            var packet = new MqttPacket { Type = MqttPacketType.Connect, Body = connection.Connect };
            Assert.Equal(MqttFault.None, MqttConnect.TryParse(packet, out MqttConnect connect));
            Assert.Equal((version, false, 40), (connect.Version, connect.CleanStart, connect.KeepAliveSeconds));
            Assert.Equal(("fake", "plant", "secret"), (Text(connect.ClientId), Text(connect.UserName), Text(connect.Password)));
            Assert.Equal(("w", 1, 2, true), (Text(connect.WillTopic), connect.WillPayload[0], connect.WillQos, connect.WillRetain));
            bool isV5 = version == MqttVersion.V5;
            Assert.Equal(isV5 ? 3600u : 0, connect.Properties.NumberOr(MqttPropertyId.SessionExpiryInterval, 0));
            Assert.Equal(isV5 ? 100u : 0, connect.Properties.NumberOr(MqttPropertyId.ReceiveMaximum, 0));
            Assert.Equal(isV5 ? 5000u : 0, connect.Properties.NumberOr(MqttPropertyId.MaximumPacketSize, 0));
            Assert.Equal(isV5 ? 64u : 0, connect.Properties.NumberOr(MqttPropertyId.TopicAliasMaximum, 0));
        }
    }

    [Fact]
    public void Stopping_says_goodbye_and_ends_the_session_where_it_is_to_end()
    {
        foreach (bool ends in new[] { false, true })
        {
            using BrokerLink link = Start(Options() with { EndSessionOnStop = ends });
            using FakeConnection connection = _broker.AcceptAndWelcome(false, false);
            Wait.Until(() => link.State == BrokerLinkState.Ready, "ready");
            link.Stop();
            (MqttPacketType type, _, byte[] body) = connection.Read();
            Assert.Equal(MqttPacketType.Disconnect, type);
            Assert.Equal(ends ? [0, 5, 17, 0, 0, 0, 0] : [0, 0], body);
        }
    }

    [Fact]
    public void A_PINGRESP_that_nobody_asked_for_changes_nothing()
    {
        using BrokerLink link = Start(Options("t"));
        using FakeConnection connection = _broker.AcceptAndWelcome(false, true);
        connection.Send([0xD0, 0, .. Publish(1, '5'), 0xD0, 0]);
        Wait.Until(() => ReceivedCount == 1, "the message");
        Complete(0);
        Assert.Equal([0, 1], connection.Read().Body);
        Assert.Equal((BrokerLinkState.Ready, 0), (link.State, link.ProtocolErrorCount));
    }

    [Theory]
    [InlineData(new byte[] { 0x90, 4, 0, 1, 0, 1 })]
    [InlineData(new byte[] { 0x90, 5, 0xFF, 0xFF, 0, 1, 1 })]
    public void A_SUBACK_to_what_was_not_asked_ends_the_connection(byte[] suback)
    {
        using BrokerLink link = Start(Options("t"));
        using FakeConnection connection = _broker.AcceptAndWelcome(false, false);
        Assert.Equal(MqttPacketType.Subscribe, connection.Read().Type);
        connection.Send(suback);
        Assert.True(connection.IsClosed());
        Wait.Until(() => link.LastFailure?.Contains("a SUBACK to another SUBSCRIBE") == true, $"the reason, not {link.LastFailure}");
    }

    [Fact]
    public void A_broker_that_does_not_answer_CONNECT_is_left_in_time()
    {
        using BrokerLink link = Start(Options("t"), _clock);
        using FakeConnection connection = _broker.Accept();
        connection.Send(0x20, 3);
        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.True(connection.IsClosed());
        // After five of the ten seconds it says that there is no answer yet.
        Wait.Until(() => link.LastFailure?.StartsWith("no CONNACK within 10 s; does this port speak TLS?", StringComparison.Ordinal) == true, () => $"the failure, not {link.LastFailure}");
    }

    [Fact]
    public void A_handler_that_takes_its_time_is_no_silence_of_the_broker()
    {
        using BrokerLink link = Start(Options("t") with { KeepAlive = TimeSpan.FromSeconds(40) }, _clock);
        using FakeConnection connection = _broker.AcceptAndWelcome(false, true);
        Wait.Until(() => link.State == BrokerLinkState.Ready, "ready");
        _mayReturn.Reset();
        connection.Send(Publish(1, '5'));
        Wait.Until(() => ReceivedCount == 1, "the message");
        for (int i = 0; i < 3; i++)
            _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(MqttPacketType.Pingreq, connection.Read().Type);
        connection.Send([0xD0, 0]);
        for (int i = 0; i < 20; i++)
            _clock.Advance(TimeSpan.FromSeconds(10));
        _mayReturn.Set();
        connection.Send(Publish(2, '6'));
        Wait.Until(() => ReceivedCount == 2, "the message behind it");
        Assert.Equal(1, link.ConnectCount);
    }

    [Fact]
    public void An_acknowledgement_completed_after_its_connection_does_not_reach_the_next()
    {
        using BrokerLink link = Start(Options("t"));
        using (FakeConnection connection = _broker.AcceptAndWelcome(false, true))
        {
            connection.Send(Publish(1, '5'));
            Wait.Until(() => ReceivedCount == 1, "the message");
        }
        using FakeConnection again = _broker.AcceptAndWelcome(true, false);
        Wait.Until(() => link.ConnectCount == 2 && link.State == BrokerLinkState.Ready, "ready again");
        Complete(0);
        again.Send(Publish(2, '6'));
        Wait.Until(() => ReceivedCount == 2, "the message of the second");
        Complete(1);
        Assert.Equal([0, 2], again.Read().Body);
    }

    private static byte[] Publish(byte id, char value) => [0x32, 7, 0, 1, (byte)'t', 0, id, 0, (byte)value];

    private static string Text(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8);

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
        var link = new BrokerLink(options, Receive, NullLogger.Instance, clock);
        link.Start();
        return link;
    }

    private void Receive(in MqttPublish publish, in MqttPublishContext context)
    {
        lock (_received)
            _received.Add((Text(publish.Payload), context.Ledger, context.Ledger.TryOpen(publish.PacketId, publish.Qos, 1)));
        _mayReturn.Wait();
    }

    private void Complete(int index) => _received[index].Ledger.Complete(_received[index].Packet);
}

/// <summary>What a connection costs the process. Alone, because it counts what belongs to all.</summary>
[Collection(nameof(Alone))]
public sealed class BrokerLinkBoundTests : IDisposable
{
    private readonly FakeBroker _broker = new();

    public void Dispose() => _broker.Dispose();

    [Theory]
    [InlineData(false, 65536)]
    [InlineData(true, 4 << 20)]
    public void A_packet_announced_beyond_the_bound_reserves_nothing(bool afterConnack, int bound)
    {
        using BrokerLink link = Start();
        using FakeConnection connection = afterConnack ? _broker.AcceptAndWelcome(false, false) : _broker.Accept();
        Wait.Until(() => !afterConnack || link.State == BrokerLinkState.Ready, "ready");
        long before = GC.GetTotalAllocatedBytes(precise: true);
        connection.Send(0x30, 0xFF, 0xFF, 0xFF, 0x7F, 0, 1, (byte)'t');
        Assert.True(connection.IsClosed());
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 8 << 20);
        Wait.Until(() => link.LastFailure is not null, "the failure");
        Assert.Equal($"the broker sent what is not MQTT: a packet of 268435455 bytes where {bound} are allowed", link.LastFailure);
    }

    [Fact]
    public void A_link_that_has_ended_takes_nothing_more_for_sending()
    {
        BrokerLink link = Start();
        link.Dispose();
        Assert.Throws<ObjectDisposedException>(() => link.Publish(new MqttPublish { Topic = "a"u8, Payload = "1"u8, Qos = 1 }));
    }

    [Fact]
    public void A_thousand_connections_leave_no_thread_and_no_socket()
    {
        if (!OperatingSystem.IsLinux())
            return;   // counted in /proc
        int threads = Threads(), sockets = Sockets();
        using (BrokerLink link = Start())
        {
            for (int i = 0; i < 1000; i++)
            {
                using FakeConnection connection = _broker.AcceptAndWelcome(true, false);
                Wait.Until(() => link.ConnectCount > i, "a connection");
                if (i == 0)
                    Assert.True(Threads() > threads && Sockets() > sockets, "they are counted");
            }
        }
        Wait.Until(() => Threads() <= threads && Sockets() <= sockets, () => $"{threads} threads and {sockets} sockets; there are {Threads()} and {Sockets()}");
    }

    private static int Threads() => Directory.GetDirectories("/proc/self/task").Count(IsMqtt);

    private static bool IsMqtt(string task)
    {
        try
        {
            return File.ReadAllText(task + "/comm").StartsWith("mqtt", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;   // it has ended since it was listed
        }
    }

    private static int Sockets() => Directory.GetFiles("/proc/self/fd").Count(file => File.ResolveLinkTarget(file, false)?.Name.StartsWith("socket:") == true);

    private BrokerLink Start()
    {
        var options = new BrokerLinkOptions
        {
            Host = "127.0.0.1",
            Port = _broker.Port,
            ClientId = "fake",
            MinimumPause = TimeSpan.FromMilliseconds(0.1),
            MaximumPause = TimeSpan.FromMilliseconds(0.1),
        };
        var link = new BrokerLink(options, handler: null, NullLogger.Instance);
        link.Start();
        return link;
    }
}
