using Microsoft.Extensions.Logging;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Tests.Mqtt.Client;

/// <summary>A message that the broker refuses is given up, counted and said; the link goes on with the next.</summary>
public sealed class RefusedMessageTests : IDisposable
{
    private readonly FakeBroker _broker = new();
    private readonly CapturedLog _log = new();

    public void Dispose() => _broker.Dispose();

    [Theory]
    [InlineData(1, 0x83, "implementation specific error (0x83)")]
    [InlineData(1, 0x87, "not authorized (0x87): the broker's access list does not let pump write plant/a/b")]
    [InlineData(1, 0x95, "packet too large (0x95): longer than the broker's message_size_limit (17 bytes)")]
    [InlineData(1, 0x97, "quota exceeded (0x97)")]
    [InlineData(1, 0x99, "payload format invalid (0x99)")]
    [InlineData(1, 0xF0, "a reason without a name (0xF0)")]
    [InlineData(2, 0x87, "not authorized (0x87)")]
    [InlineData(2, 0xF0, "a reason without a name (0xF0)")]
    public void A_code_from_0x80_on_refuses_that_one_message_and_is_said_once(byte qos, byte code, string said)
    {
        using BrokerLink client = Start();
        using FakeConnection connection = _broker.AcceptAndWelcome(false, false);
        long marked = 0;
        for (int i = 0; i < 3; i++)
            client.Publish(Message("plant/a/b"u8, qos));
        client.Mark(7, position => Volatile.Write(ref marked, position));
        client.Flush();
        for (int i = 0; i < 3; i++)
            Assert.Equal(MqttPacketType.Publish, connection.Read().Type);
        byte answer = (byte)(qos == 1 ? 0x40 : 0x50);
        connection.Send(answer, 3, 0, 1, code);
        connection.Send(answer, 2, 0, 2);
        connection.Send(answer, 3, 0, 3, code);
        if (qos == 2)
        {
            Assert.Equal(MqttPacketType.Pubrel, connection.Read().Type);
            connection.Send(0x70, 2, 0, 2);
        }
        Assert.True(client.Drain(TimeSpan.FromSeconds(20)), client.LastFailure);

        Wait.Until(() => Volatile.Read(ref marked) == 7, "the mark behind them");   // so that a restart does not send them again
        Assert.Equal((1, 2, 2), (client.ConfirmedCount, client.RejectedCount, client.RejectedBy((MqttReasonCode)code)));
        Assert.Equal(new PublishOutcome(3, 1, 2, 0), client.Outputs);
        Assert.Equal((0, BrokerLinkState.Ready, 1), (client.ProtocolErrorCount, client.State, client.ConnectCount));
        string line = Assert.Single(_log.At(LogLevel.Warning));
        Assert.Contains($"refuses a message to plant/a/b: {said}", line);
    }

    [Theory]
    [InlineData(0x40, 0x10)]
    [InlineData(0x40, 0x11)]
    [InlineData(0x40, 0x7F)]
    public void A_code_below_0x80_is_success_known_or_not(byte answer, byte code)
    {
        using BrokerLink client = Start();
        using FakeConnection connection = _broker.AcceptAndWelcome(false, false);
        client.Publish(Message("t"u8));
        client.Flush();
        connection.Read();
        connection.Send(answer, 3, 0, 1, code);
        Assert.True(client.Drain(TimeSpan.FromSeconds(20)), client.LastFailure);
        Assert.Equal((1, 0, 0), (client.ConfirmedCount, client.RejectedCount, client.ProtocolErrorCount));
        Assert.Equal(1, client.ConnectCount);
    }

    [Theory]
    [InlineData(0x11)]
    [InlineData(0x92)]
    [InlineData(0xF0)]
    public void Behind_PUBREC_a_message_is_taken_whatever_PUBCOMP_says(byte code)
    {
        using BrokerLink client = Start();
        using FakeConnection connection = _broker.AcceptAndWelcome(false, false);
        client.Publish(Message("t"u8, qos: 2));
        client.Flush();
        connection.Read();
        connection.Send(0x50, 3, 0, 1, 0x11);
        Assert.Equal(MqttPacketType.Pubrel, connection.Read().Type);
        connection.Send(0x70, 3, 0, 1, code);
        Assert.True(client.Drain(TimeSpan.FromSeconds(20)), client.LastFailure);
        Assert.Equal((1, 0, 0), (client.ConfirmedCount, client.RejectedCount, client.ProtocolErrorCount));
    }

