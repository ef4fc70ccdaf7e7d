using System.Text;
using Microsoft.Extensions.Logging;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Tests.Mqtt.Client;

/// <summary>A message over which the broker ends the connection each time is given up, and none but that.</summary>
[Trait("speed", "slow")]
public sealed class PoisonTests : IDisposable
{
    private const int Count = 30;
    private const int Poison = 17;
    private readonly FakeBroker _broker = new();
    private readonly CapturedLog _log = new();

    public void Dispose() => _broker.Dispose();

    [Theory]
    [InlineData(1, true)]
    [InlineData(1, false)]
    [InlineData(2, false)]
    public void It_is_found_among_others_and_given_up(byte qos, bool confirmsOthers)
    {
        var options = new BrokerLinkOptions
        {
            Host = "127.0.0.1",
            Port = _broker.Port,
            ClientId = "fake",
            MinimumPause = TimeSpan.FromMilliseconds(1),
            MaximumPause = TimeSpan.FromMilliseconds(2),
        };
        using var client = new BrokerLink(options, handler: null, _log);
        for (int i = 0; i < Count; i++)
            client.Publish(new MqttPublish { Topic = "plant/t"u8, Payload = Encoding.UTF8.GetBytes($"{i}"), Qos = qos });
        long marked = 0;
        client.Mark(7, position => Volatile.Write(ref marked, position));
        client.Start();

        int connections = 0;
        var taken = new HashSet<string>();
        while (client.UnconfirmedCount > 0)
        {
            Assert.True(++connections < 40, "it goes on for ever");
            using FakeConnection connection = _broker.AcceptAndWelcome(connections > 1, false);
            Serve(connection, client, qos, confirmsOthers || connections > 2, taken);
        }
        Assert.Equal(Enumerable.Range(0, Count).Where(i => i != Poison).Select(i => $"{i}").Order(), taken.Order());
        Assert.Equal((Count - 1, 0, 1), (client.ConfirmedCount, client.DroppedCount, client.RejectedBy(MqttReasonCode.PacketTooLarge)));
        Assert.Contains("to plant/t: it is given up", Assert.Single(_log.At(LogLevel.Error)));
        Wait.Until(() => Volatile.Read(ref marked) == 7, "the mark behind it");
    }

    /// <summary>Which is what a broker does that restarts again and again, or an address behind which another one takes over.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData(MqttReasonCode.ServerShuttingDown)]
    [InlineData(MqttReasonCode.AdministrativeAction)]
    [InlineData(MqttReasonCode.QuotaExceeded)]
    public void In_mqtt_5_nothing_is_given_up_that_was_not_blamed(MqttReasonCode? reason)
    {
        var options = new BrokerLinkOptions
        {
            Host = "127.0.0.1",
            Port = _broker.Port,
            ClientId = "fake",
            MinimumPause = TimeSpan.FromMilliseconds(1),
            MaximumPause = TimeSpan.FromMilliseconds(2),
        };
        using var client = new BrokerLink(options, handler: null, _log);
        client.Publish(new MqttPublish { Topic = "plant/t"u8, Payload = "1"u8, Qos = 1 });
        client.Start();
        for (int connections = 0; connections < 2 * PoisonWatch.Patience; connections++)
        {
            using FakeConnection ending = _broker.AcceptAndWelcome(connections > 0, false);
            Assert.Equal(MqttPacketType.Publish, ending.Read().Type);
            if (reason is MqttReasonCode code)
                ending.Send(0xE0, 1, (byte)code);
        }
        using FakeConnection connection = _broker.AcceptAndWelcome(true, false);
        Assert.Equal(MqttPacketType.Publish, connection.Read().Type);
        connection.Send(0x40, 2, 0, 1);
        Wait.Until(() => client.ConfirmedCount == 1, "the confirmation");
        Assert.Equal(0, client.RejectedCount);
    }

