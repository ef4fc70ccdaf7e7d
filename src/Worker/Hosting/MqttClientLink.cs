using System.Text;
using Microsoft.Extensions.Logging;
using StreamRnn.Ingest;
using StreamRnn.Ingest.Mqtt;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Worker.Configuration;
using StreamRnn.Worker.Publish;
using StreamRnn.Worker.Telemetry;

namespace StreamRnn.Worker.Hosting;

/// <summary>
/// A broker elsewhere, over two connections: one receives and acknowledges, the other publishes. One that did both would wait for
/// itself: its handler for a full shard, the shard for the publisher, and that for a confirmation behind the handler's message.
/// </summary>
internal sealed class MqttClientLink : IBrokerLink
{
    // The broker may be gone for good; what it has not confirmed by then it will not confirm.
    private static readonly TimeSpan LastConfirmations = TimeSpan.FromSeconds(10);

    private readonly MqttClient _receiver;
    private readonly MqttClient _sender;
    private readonly TickTraces _traces;
    private readonly WorkerMetrics _metrics;
    private readonly NoticeCodec _notices;
    private readonly bool _withStatus;

    public MqttClientLink(StreamRnnOptions options, MqttPublishHandler handler, FaultCounters faults, TickTraces traces, WorkerMetrics metrics,
        ILoggerFactory loggers, TimeProvider clock)
    {
        (_traces, _metrics) = (traces, metrics);
        _notices = new NoticeCodec(options.Publish.Prefix);
        _withStatus = options.Publish.Status;

        MqttOptions mqtt = options.Mqtt;
        MqttClientOptions connection = new()
        {
            Host = mqtt.Host!,
            Port = mqtt.Port,
            Version = mqtt.Version,
            ClientId = mqtt.ClientId,
            Username = mqtt.Username,
            Password = PasswordFile.Read(mqtt.PasswordFile),
            Tls = mqtt.Tls.Enabled
                ? new MqttTlsOptions
                {
                    CaFile = mqtt.Tls.CaFile,
                    CertificateFile = mqtt.Tls.CertificateFile,
                    KeyFile = mqtt.Tls.KeyFile,
                    AllowUntrusted = mqtt.Tls.AllowUntrusted,
                }
                : null,
            KeepAlive = mqtt.KeepAlive,
            SessionExpiry = mqtt.SessionExpiry,
        };
        ILogger logger = loggers.CreateLogger<MqttClient>();
        _receiver = new MqttClient(
            connection with { Subscriptions = [.. mqtt.EffectiveSubscriptions.Select(s => new MqttSubscription(s.Filter, (byte)s.Qos))] },
            handler, logger, clock, faults)
        {
            StateChanged = state => Count(state, "mqtt_in"),
        };
        _sender = new MqttClient(
            connection with
            {
                ClientId = mqtt.ClientId + "-out",
                Will = _withStatus ? new MqttWill(Encoding.UTF8.GetString(_notices.StatusTopic), NoticeCodec.Offline.ToArray()) : null,
            },
            handler: null, logger, clock, faults)
        {
            StateChanged = state =>
            {
                Count(state, "mqtt_out");
                if (state == MqttClientState.Ready)
                    Say(NoticeCodec.Online);
            },
        };
    }

    public string Name => "mqtt";

    public bool IsReady => _receiver.State == MqttClientState.Ready && _sender.State == MqttClientState.Ready;

    public void Start()
    {
        _sender.Start();
        _receiver.Start();
    }

    public void Send(ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload, Delivery delivery, int trace) =>
        OutputMessage.Send(_sender.Publish, topic, payload, delivery, trace, _traces);

    public void Notify(ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload)
    {
        if (_sender.TryPublish(new MqttPublish { Topic = topic, Payload = payload }))
            _sender.Flush();
    }

    public void Flush() => _sender.Flush();

    public void Complete()
    {
        Say(NoticeCodec.Offline);
        _sender.Drain(LastConfirmations);
    }

    public void Dispose()
    {
        _receiver.Dispose();
        _sender.Dispose();
    }

    private void Say(ReadOnlySpan<byte> status)
    {
        if (_withStatus && _sender.TryPublish(new MqttPublish { Topic = _notices.StatusTopic, Payload = status, Qos = 1, Retain = true }))
            _sender.Flush();
    }

    private void Count(MqttClientState state, string link)
    {
        if (state == MqttClientState.Connected)
            _metrics.Connected(link);
    }
}