    [Fact]
    public void The_brokers_own_words_are_told_and_nothing_of_them_breaks_the_line()
    {
        using BrokerLink client = Start();
        using FakeConnection connection = _broker.AcceptAndWelcome(false, false);
        client.Publish(Message("t"u8));
        client.Flush();
        connection.Read();
        connection.Send(0x40, 10, 0, 1, 0x83, 6, 0x1F, 0, 3, (byte)'n', (byte)'\n', (byte)'o');
        Assert.True(client.Drain(TimeSpan.FromSeconds(20)), client.LastFailure);
        Assert.Contains("implementation specific error (0x83), \"n?o\"", Assert.Single(_log.At(LogLevel.Warning)));
    }

    [Fact]
    public void It_is_said_once_for_each_code_and_topic_prefix()
    {
        using BrokerLink client = Start();
        using FakeConnection connection = _broker.AcceptAndWelcome(false, false);
        string[] topics = ["out/a/x", "out/a/y", "out/b/x", "out/a/x", "out/a/z"];
        byte[] codes = [0x87, 0x87, 0x87, 0x95, 0x95];
        for (int i = 0; i < topics.Length; i++)
        {
            client.Publish(Message(System.Text.Encoding.UTF8.GetBytes(topics[i])));
            client.Flush();
            connection.Read();
            connection.Send(0x40, 3, 0, (byte)(i + 1), codes[i]);
        }
        Assert.True(client.Drain(TimeSpan.FromSeconds(20)), client.LastFailure);
        string[] lines = [.. _log.At(LogLevel.Warning)];
        Assert.Equal(3, lines.Length);
        Assert.Contains("out/a/x: not authorized", lines[0]);
        Assert.Contains("out/b/x: not authorized", lines[1]);
        Assert.Contains("out/a/x: packet too large", lines[2]);
        Assert.Equal((3, 2), (client.RejectedBy(MqttReasonCode.NotAuthorized), client.RejectedBy(MqttReasonCode.PacketTooLarge)));
    }

    /// <summary>Minutes of back-off would be the answer to a broker that is away; this one is there.</summary>
    [Fact]
    public void A_connection_that_ends_right_behind_a_refusal_is_made_again_at_once()
    {
        const int Count = 20;
        using BrokerLink client = Start(options => options with { MinimumPause = TimeSpan.FromMinutes(5), MaximumPause = TimeSpan.FromMinutes(5) });
        for (int i = 0; i < Count; i++)
            client.Publish(Message("plant/a/b"u8));
        for (int i = 0; i < Count; i++)
        {
            using FakeConnection connection = _broker.AcceptAndWelcome(i > 0, false);
            byte[] body = connection.Read().Body;
            Assert.Equal(i + 1, body[12]);   // the low byte of the packet id, behind the topic
            connection.Send(0x40, 3, 0, body[12], 0x87);
        }
        using FakeConnection last = _broker.AcceptAndWelcome(true, false);
        Assert.True(client.Drain(TimeSpan.FromSeconds(20)), client.LastFailure);
        Assert.Equal((0, Count), (client.ConfirmedCount, client.RejectedCount));
        Assert.Equal(0, client.ProtocolErrorCount);
        string[] lines = [.. _log.At(LogLevel.Warning)];
        Assert.Equal(2, lines.Length);
        Assert.Contains("refuses a message to plant/a/b", lines[0]);
        Assert.Contains("max_queued_messages 0", lines[1]);   // and nothing of another client's id
    }

