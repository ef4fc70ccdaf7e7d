using System.Text;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Broker;
using StreamRnn.Ingest.Tests.Ticks;

namespace StreamRnn.Ingest.Tests.Mqtt.Broker;

/// <summary>The broker against MQTTnet's client, the one that .NET applications use.</summary>
public class MqttNetTests
{
    public static TheoryData<MqttProtocolVersion> Versions => [MqttProtocolVersion.V311, MqttProtocolVersion.V500];

    public static TheoryData<MqttProtocolVersion, int> Combinations
    {
        get
        {
            TheoryData<MqttProtocolVersion, int> all = [];
            foreach (MqttProtocolVersion version in (MqttProtocolVersion[])[MqttProtocolVersion.V311, MqttProtocolVersion.V500])
            {
                for (int qos = 0; qos <= 2; qos++)
                    all.Add(version, qos);
            }
            return all;
        }
    }

    [Theory, MemberData(nameof(Combinations))]
    public async Task What_it_publishes_is_taken_once_in_order_and_confirmed(MqttProtocolVersion version, int qos)
    {
        using var broker = new TestBroker();
        using MqttNetClient client = await Connect(broker, version);
        Task<MqttClientPublishResult>[] published = [.. Enumerable.Range(0, 500).Select(i => client.Publish("plant/pump", $"{i}", qos))];
        foreach (MqttClientPublishResult result in await Task.WhenAll(published))
            Assert.True(result.IsSuccess, $"{result.ReasonCode}");
        for (int i = 0; i < published.Length; i++)
        {
            TakenMessage taken = broker.Take();
            Assert.Equal(("plant/pump", $"{i}", (byte)qos, false), (taken.Topic, taken.Payload, taken.Qos, taken.Dup));
        }
        await client.Disconnect();
        broker.UntilClosed(MqttBrokerClose.ClientDisconnected);
        Assert.Equal(0, broker.UntakenCount);
    }

    [Theory, MemberData(nameof(Combinations))]
    public async Task A_subscriber_gets_every_message_in_order_at_the_quality_it_asked_for(MqttProtocolVersion version, int qos)
    {
        using var broker = new TestBroker();
        broker.Broker.Publish("out/first"u8, "retained"u8, qos: 2, retain: true);
        using MqttNetClient client = await Connect(broker, version);
        Assert.Equal((MqttClientSubscribeResultCode)qos, await client.Subscribe("out/#", qos));
        for (int i = 0; i < 500; i++)
            broker.Broker.Publish("out/next"u8, Encoding.UTF8.GetBytes($"{i}"), qos: 2);

        Assert.Equal(("out/first", "retained", qos, true), Seen(client.Take()));
        for (int i = 0; i < 500; i++)
            Assert.Equal(("out/next", $"{i}", qos, false), Seen(client.Take()));
        await client.ExpectNothing();
    }

    [Theory, MemberData(nameof(Combinations))]
    public async Task Two_clients_speak_through_it_whatever_version_the_other_has(MqttProtocolVersion version, int qos)
    {
        using var broker = new TestBroker();
        using MqttNetClient subscriber = await Connect(broker, version);
        await subscriber.Subscribe("a/+/c", qos);
        foreach (MqttProtocolVersion other in (MqttProtocolVersion[])[MqttProtocolVersion.V311, MqttProtocolVersion.V500])
        {
            using MqttNetClient publisher = await Connect(broker, other);
            await publisher.Publish("a/b/c", $"{other}", qos);
            Assert.Equal(("a/b/c", $"{other}", qos, false), Seen(subscriber.Take()));
        }
        await subscriber.ExpectNothing();
    }