    [Theory]
    [InlineData(MqttVersion.V311, 1)]
    [InlineData(MqttVersion.V311, 2)]
    [InlineData(MqttVersion.V5, 1)]
    public void Mosquitto_gets_all_but_the_message_that_is_too_long_for_it(MqttVersion version, byte qos)
    {
        using var mosquitto = new MosquittoBroker("max_packet_size 10000");
        var options = new BrokerLinkOptions
        {
            Host = "127.0.0.1",
            Port = mosquitto.Port,
            Version = version,
            ClientId = "sender",
            MinimumPause = TimeSpan.FromMilliseconds(1),
            MaximumPause = TimeSpan.FromMilliseconds(5),
        };
        using var client = new BrokerLink(options, handler: null, _log);
        client.Start();
        Wait.Until(() => client.State == BrokerLinkState.Ready, "ready");
        byte[] payload = new byte[20_000];
        for (int i = 0; i < Count; i++)
            client.Publish(new MqttPublish { Topic = "t"u8, Payload = payload.AsSpan(0, i == Poison ? payload.Length : 10), Qos = qos });
        Assert.True(client.Drain(TimeSpan.FromSeconds(20)), $"{client.UnconfirmedCount} are left: {client.LastFailure}");
        Assert.Equal((Count - 1, 1), (client.ConfirmedCount, client.RejectedCount));
    }

    [Theory]
    [InlineData(MqttVersion.V311)]
    [InlineData(MqttVersion.V5)]
    public void Mosquitto_gets_all_but_the_message_to_a_topic_too_deep_for_it(MqttVersion version)
    {
        using var mosquitto = new MosquittoBroker("");
        var options = new BrokerLinkOptions
        {
            Host = "127.0.0.1",
            Port = mosquitto.Port,
            Version = version,
            ClientId = "sender",
            MinimumPause = TimeSpan.FromMilliseconds(1),
            MaximumPause = TimeSpan.FromMilliseconds(5),
        };
        using var client = new BrokerLink(options, handler: null, _log);
        client.Start();
        Wait.Until(() => client.State == BrokerLinkState.Ready, "ready");
        byte[] deep = Encoding.UTF8.GetBytes(string.Join('/', Enumerable.Repeat("a", 300)));
        for (int i = 0; i < Count; i++)
            client.Publish(new MqttPublish { Topic = i == Poison ? deep : "t"u8, Payload = "1"u8, Qos = 1 });
        Assert.True(client.Drain(TimeSpan.FromSeconds(20)), $"{client.UnconfirmedCount} are left: {client.LastFailure}");
        Assert.Equal((Count - 1, 1), (client.ConfirmedCount, client.RejectedCount));
    }

    [Fact]
    public void A_broker_that_falls_over_without_a_message_in_flight_costs_none()
    {
        var watch = new PoisonWatch();
        for (int i = 0; i < 100; i++)
            Assert.False(watch.Broke(oldest: 5, next: 5));
        Assert.Equal(100, watch.Window(oldest: 5, window: 100));
    }

    [Fact]
    public void Progress_starts_the_count_anew_and_care_lasts_as_long_as_what_was_in_flight()
    {
        var watch = new PoisonWatch();
        Assert.False(watch.Broke(oldest: 0, next: 10));
        Assert.Equal(100, watch.Window(oldest: 0, window: 100));
        Assert.False(watch.Broke(oldest: 0, next: 20));
        for (int message = 0; message < 20; message++)
        {
            Assert.Equal(1, watch.Window(message, window: 100));
            Assert.False(watch.Broke(message, message + 1));
        }
        Assert.Equal(100, watch.Window(oldest: 20, window: 100));
    }

    /// <summary>Takes what comes until the poison does, over which it closes and says so.</summary>
    /// <param name="confirms">Whether the messages before it are confirmed in time.</param>
    private static void Serve(FakeConnection connection, BrokerLink client, byte qos, bool confirms, HashSet<string> taken)
    {
        while (client.UnconfirmedCount > 0)
        {
            (MqttPacketType type, byte flags, byte[] body) = connection.Read();
            if (type == MqttPacketType.Publish)
            {
                Assert.Equal(MqttFault.None, MqttPublish.TryParse(new MqttPacket { Type = type, Flags = flags, Body = body }, MqttVersion.V5, out MqttPublish publish));
                string payload = Encoding.UTF8.GetString(publish.Payload);
                if (payload == $"{Poison}")
                {
                    connection.Send(0xE0, 1, (byte)MqttReasonCode.PacketTooLarge);
                    return;
                }
                if (!confirms)
                    continue;
                taken.Add(payload);
                connection.Send((byte)(qos == 1 ? 0x40 : 0x50), 2, 0, (byte)publish.PacketId);
            }
            else
            {
                connection.Send(0x70, 2, body[0], body[1]);
            }
            if (type == MqttPacketType.Pubrel || qos == 1)
                Wait.Until(() => client.ConfirmedCount == taken.Count, "the confirmation");
        }
    }
}
