using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;
using StreamRnn.Ingest.Mqtt.Broker;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Tests.Mqtt.Codec;
using StreamRnn.Ingest.Tests.Ticks;

namespace StreamRnn.Ingest.Tests.Mqtt.Broker;

public class BrokerConnectionTests
{
    [Theory]
    [InlineData("474554202F20485454502F312E310D0A", MqttBrokerClose.Malformed)] // GET / HTTP/1.1
    [InlineData("16030100C8010000C40303", MqttBrokerClose.Malformed)] // a TLS hello
    [InlineData("FFFFFFFFFFFF", MqttBrokerClose.Malformed)]
    [InlineData("30 03 0001 61", MqttBrokerClose.ProtocolError)] // PUBLISH before CONNECT
    [InlineData("10 FF FF FF 7F", MqttBrokerClose.Malformed)] // 256 MB announced
    public void Garbage_is_closed_and_counted(string hex, MqttBrokerClose reason)
    {
        using var broker = new TestBroker();
        using WireClient client = broker.Open(MqttVersion.V311);
        client.SendHex(hex);
        client.ExpectEnd();
        broker.UntilClosed(reason);
        using WireClient healthy = broker.Connect(MqttVersion.V5);
        healthy.Barrier();
    }

    [Fact]
    public void Garbage_after_connect_is_answered_with_its_reason_in_mqtt_5()
    {
        using var broker = new TestBroker();
        using WireClient client = broker.Connect(MqttVersion.V5);
        client.SendHex("36 00");
        Assert.Equal(MqttReasonCode.MalformedPacket, client.Expect(MqttPacketType.Disconnect).DisconnectReason());
        client.ExpectEnd();
    }

    [Fact]
    public void An_episode_of_garbage_is_one_log_line()
    {
        var log = new CapturedLog();
        using var broker = new TestBroker(log: log);
        for (int i = 1; i <= 20; i++)
        {
            using WireClient client = broker.Open(MqttVersion.V311);
            client.SendHex("FFFF");
            client.ExpectEnd();
            broker.UntilClosed(MqttBrokerClose.Malformed, i);
        }
        broker.Time.Advance(TimeSpan.FromSeconds(11));
        using WireClient later = broker.Open(MqttVersion.V311);
        later.SendHex("FFFF");
        later.ExpectEnd();
        TestBroker.Until(() => broker.Broker.ConnectionCount == 0, "the connection gone");
        broker.Broker.Dispose();

        string[] warnings = log.At(LogLevel.Warning);
        Assert.Equal(2, warnings.Length);
        Assert.Contains("Malformed", warnings[0]);
        Assert.Contains("19 more", warnings[1]);
    }

    [Fact]
    public void A_storm_of_damaged_packets_leaves_nothing_behind()
    {
        const int Seed = 7;
        const int Rounds = 200;
        using var broker = new TestBroker();
        var random = new Random(Seed);
        for (int round = 0; round < Rounds; round++)
        {
            using WireClient client = broker.Connect(round % 2 == 0 ? MqttVersion.V311 : MqttVersion.V5);
            MqttSamples.Sample sample = MqttSamples.All[random.Next(MqttSamples.All.Count)];
            for (int i = 0; i < 20; i++)
                client.TrySend(MqttMutation.Mutate(sample.Bytes, random));
        }

        TestBroker.Until(() => broker.Broker.ConnectionCount == 0, $"all {Rounds} connections gone, seed {Seed}");
        Assert.Equal(Rounds, Enum.GetValues<MqttBrokerClose>().Sum(broker.Broker.Counters.Closed));
        Assert.Equal(0, broker.Broker.SessionCount);
        Assert.Equal(0, broker.Broker.State.SubscriptionCount);
        using WireClient healthy = broker.Connect(MqttVersion.V5);
        healthy.Barrier();
    }

    [Fact]
    public void A_packet_may_come_byte_by_byte()
    {
        using var broker = new TestBroker();
        using WireClient client = broker.Connect(MqttVersion.V311);
        foreach (byte next in Convert.FromHexString("320A0003612F62000721352E"))
            client.Send([next]);
        Assert.Equal(7, client.ExpectAcknowledgement(MqttPacketType.Puback));
        Assert.Equal("a/b", broker.Take().Topic);
    }

    [Fact]
    public void A_packet_larger_than_the_first_buffer_comes_whole_and_one_over_the_limit_ends_the_connection()
    {
        using var broker = new TestBroker(new MqttBrokerOptions { MaximumPacketBytes = 100_000 });
        using WireClient client = broker.Connect(MqttVersion.V5);
        client.Publish("a", new string('x', 99_000));
        Assert.Equal(99_000, broker.Take().Payload.Length);
        client.Publish("a", new string('x', 100_000));
        Assert.Equal(MqttReasonCode.PacketTooLarge, client.Expect(MqttPacketType.Disconnect).DisconnectReason());
    }

    [Fact]
    public void Half_a_packet_then_nothing_ends_with_the_connection()
    {
        using var broker = new TestBroker();
        using (WireClient client = broker.Connect(MqttVersion.V5))
            client.SendHex("30 7F 0001");
        broker.UntilClosed(MqttBrokerClose.ConnectionLost);
        Assert.Equal(0, broker.UntakenCount);
    }

    [Fact]
    public void Silence_before_connect_is_closed()
    {
        using var broker = new TestBroker(new MqttBrokerOptions { ConnectTimeout = TimeSpan.FromMilliseconds(50) });
        using WireClient client = broker.Open(MqttVersion.V5);
        client.ExpectEnd();
        broker.UntilClosed(MqttBrokerClose.ConnectTimeout);
    }