    [Fact]
    public async Task Properties_reach_the_subscriber_as_they_were_sent()
    {
        using var broker = new TestBroker();
        using MqttNetClient subscriber = await Connect(broker, MqttProtocolVersion.V500), publisher = await Connect(broker, MqttProtocolVersion.V500);
        await subscriber.Subscribe("a", identifier: 300);
        await publisher.Publish("a", "{}", qos: 1, with: message => message
            .WithContentType("application/json").WithResponseTopic("answers").WithCorrelationData([1, 2, 3]).WithMessageExpiryInterval(60)
            .WithPayloadFormatIndicator(MqttPayloadFormatIndicator.CharacterData).WithUserProperty("traceparent", (ReadOnlyMemory<byte>)"00-1-2-01"u8.ToArray()));

        MqttApplicationMessage message = subscriber.Take().ApplicationMessage;
        Assert.Equal(("application/json", "answers", 60u, MqttPayloadFormatIndicator.CharacterData),
            (message.ContentType, message.ResponseTopic, message.MessageExpiryInterval, message.PayloadFormatIndicator));
        Assert.Equal([1, 2, 3], message.CorrelationData);
        Assert.Equal([300u], message.SubscriptionIdentifiers);
        MQTTnet.Packets.MqttUserProperty trace = Assert.Single(message.UserProperties);
        Assert.Equal(("traceparent", "00-1-2-01"), (trace.Name, Encoding.UTF8.GetString(trace.ValueBuffer.Span)));
    }

