using Microsoft.Extensions.Logging;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Worker.Configuration;

namespace StreamRnn.Worker.Hosting;

/// <summary>
/// A broker elsewhere, over two connections: one receives and acknowledges, the other publishes. One that did both would wait for
/// itself: its handler for a full shard, the shard for the publisher, and that for a confirmation behind the handler's message.
/// </summary>
internal sealed class MqttClientLink : IBrokerLink
{
    // The broker may be gone for good; what it has not confirmed by then it will not confirm.
    private static readonly TimeSpan LastConfirmations = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan FirstOnlinePause = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestOnlinePause = TimeSpan.FromMinutes(1);

    private readonly MqttOptions _mqtt;
    private readonly BrokerLink _receiver;
    private readonly BrokerLink _sender;
    private readonly OutputMessage.Sender _send;   // made once: a method group would allocate for every message
    private readonly TickTraces _traces;
    private readonly ILogger _logger;
    private readonly WorkerMetrics _metrics;
    private readonly NoticeCodec _notices;
    private readonly Action<string> _failed;
    private readonly bool _withStatus;
    private readonly ITimer _onlineLater;
    private TimeSpan _onlinePause = FirstOnlinePause;
    private volatile bool _waitsForOnline;
    private volatile bool _owesOnline;
    private volatile bool _stopping;

    /// <param name="failed">Receives the reason, with the remedy, when a further attempt to connect is of no use; must not block.</param>
    public MqttClientLink(StreamRnnOptions options, MqttPublishHandler handler, Action<string> failed, TickTraces traces, WorkerMetrics metrics,
        ILoggerFactory loggers, TimeProvider clock, IDeliveryJournal? journal)
    {
        (_mqtt, _failed, _traces, _metrics) = (options.Mqtt, failed, traces, metrics);
        _notices = new NoticeCodec(options.Publish.Prefix);
        _withStatus = options.Publish.Status;
        _onlineLater = clock.CreateTimer(_ => OnlineIsDue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        _logger = loggers.CreateLogger<MqttClientLink>();
        ILogger logger = loggers.CreateLogger<BrokerLink>();
        bool received = false, sent = false;   // whether each has worked once: what a broker refuses later may be its own trouble
        _receiver = new BrokerLink(LinkOptions.Receiver(options), handler, logger, clock, journal)
        {
            StateChanged = state =>
            {
                received |= state == BrokerLinkState.Ready;
                Note(state, "mqtt_in");
            },
            Refused = code => Judge(code, _receiver!, received),
        };
        _sender = new BrokerLink(LinkOptions.Sender(options), handler: null, logger, clock)
        {
            StateChanged = state =>
            {
                sent |= state == BrokerLinkState.Ready;
                Note(state, "mqtt_out");
                if (state == BrokerLinkState.Ready)
                    Online();
            },
            Refused = code => Judge(code, _sender!, sent),
        };
        _send = _sender.Publish;
        metrics.ObserveClients(("mqtt_in", _receiver), ("mqtt_out", _sender));
    }

    public string Name => "mqtt";

    public string Description => $"connected to {_mqtt.Address}";

    public bool IsReady => _receiver.State == BrokerLinkState.Ready && (_sender.State == BrokerLinkState.Ready || _sender.ResumesAtOnce);

    public string? Trouble => IsReady ? null
        : Of(_receiver) is string reason ? $"{_mqtt.Address}: {reason}"
        : Of(_sender) is string other ? $"{_mqtt.Address}: {other}"
        : null;

    public PublishOutcome Outputs => _sender.Outputs;

    public void StartSending()
    {
        if (_mqtt.Version == MqttVersion.V311)
            Log.RefusalsUnseen(_logger, $"{_mqtt.Address}");
        _sender.Start();
    }

    public void Start() => _receiver.Start();

    public void Send(ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload, Delivery delivery, int trace) =>
        OutputMessage.Send(_send, topic, payload, delivery, trace, _traces);

    public void StopTakingIn() => _receiver.StopReceiving();

    public ISessionJournal? Sessions => null;

    public void Mark(long position, Action<long> confirmed) => _sender.Mark(position, confirmed);

    public void Notify(ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload)
    {
        if (_sender.TryPublish(new MqttPublish { Topic = topic, Payload = payload }, isOutput: false))
            _sender.Flush();
    }

    public void Flush()
    {
        if (_owesOnline)
            SayOnline();
        _sender.Flush();
    }

    public void Complete()
    {
        // Where there is no connection, the last will has said it.
        if (_sender.State == BrokerLinkState.Ready)
            Say(NoticeCodec.Offline);
        _sender.Drain(LastConfirmations);
    }

    public void Dispose()
    {
        _stopping = true;
        _onlineLater.Dispose();
        _receiver.Dispose();
        _sender.Dispose();
    }

    private static string? Of(BrokerLink link) => link.State == BrokerLinkState.Ready ? null : link.LastFailure;

    /// <summary>
    /// The broker accepted us. Where the connection before ended over a message, that was perhaps the one that says online: it is said later, and
    /// later again, or a broker that refuses it would be connected to and ended by it for ever.
    /// </summary>
    private void Online()
    {
        if (!_sender.ResumesAtOnce)
        {
            _onlinePause = FirstOnlinePause;
            SayOnline();
        }
        else if (!_waitsForOnline)
        {
            _waitsForOnline = true;
            _onlineLater.Change(_onlinePause, Timeout.InfiniteTimeSpan);
            _onlinePause = _onlinePause * 2 < LongestOnlinePause ? _onlinePause * 2 : LongestOnlinePause;
        }
    }

    private void OnlineIsDue()
    {
        _waitsForOnline = false;
        SayOnline();
    }

    /// <summary>
    /// Publishes the status. After an outage the buffer may be full of forecasts; the status then follows when there is room.
    /// </summary>
    private void SayOnline() => _owesOnline = !Say(NoticeCodec.Online);

    private bool Say(ReadOnlySpan<byte> status)
    {
        if (!_withStatus)
            return true;
        if (!_sender.TryPublish(new MqttPublish { Topic = _notices.StatusTopic, Payload = status, Qos = 1, Retain = true }, isOutput: false))
            return false;
        _sender.Flush();
        return true;
    }

    private void Note(BrokerLinkState state, string link)
    {
        if (state == BrokerLinkState.Connected)
            _metrics.Connected(link);
        else if (state == BrokerLinkState.Stopped && !_stopping)
            _failed(MqttRefusal.TakenOver(_mqtt));
    }

    /// <returns>True to keep trying.</returns>
    private bool Judge(MqttReasonCode code, BrokerLink client, bool worked)
    {
        string? remedy = client.State == BrokerLinkState.Connecting ? MqttRefusal.OfConnection(code, _mqtt) : MqttRefusal.OfSubscription(code);
        if (worked || remedy is null)
            return true;
        _failed($"{_mqtt.Address}: {client.LastFailure}; {remedy}");
        return false;
    }
}