    [Theory]
    [InlineData(MqttVersion.V311)]
    [InlineData(MqttVersion.V5)]
    public void Only_a_session_that_ends_without_a_reason_speaks_for_another_client_of_our_id(MqttVersion version)
    {
        using BrokerLink client = Start(options => options with { Version = version });
        for (int i = 0; i < 3; i++)
            Welcome(version).Dispose();
        using FakeConnection last = Welcome(version);
        Wait.Until(() => client.ConnectCount == 4, "the fourth connection");
        Assert.Contains("does another client use our client id?", _log.At(LogLevel.Warning).Last());
    }

    [Fact]
    public void A_session_that_ends_with_a_reason_does_not()
    {
        using BrokerLink client = Start();
        for (int i = 0; i < 4; i++)
        {
            using FakeConnection connection = _broker.AcceptAndWelcome(i > 0, false);
            connection.Send(0xE0, 1, (byte)MqttReasonCode.ServerBusy);
        }
        using FakeConnection last = _broker.AcceptAndWelcome(true, false);
        Wait.Until(() => client.ConnectCount == 5, "the fifth connection");
        Assert.DoesNotContain(_log.At(LogLevel.Warning), line => line.Contains("client id", StringComparison.Ordinal));
    }

    /// <summary>Which is what mosquitto does over MQTT 3.1.1 with max_queued_messages 0: an acknowledgement that looks like success, then the end.</summary>
    [Fact]
    public void Over_3_1_1_a_connection_closed_three_times_right_behind_a_message_names_its_topic()
    {
        const int Count = 5;
        using BrokerLink client = Start(options => options with
        {
            Version = MqttVersion.V311,
            MinimumPause = TimeSpan.FromMinutes(5),
            MaximumPause = TimeSpan.FromMinutes(5),
        });
        for (int i = 0; i < Count; i++)
            client.Publish(Message(System.Text.Encoding.UTF8.GetBytes($"plant/{i}")));
        for (int i = 0; i < Count; i++)
        {
            using FakeConnection connection = Welcome(MqttVersion.V311);
            connection.Read();
            connection.Send(0x40, 2, 0, (byte)(i + 1));
        }
        using FakeConnection last = Welcome(MqttVersion.V311);
        Assert.True(client.Drain(TimeSpan.FromSeconds(20)), client.LastFailure);
        Assert.Equal((Count, 0), (client.ConfirmedCount, client.RejectedCount));   // taken, not kept: nobody can tell
        string line = Assert.Single(_log.At(LogLevel.Warning));
        Assert.Contains("closed the connection 3 times right behind a message, the last to plant/2.", line);
    }

    [Fact]
    public void What_a_broker_announces_as_too_long_is_refused_and_said_before_it_is_sent()
    {
        using BrokerLink client = Start();
        using FakeConnection connection = _broker.AcceptAndWelcome(false, false, 0x27, 0, 0, 0, 100);
        Wait.Until(() => client.State == BrokerLinkState.Ready, "ready");
        client.Publish(new MqttPublish { Topic = "t"u8, Payload = new byte[100], Qos = 1 });
        Assert.True(client.Drain(TimeSpan.FromSeconds(20)));
        Assert.Equal(new PublishOutcome(1, 0, 1, 0), client.Outputs);
        Assert.Contains("packet too large (0x95)", Assert.Single(_log.At(LogLevel.Warning)));
    }

    private FakeConnection Welcome(MqttVersion version)
    {
        if (version == MqttVersion.V5)
            return _broker.AcceptAndWelcome(false, false);
        FakeConnection connection = _broker.Accept();
        connection.Send(0x20, 2, 0, 0);
        return connection;
    }

    private BrokerLink Start(Func<BrokerLinkOptions, BrokerLinkOptions>? change = null)
    {
        var options = new BrokerLinkOptions
        {
            Host = "127.0.0.1",
            Port = _broker.Port,
            ClientId = "fake",
            Username = "pump",
            CleanStart = true,
            MinimumPause = TimeSpan.FromMilliseconds(1),
            MaximumPause = TimeSpan.FromMilliseconds(2),
        };
        var client = new BrokerLink(change is null ? options : change(options), handler: null, _log);
        client.Start();
        return client;
    }

    private static MqttPublish Message(ReadOnlySpan<byte> topic, byte qos = 1) => new() { Topic = topic, Payload = "1"u8, Qos = qos };
}
