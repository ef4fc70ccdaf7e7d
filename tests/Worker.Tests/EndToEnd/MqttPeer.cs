using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>A message as a subscriber gets it.</summary>
internal sealed record Message(string Topic, string Payload, bool Retained, string? ContentType, string? Traceparent);

/// <summary>Whoever is at the other end of the broker: publishes as a device would, and keeps what it is sent.</summary>
internal sealed class MqttPeer : IDisposable
{
    private readonly List<Message> _messages = [];

    /// <param name="filters">What to subscribe to, at QoS 1.</param>
    public MqttPeer(int port, params string[] filters)
    {
        Client = new BrokerLink(
            new BrokerLinkOptions
            {
                Host = "127.0.0.1",
                Port = port,
                ClientId = $"peer-{Guid.NewGuid():n}",
                Subscriptions = [.. filters.Select(filter => new MqttSubscription(filter))],
                MinimumPause = TimeSpan.FromSeconds(0.05),
                MaximumPause = TimeSpan.FromSeconds(0.2),
            },
            Take, NullLogger.Instance);
        Client.Start();
        WaitUntilReady();
    }

    public BrokerLink Client { get; }

    public int Count
    {
        get
        {
            lock (_messages)
                return _messages.Count;
        }
    }

    public Message[] Messages
    {
        get
        {
            lock (_messages)
                return [.. _messages];
        }
    }

    public void WaitUntilReady() => Wait.Until(() => Client.State == BrokerLinkState.Ready, "the peer is connected");

    public void Publish(string topic, string payload, byte qos = 1, bool retain = false) =>
        Publish(Encoding.UTF8.GetBytes(topic), Encoding.UTF8.GetBytes(payload), qos, retain);

    public void Publish(byte[] topic, byte[] payload, byte qos = 1, bool retain = false, MqttProperties properties = default) =>
        Client.Publish(new MqttPublish { Topic = topic, Payload = payload, Qos = qos, Retain = retain, Properties = properties });

    /// <summary>Waits until the broker has confirmed everything published.</summary>
    public void Drain() => Assert.True(Client.Drain(TimeSpan.FromSeconds(60)), $"the broker has not confirmed {Client.UnconfirmedCount} messages");

    public void WaitFor(int count, string what) => Wait.Until(() => Count >= count, $"{count} {what}", seconds: 60);

    public Message WaitFor(Func<Message, bool> condition, string what)
    {
        Message? found = null;
        Wait.Until(() => (found = Messages.FirstOrDefault(condition)) is not null, what);
        return found!;
    }

    public void Dispose() => Client.Dispose();

    private void Take(in MqttPublish publish, in MqttPublishContext context)
    {
        Message message = new(Encoding.UTF8.GetString(publish.Topic), Encoding.UTF8.GetString(publish.Payload), publish.Retain,
            publish.Properties.TryGet(MqttPropertyId.ContentType, out ReadOnlySpan<byte> contentType) ? Encoding.UTF8.GetString(contentType) : null,
            publish.Properties.TryGetUser("traceparent"u8, out ReadOnlySpan<byte> trace) ? Encoding.ASCII.GetString(trace) : null);
        lock (_messages)
            _messages.Add(message);
        if (publish.Qos > 0)
            context.Ledger.TryOpen(publish.PacketId, publish.Qos, tickCount: 0);
    }
}