    [Fact]
    public void Silence_for_one_and_a_half_times_the_keep_alive_is_closed()
    {
        using var broker = new TestBroker();
        using WireClient client = broker.Open(MqttVersion.V5);
        client.Connect(new MqttConnect { CleanStart = true, KeepAliveSeconds = 1 });
        Assert.Equal(MqttReasonCode.KeepAliveTimeout, client.Expect(MqttPacketType.Disconnect).DisconnectReason());
        broker.UntilClosed(MqttBrokerClose.KeepAliveTimeout);
    }

    [Fact]
    public void The_terms_of_the_broker_are_in_connack()
    {
        using var broker = new TestBroker(new MqttBrokerOptions
        {
            MaximumKeepAliveSeconds = 60,
            MaximumSessionExpiry = TimeSpan.FromHours(1),
            TopicAliasMaximum = 7,
        });
        using WireClient client = broker.Open(MqttVersion.V5);
        var properties = new MqttPropertyWriter(new byte[8]);
        properties.Number(MqttPropertyId.SessionExpiryInterval, uint.MaxValue);
        MqttConnack connack = client.Connect(new MqttConnect { CleanStart = true, Properties = properties.Properties });
        Assert.Equal(60u, connack.Properties.NumberOr(MqttPropertyId.ServerKeepAlive, 0));
        Assert.Equal(3600u, connack.Properties.NumberOr(MqttPropertyId.SessionExpiryInterval, 0));
        Assert.Equal(7u, connack.Properties.NumberOr(MqttPropertyId.TopicAliasMaximum, 0));
        Assert.Equal(0u, connack.Properties.NumberOr(MqttPropertyId.SharedSubscriptionAvailable, 1));
        Assert.True(connack.Properties.TryGet(MqttPropertyId.AssignedClientIdentifier, out ReadOnlySpan<byte> assigned));
        Assert.StartsWith("auto-", Encoding.UTF8.GetString(assigned));
    }

    [Fact]
    public void Credentials_are_asked_for_when_there_are_any()
    {
        using var broker = new TestBroker(new MqttBrokerOptions { UserName = "device", Password = "secret" });
        MqttReasonCode connect(MqttVersion version, string user, string password)
        {
            using WireClient client = broker.Open(version);
            return client.Connect(new MqttConnect
            {
                CleanStart = true,
                HasUserName = user.Length > 0,
                UserName = Encoding.UTF8.GetBytes(user),
                HasPassword = password.Length > 0,
                Password = Encoding.UTF8.GetBytes(password),
            }).ReasonCode;
        }

        Assert.Equal(MqttReasonCode.Success, connect(MqttVersion.V5, "device", "secret"));
        Assert.Equal(MqttReasonCode.Success, connect(MqttVersion.V311, "device", "secret"));
        Assert.Equal(MqttReasonCode.BadUserNameOrPassword, connect(MqttVersion.V5, "device", "wrong"));
        Assert.Equal(MqttReasonCode.BadUserNameOrPassword, connect(MqttVersion.V311, "", ""));
        broker.UntilClosed(MqttBrokerClose.NotAuthorized, 2);
    }

    [Fact]
    public void Another_protocol_version_is_told_so()
    {
        using var broker = new TestBroker();
        using WireClient old = broker.Open(MqttVersion.V311);
        old.SendHex("10 0E 0006 4D5149736470 03 02 003C 0000");
        Assert.Equal([0, 1], old.Expect(MqttPacketType.Connack).Body);
        using WireClient next = broker.Open(MqttVersion.V5);
        next.SendHex("10 0D 0004 4D515454 06 02 003C 00 0000");
        Assert.Equal(0x84, next.Expect(MqttPacketType.Connack).Body[1]);
    }

    [Fact]
    public void One_connection_too_many_is_closed_at_once()
    {
        using var broker = new TestBroker(new MqttBrokerOptions { MaximumConnections = 1 });
        using WireClient first = broker.Connect(MqttVersion.V5);
        using WireClient second = broker.Open(MqttVersion.V5);
        second.ExpectEnd();
        broker.UntilClosed(MqttBrokerClose.ConnectionLimit);
        first.Disconnect();
        TestBroker.Until(() => broker.Broker.ConnectionCount == 0, "the first connection gone");
        broker.Connect(MqttVersion.V5).Dispose();
    }

    [Fact]
    public void Stopping_tells_the_clients()
    {
        var broker = new TestBroker();
        using WireClient client = broker.Connect(MqttVersion.V5);
        broker.Dispose();
        Assert.Equal(MqttReasonCode.ServerShuttingDown, client.Expect(MqttPacketType.Disconnect).DisconnectReason());
        client.ExpectEnd();
    }

    [Fact]
    public void A_taken_port_is_a_clear_error_with_a_remedy()
    {
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        taken.Listen();
        int port = ((IPEndPoint)taken.LocalEndPoint!).Port;
        using var broker = new MqttBroker(new MqttBrokerOptions { Port = port });
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(broker.Start);
        Assert.Contains($"127.0.0.1:{port}", error.Message);
        Assert.Contains("choose another port", error.Message);
    }

    [Fact]
    public void An_open_address_needs_credentials_or_an_explicit_word()
    {
        using var open = new MqttBroker(new MqttBrokerOptions { Port = 0, ListenAddress = "0.0.0.0" });
        Assert.Contains("AllowAnonymous", Assert.Throws<InvalidOperationException>(open.Start).Message);
        using var allowed = new MqttBroker(new MqttBrokerOptions { Port = 0, ListenAddress = "0.0.0.0", AllowAnonymous = true });
        allowed.Start();
        Assert.NotEqual(0, allowed.EndPoint!.Port);
    }
}
