using System.Buffers.Binary;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Tests.Mqtt.Client;

/// <summary>The client against a real mosquitto.</summary>
[Trait("speed", "slow")]
public sealed class MqttClientBrokerTests(MosquittoBroker broker) : IClassFixture<MosquittoBroker>
{
    private static int _topics;
    private readonly string _topic = $"test/{Interlocked.Increment(ref _topics)}";

    [Theory]
    [InlineData(MqttVersion.V5, 1)]
    [InlineData(MqttVersion.V5, 0)]
    [InlineData(MqttVersion.V311, 1)]
    [InlineData(MqttVersion.V5, 2)]
    [InlineData(MqttVersion.V311, 2)]
    public void What_is_published_arrives_once_and_in_order(MqttVersion version, byte qos)
    {
        // mosquitto takes 20 messages at QoS 2 at a time from a client of 3.1.1, and waits for TCP between.
        int count = qos == 2 && version == MqttVersion.V311 ? 500 : 5000;
        var sink = new NumberSink();
        using BrokerLink receiver = Start(Receiver(version) with { Subscriptions = [new(_topic + "/#", qos)] }, sink.Receive);
        using BrokerLink publisher = Start(Publisher(version), null);
        for (int i = 0; i < count; i++)
        {
            publisher.Publish(Numbered($"{_topic}/{i % 10}", i, qos));
            if (i % 200 == 199)
                publisher.Flush();
        }
        Assert.True(publisher.Drain(TimeSpan.FromSeconds(20)));
        Wait.Until(() => sink.Count == count, $"{count} messages, of which {sink.Count} came");
        Assert.Equal(Enumerable.Range(0, count), sink.Numbers());
        Assert.Equal(qos > 0 ? count : 0, publisher.ConfirmedCount);
        Assert.Equal((count, 0, 0), (publisher.PublishedCount, publisher.DroppedCount, publisher.UnconfirmedCount));
        Assert.Equal(count, receiver.ReceivedCount);
    }

    [Fact]
    public void A_message_that_is_not_done_with_comes_again_in_the_next_session()
    {
        var sink = new NumberSink { CompleteUpTo = 60 };
        BrokerLinkOptions options = Receiver(MqttVersion.V5) with { Subscriptions = [new(_topic)] };
        using (BrokerLink receiver = Start(options, sink.Receive))
        {
            using BrokerLink publisher = Start(Publisher(MqttVersion.V5), null);
            for (int i = 0; i < 100; i++)
                publisher.Publish(Numbered(_topic, i, 1));
            Assert.True(publisher.Drain(TimeSpan.FromSeconds(20)));
            Wait.Until(() => sink.Count == 100, "100 messages without waiting for acknowledgements");
            receiver.StopReceiving();
        }

        var again = new NumberSink();
        using (Start(options, again.Receive))
            Wait.Until(() => again.Numbers() is [.., 99], $"the 40 unacknowledged messages; {again.Count} came");
        // mosquitto may see the new connection before it reads the last acknowledgements of the old one.
        int first = again.Numbers()[0];
        Assert.InRange(first, 1, 60);
        Assert.Equal(Enumerable.Range(first, 100 - first), again.Numbers());
    }

    [Fact]
    public void A_broker_that_goes_and_comes_back_costs_no_message()
    {
        using var own = new MosquittoBroker();
        const int Count = 4000;
        var sink = new NumberSink();
        using BrokerLink receiver = Start(Receiver(MqttVersion.V5, own.Port) with { Subscriptions = [new(_topic)] }, sink.Receive);
        using BrokerLink publisher = Start(Publisher(MqttVersion.V5, own.Port) with { CleanStart = false }, null);
        for (int i = 0; i < Count; i++)
        {
            publisher.Publish(Numbered(_topic, i, 1));
            publisher.Flush();
            if (i == Count / 2)
            {
                own.Stop();
                Wait.Until(() => receiver.State == BrokerLinkState.Connecting && publisher.State == BrokerLinkState.Connecting, "both notice");
            }
            if (i == Count / 2 + 500)
                own.Start();
        }
        Assert.True(publisher.Drain(TimeSpan.FromSeconds(20)));
        Wait.Until(() => sink.Distinct == Count, $"{Count} different messages, of which {sink.Distinct} came");
        int[] numbers = sink.Numbers();
        int[] firsts = [.. numbers.Distinct()];
        Assert.Equal(Enumerable.Range(0, Count), firsts);   // in order, apart from repeats
        Assert.Equal((2, 0), (receiver.ConnectCount, receiver.SessionsLostCount));
        Assert.Equal(Count, publisher.PublishedCount);
    }