    [Fact]
    public async Task A_topic_alias_stands_for_its_topic()
    {
        using var broker = new TestBroker();
        using MqttNetClient client = await Connect(broker, MqttProtocolVersion.V500);
        Assert.True(client.Connack.TopicAliasMaximum >= 3);
        await client.Publish("a/b", "1", qos: 1, with: message => message.WithTopicAlias(3));
        await client.Publish("", "2", qos: 1, with: message => message.WithTopicAlias(3));
        Assert.Equal([("a/b", "1"), ("a/b", "2")], [Of(broker.Take()), Of(broker.Take())]);

        static (string, string) Of(TakenMessage message) => (message.Topic, message.Payload);
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task A_retained_message_is_sent_to_new_subscribers_until_it_is_cleared(MqttProtocolVersion version)
    {
        using var broker = new TestBroker();
        using MqttNetClient client = await Connect(broker, version), before = await Connect(broker, version);
        await before.Subscribe("status");
        await client.Publish("status", "on", qos: 1, retain: true);
        Assert.Equal(("status", "on", 1, false), Seen(before.Take()));
        using (MqttNetClient after = await Connect(broker, version))
        {
            await after.Subscribe("#");
            Assert.Equal(("status", "on", 1, true), Seen(after.Take()));
        }
        await client.Publish("status", "", qos: 1, retain: true);
        using MqttNetClient last = await Connect(broker, version);
        await last.Subscribe("#");
        await last.ExpectNothing();
    }

    [Fact]
    public async Task The_options_of_a_subscription_are_honoured()
    {
        using var broker = new TestBroker();
        broker.Broker.Publish("a"u8, "old"u8, qos: 1, retain: true);
        using MqttNetClient client = await Connect(broker, MqttProtocolVersion.V500);
        await client.Subscribe("a", retainHandling: MqttRetainHandling.DoNotSendOnSubscribe);
        await client.ExpectNothing();
        await client.Subscribe("a", noLocal: true, retainAsPublished: true, retainHandling: MqttRetainHandling.SendAtSubscribeIfNewSubscriptionOnly);
        await client.Publish("a", "own", qos: 1);
        await client.ExpectNothing();
        broker.Broker.Publish("a"u8, "new"u8, qos: 1, retain: true);
        Assert.Equal(("a", "new", 1, true), Seen(client.Take()));

        Assert.Equal(MqttClientUnsubscribeResultCode.Success, await client.Unsubscribe("a"));
        Assert.Equal(MqttClientUnsubscribeResultCode.NoSubscriptionExisted, await client.Unsubscribe("a"));
        broker.Broker.Publish("a"u8, "unseen"u8, qos: 1);
        await client.ExpectNothing();
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task A_will_is_published_when_the_connection_is_lost_and_not_after_a_disconnect(MqttProtocolVersion version)
    {
        using var broker = new TestBroker();
        using MqttNetClient watcher = await Connect(broker, version);
        await watcher.Subscribe("status/#", qos: 2);
        using (MqttNetClient polite = await Connect(broker, version, options => Will(options, "polite")))
            await polite.Disconnect();
        using (await Connect(broker, version, options => Will(options, "rude")))
        {
        }
        Assert.Equal(("status/rude", "gone", 2, false), Seen(watcher.Take()));
        await watcher.ExpectNothing();
        Assert.Equal(1, broker.Broker.RetainedCount);
        Assert.Equal(0, broker.UntakenCount);
    }

    [Fact]
    public async Task A_disconnect_may_ask_for_the_will()
    {
        using var broker = new TestBroker();
        using MqttNetClient watcher = await Connect(broker, MqttProtocolVersion.V500);
        await watcher.Subscribe("status/#");
        using MqttNetClient client = await Connect(broker, MqttProtocolVersion.V500, options => Will(options, "device").WithWillContentType("text/plain"));
        await client.Disconnect(MqttClientDisconnectOptionsReason.DisconnectWithWillMessage);
        MqttApplicationMessage will = watcher.Take().ApplicationMessage;
        Assert.Equal(("status/device", "gone", "text/plain"), (will.Topic, MqttNetClient.Text(will), will.ContentType));
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task A_session_keeps_its_subscription_and_its_messages_while_the_client_is_away(MqttProtocolVersion version)
    {
        using var broker = new TestBroker();
        using (MqttNetClient client = await Connect(broker, version, Lasting))
        {
            Assert.False(client.Connack.IsSessionPresent);
            await client.Subscribe("a", qos: 2);
            await client.Disconnect();
        }
        broker.UntilClosed(MqttBrokerClose.ClientDisconnected);
        for (int i = 0; i < 100; i++)
            broker.Broker.Publish("a"u8, Encoding.UTF8.GetBytes($"{i}"), qos: (byte)(1 + (i % 2)));

        using MqttNetClient again = await Connect(broker, version, Lasting);
        Assert.True(again.Connack.IsSessionPresent);
        for (int i = 0; i < 100; i++)
            Assert.Equal(("a", $"{i}", 1 + (i % 2), false), Seen(again.Take()));
        await again.ExpectNothing();
        await again.Disconnect();

        using MqttNetClient clean = await Connect(broker, version, options => Lasting(options).WithCleanStart());
        Assert.False(clean.Connack.IsSessionPresent);
        broker.Broker.Publish("a"u8, "unseen"u8, qos: 1);
        await clean.ExpectNothing();
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task What_it_has_not_acknowledged_comes_again_marked_and_with_its_id(MqttProtocolVersion version)
    {
        using var broker = new TestBroker();
        ushort[] ids = new ushort[3];
        using (MqttNetClient client = await Connect(broker, version, Lasting, acknowledges: false))
        {
            await client.Subscribe("a", qos: 1);
            for (int i = 0; i < 3; i++)
                broker.Broker.Publish("a"u8, Encoding.UTF8.GetBytes($"{i}"), qos: 1);
            MqttApplicationMessageReceivedEventArgs[] received = [client.Take(), client.Take(), client.Take()];
            ids = [.. received.Select(message => message.PacketIdentifier)];
            await received[0].AcknowledgeAsync(CancellationToken.None);
            await client.ExpectPong();
        }
        broker.UntilClosed(MqttBrokerClose.ConnectionLost);

        using MqttNetClient again = await Connect(broker, version, Lasting);
        Assert.True(again.Connack.IsSessionPresent);
        for (int i = 1; i < 3; i++)
        {
            MqttApplicationMessageReceivedEventArgs repeated = again.Take();
            Assert.Equal(($"{i}", ids[i], true), (MqttNetClient.Text(repeated.ApplicationMessage), repeated.PacketIdentifier, repeated.ApplicationMessage.Dup));
        }
        await again.ExpectNothing();
    }

    [Fact]
    public async Task It_gets_no_more_unacknowledged_messages_than_its_receive_maximum()
    {
        using var broker = new TestBroker();
        using MqttNetClient client = await Connect(broker, MqttProtocolVersion.V500, options => options.WithReceiveMaximum(5), acknowledges: false);
        await client.Subscribe("a", qos: 2);
        for (int i = 0; i < 7; i++)
            broker.Broker.Publish("a"u8, Encoding.UTF8.GetBytes($"{i}"), qos: 2);
        MqttApplicationMessageReceivedEventArgs[] first = [.. Enumerable.Range(0, 5).Select(_ => client.Take())];
        await client.ExpectNothing();
        await first[0].AcknowledgeAsync(CancellationToken.None);
        Assert.Equal("5", MqttNetClient.Text(client.Take().ApplicationMessage));
        await client.ExpectNothing();
    }

    [Fact]
    public async Task A_shared_subscription_is_refused_in_the_words_of_each_version()
    {
        using var broker = new TestBroker();
        using MqttNetClient client = await Connect(broker, MqttProtocolVersion.V500), old = await Connect(broker, MqttProtocolVersion.V311);
        Assert.False(client.Connack.SharedSubscriptionAvailable);
        Assert.Equal(MqttClientSubscribeResultCode.SharedSubscriptionsNotSupported, await client.Subscribe("$share/group/a"));
        Assert.Equal(MqttClientSubscribeResultCode.UnspecifiedError, await old.Subscribe("$share/group/a"));
        broker.Broker.Publish("a"u8, "unseen"u8, qos: 1);
        await client.ExpectNothing();
        await old.ExpectNothing();
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task A_second_connection_takes_the_client_id_over(MqttProtocolVersion version)
    {
        using var broker = new TestBroker();
        using MqttNetClient first = await Connect(broker, version, options => options.WithClientId("twin"));
        using MqttNetClient second = await Connect(broker, version, options => options.WithClientId("twin"));
        MqttClientDisconnectedEventArgs end = await first.Ended();
        if (version == MqttProtocolVersion.V500)
            Assert.Equal(MqttClientDisconnectReason.SessionTakenOver, end.Reason);
        broker.UntilClosed(MqttBrokerClose.TakenOver);
        await second.ExpectNothing();
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task Credentials_are_asked_for_where_there_are_any(MqttProtocolVersion version)
    {
        using var broker = new TestBroker(new MqttBrokerOptions { UserName = "device", Password = "secret" });
        foreach ((string password, MqttClientConnectResultCode answer) in new[] { ("secret", MqttClientConnectResultCode.Success), ("wrong", MqttClientConnectResultCode.BadUserNameOrPassword) })
        {
            using MqttNetClient client = await Connect(broker, version, options => options.WithCredentials("device", password));
            Assert.Equal(answer, client.Connack.ResultCode);
        }
    }

    [Fact]
    public async Task A_message_over_the_limit_ends_the_connection_by_name_and_the_limit_was_told()
    {
        using var broker = new TestBroker(new MqttBrokerOptions { MaximumPacketBytes = 1000 });
        using MqttNetClient client = await Connect(broker, MqttProtocolVersion.V500);
        Assert.Equal(1000u, client.Connack.MaximumPacketSize);
        await Record.ExceptionAsync(() => client.Publish("a", new string('x', 2000)));   // the answer may come before all of it is written
        Assert.Equal(MqttClientDisconnectReason.PacketTooLarge, (await client.Ended()).Reason);
        Assert.Equal(0, broker.UntakenCount);
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task A_stop_of_the_broker_is_told_to_the_client(MqttProtocolVersion version)
    {
        var broker = new TestBroker();
        using MqttNetClient client = await Connect(broker, version);
        broker.Dispose();
        MqttClientDisconnectedEventArgs end = await client.Ended();
        if (version == MqttProtocolVersion.V500)
            Assert.Equal(MqttClientDisconnectReason.ServerShuttingDown, end.Reason);
    }

    private static Task<MqttNetClient> Connect(TestBroker broker, MqttProtocolVersion version,
        Func<MqttClientOptionsBuilder, MqttClientOptionsBuilder>? with = null, bool acknowledges = true) =>
        MqttNetClient.Connect(broker.Broker.EndPoint!, version, with, acknowledges);

    private static MqttClientOptionsBuilder Lasting(MqttClientOptionsBuilder options) =>
        options.WithClientId("keeper").WithCleanStart(false).WithSessionExpiryInterval(60);

    private static MqttClientOptionsBuilder Will(MqttClientOptionsBuilder options, string device) => options
        .WithWillTopic($"status/{device}").WithWillPayload("gone").WithWillQualityOfServiceLevel(MqttQualityOfServiceLevel.ExactlyOnce).WithWillRetain();

    private static (string Topic, string Payload, int Qos, bool Retain) Seen(MqttApplicationMessageReceivedEventArgs received)
    {
        MqttApplicationMessage message = received.ApplicationMessage;
        return (message.Topic, MqttNetClient.Text(message), (int)message.QualityOfServiceLevel, message.Retain);
    }
}
