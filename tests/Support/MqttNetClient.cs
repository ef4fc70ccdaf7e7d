using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Text;
using MQTTnet;
using MQTTnet.Diagnostics.PacketInspection;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace StreamRnn.Support;

/// <summary>MQTTnet's client, as an application uses it. Messages are kept until the test takes them.</summary>
public sealed class MqttNetClient : IDisposable
{
    private const int PublishPacket = 3;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    private readonly IMqttClient _client = new MqttClientFactory().CreateMqttClient();
    private readonly BlockingCollection<MqttApplicationMessageReceivedEventArgs> _received = [];
    private readonly TaskCompletionSource<MqttClientDisconnectedEventArgs> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private long _arrived;
    private long _taken;

    private MqttNetClient(bool acknowledges)
    {
        // Counted as packets are read: messages reach the event later, on another thread.
        _client.InspectPacketAsync += packet =>
        {
            if (packet.Direction == MqttPacketFlowDirection.Inbound && packet.Buffer[0] >> 4 == PublishPacket)
                Interlocked.Increment(ref _arrived);
            return Task.CompletedTask;
        };
        _client.ApplicationMessageReceivedAsync += message =>
        {
            message.AutoAcknowledge = acknowledges;
            _received.Add(message);
            return Task.CompletedTask;
        };
        _client.DisconnectedAsync += end =>
        {
            _ended.TrySetResult(end);
            return Task.CompletedTask;
        };
    }

    /// <summary>Answer of the broker to CONNECT.</summary>
    public MqttClientConnectResult Connack { get; private set; } = null!;

    /// <param name="with">Options beyond address and version; a clean session unless they say otherwise.</param>
    /// <param name="acknowledges">False: the test acknowledges each message itself.</param>
    public static async Task<MqttNetClient> Connect(IPEndPoint broker, MqttProtocolVersion version, Func<MqttClientOptionsBuilder, MqttClientOptionsBuilder>? with = null, bool acknowledges = true)
    {
        MqttClientOptionsBuilder options = new MqttClientOptionsBuilder()
            .WithTcpServer(broker.Address.ToString(), broker.Port).WithProtocolVersion(version).WithTimeout(Deadline).WithCleanStart();
        with?.Invoke(options);
        MqttNetClient client = new(acknowledges);
        client.Connack = await client._client.ConnectAsync(options.Build()).WaitAsync(Deadline);
        return client;
    }

    public Task<MqttClientPublishResult> Publish(string topic, string payload, int qos = 0, bool retain = false, Action<MqttApplicationMessageBuilder>? with = null)
    {
        MqttApplicationMessageBuilder message = new MqttApplicationMessageBuilder()
            .WithTopic(topic).WithPayload(payload).WithQualityOfServiceLevel((MqttQualityOfServiceLevel)qos).WithRetainFlag(retain);
        with?.Invoke(message);
        return _client.PublishAsync(message.Build()).WaitAsync(Deadline);
    }

    public async Task<MqttClientSubscribeResultCode> Subscribe(string filter, int qos = 1, bool noLocal = false, bool retainAsPublished = false,
        MqttRetainHandling retainHandling = MqttRetainHandling.SendAtSubscribe, uint identifier = 0)
    {
        MqttClientSubscribeOptionsBuilder options = new MqttClientSubscribeOptionsBuilder()
            .WithTopicFilter(filter, (MqttQualityOfServiceLevel)qos, noLocal, retainAsPublished, retainHandling);
        if (identifier > 0)
            options.WithSubscriptionIdentifier(identifier);
        MqttClientSubscribeResult result = await _client.SubscribeAsync(options.Build()).WaitAsync(Deadline);
        return Assert.Single(result.Items).ResultCode;
    }

    public async Task<MqttClientUnsubscribeResultCode> Unsubscribe(string filter) =>
        Assert.Single((await _client.UnsubscribeAsync(filter).WaitAsync(Deadline)).Items).ResultCode;

    public MqttApplicationMessageReceivedEventArgs Take()
    {
        Assert.True(_received.TryTake(out MqttApplicationMessageReceivedEventArgs? message, Deadline), "no message arrived in time");
        _taken++;
        return message;
    }

    /// <summary>Topic and text of the next message.</summary>
    public (string Topic, string Payload) TakeText()
    {
        MqttApplicationMessage message = Take().ApplicationMessage;
        return (message.Topic, Text(message));
    }

    public static string Text(MqttApplicationMessage message) => Encoding.UTF8.GetString(message.Payload.ToArray());

    /// <summary>Waits for the answer to a PINGREQ: the broker has handled all that was sent before it.</summary>
    public Task ExpectPong() => _client.PingAsync().WaitAsync(Deadline);

    /// <summary>Waits for the answer to a PINGREQ and checks that no message but those taken came before it.</summary>
    public async Task ExpectNothing()
    {
        await ExpectPong();
        Assert.Equal(_taken, Interlocked.Read(ref _arrived));
    }

    public Task<MqttClientDisconnectedEventArgs> Ended() => _ended.Task.WaitAsync(Deadline);

    public Task Disconnect(MqttClientDisconnectOptionsReason reason = MqttClientDisconnectOptionsReason.NormalDisconnection) =>
        _client.DisconnectAsync(reason).WaitAsync(Deadline);

    /// <summary>Leaves without DISCONNECT where it is still connected.</summary>
    public void Dispose()
    {
        _client.Dispose();
        _received.Dispose();
    }
}