    [Theory]
    [InlineData(MqttVersion.V5, 1)]
    [InlineData(MqttVersion.V5, 2)]
    [InlineData(MqttVersion.V311, 2)]
    public void Connections_cut_in_the_middle_of_everything_lose_nothing_and_at_QoS_2_double_nothing(MqttVersion version, byte qos)
    {
        const int Seed = 7, Count = 600;
        using var proxy = new CuttingProxy(broker.Port, Seed);
        var sink = new NumberSink();
        using BrokerLink receiver = Start(Receiver(version, proxy.Port) with { Subscriptions = [new(_topic, qos)] }, sink.Receive);
        using BrokerLink publisher = Start(Publisher(version, proxy.Port) with { CleanStart = false }, null);
        for (int i = 0; i < Count; i++)
        {
            publisher.Publish(Numbered(_topic, i, qos));
            publisher.Flush();
            if (i % 60 == 30)
                proxy.CutSoon();
            if (i % 60 == 59)
                Wait.Until(() => proxy.CutCount == (i + 1) / 60, $"seed {Seed}: cut {(i + 1) / 60}");
        }
        Assert.True(publisher.Drain(TimeSpan.FromSeconds(20)), $"seed {Seed}: {publisher.UnconfirmedCount} unconfirmed");
        Wait.Until(() => sink.Distinct == Count, $"{Count} different messages, of which {sink.Distinct} came");
        if (qos == 2)
            Assert.Equal(Enumerable.Range(0, Count), sink.Numbers());
        Assert.Equal(Enumerable.Range(0, Count), sink.Numbers().Distinct());
        Assert.Equal(0, receiver.SessionsLostCount + publisher.SessionsLostCount);
    }

    [Fact]
    public void Retained_messages_come_marked_and_only_with_a_new_subscription()
    {
        using BrokerLink publisher = Start(Publisher(MqttVersion.V5), null);
        publisher.Publish(new MqttPublish { Topic = Encoding.UTF8.GetBytes(_topic), Payload = "0000"u8, Qos = 1, Retain = true });
        Assert.True(publisher.Drain(TimeSpan.FromSeconds(20)));
        BrokerLinkOptions options = Receiver(MqttVersion.V5) with { Subscriptions = [new(_topic)] };
        int retained = 0;
        void Receive(in MqttPublish publish, in MqttPublishContext context)
        {
            retained += publish.Retain ? 1 : 0;
            context.Ledger.TryOpen(publish.PacketId, publish.Qos, 0);
        }
        using (Start(options, Receive))
            Wait.Until(() => retained == 1, "the retained message");

        var sink = new NumberSink();
        using (Start(options, sink.Receive))   // the same session: subscribing again brings nothing
        {
            publisher.Publish(Numbered(_topic, 7, 1));
            publisher.Flush();
            Wait.Until(() => sink.Count > 0, "a live message");
            Assert.Equal([7], sink.Numbers());
        }
    }

    private BrokerLinkOptions Receiver(MqttVersion version, int? port = null) =>
        Options("receiver", version, port ?? broker.Port);

    private BrokerLinkOptions Publisher(MqttVersion version, int? port = null) =>
        Options("publisher", version, port ?? broker.Port) with { CleanStart = true };

    private BrokerLinkOptions Options(string role, MqttVersion version, int port) => new()
    {
        Host = "127.0.0.1",
        Port = port,
        Version = version,
        ClientId = $"{role}-{_topic.Replace('/', '-')}",
        MinimumPause = TimeSpan.FromMilliseconds(20),
        MaximumPause = TimeSpan.FromMilliseconds(200),
    };

    private static BrokerLink Start(BrokerLinkOptions options, MqttPublishHandler? handler)
    {
        var client = new BrokerLink(options, handler, NullLogger.Instance);
        client.Start();
        Wait.Until(() => client.State == BrokerLinkState.Ready, $"{options.ClientId} is ready ({client.LastFailure})");
        return client;
    }

    private static MqttPublish Numbered(string topic, int number, byte qos)
    {
        byte[] payload = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(payload, number);
        return new MqttPublish { Topic = Encoding.UTF8.GetBytes(topic), Payload = payload, Qos = qos };
    }

    /// <summary>Keeps the numbers that arrive and acknowledges them.</summary>
    private sealed class NumberSink
    {
        private readonly List<int> _numbers = [];
        private readonly HashSet<int> _distinct = [];

        public int CompleteUpTo { get; init; } = int.MaxValue;

        public int Count
        {
            get
            {
                lock (_numbers)
                    return _numbers.Count;
            }
        }

        public int Distinct
        {
            get
            {
                lock (_numbers)
                    return _distinct.Count;
            }
        }

        public int[] Numbers()
        {
            lock (_numbers)
                return [.. _numbers];
        }

        public void Receive(in MqttPublish publish, in MqttPublishContext context)
        {
            int number = BinaryPrimitives.ReadInt32LittleEndian(publish.Payload);
            lock (_numbers)
            {
                _numbers.Add(number);
                _distinct.Add(number);
            }
            if (publish.Qos == 0)
                return;
            long packet = context.Ledger.TryOpen(publish.PacketId, publish.Qos, 1);
            if (number < CompleteUpTo)
                context.Ledger.Complete(packet);
        }
    }
}
