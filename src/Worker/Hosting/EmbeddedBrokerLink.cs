using System.Net;
using Microsoft.Extensions.Logging;
using StreamRnn.Engine;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Broker;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Worker.Configuration;

namespace StreamRnn.Worker.Hosting;

/// <summary>The broker inside the worker: devices publish to it and readers subscribe to its forecasts. It waits for no socket.</summary>
internal sealed class EmbeddedBrokerLink : IBrokerLink
{
    private readonly MqttBroker _broker;
    private readonly OutputMessage.Sender _send;   // made once: a method group would allocate for every message
    private readonly TickTraces _traces;
    private readonly NoticeCodec _notices;
    private readonly bool _withStatus;
    private readonly bool _retains;
    private long _outputs;

    public EmbeddedBrokerLink(StreamRnnOptions options, MqttPublishHandler handler, FaultCounters faults, TickTraces traces, WorkerMetrics metrics,
        ILoggerFactory loggers, IDeliveryJournal? journal)
    {
        _traces = traces;
        _notices = new NoticeCodec(options.Publish.Prefix);
        (_withStatus, _retains) = (options.Publish.Status, options.Publish.Retain);
        _broker = new MqttBroker(LinkOptions.Broker(options), handler, loggers.CreateLogger<MqttBroker>(), faults: faults, journal: journal);
        _send = _broker.Gather;
        metrics.ObserveBroker(_broker);
    }

    public string Name => "broker";

    public string Description => $"broker on {EndPoint}";

    public bool IsReady => EndPoint is not null;

    public string? Trouble => null;

    /// <summary>Address of the broker, with the free port that was found where 0 was asked for; null before the start.</summary>
    public IPEndPoint? EndPoint => _broker.EndPoint;

    /// <summary>The broker is here: an output that was handed over is taken. Whether a reader has it is the business of that reader's session.</summary>
    public PublishOutcome Outputs
    {
        get
        {
            long outputs = Volatile.Read(ref _outputs);
            return new PublishOutcome(outputs, Confirmed: outputs, Rejected: 0, Dropped: 0);
        }
    }

    public void StartSending()
    {
        // Whoever has a session is sent to as soon as it is there.
    }

    public void Start()
    {
        try
        {
            _broker.Start();
        }
        catch (InvalidOperationException e)
        {
            throw new CommandFailedException(e.Message);
        }
        Say(NoticeCodec.Online);
    }

    public void Send(ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload, Delivery delivery, int trace)
    {
        OutputMessage.Send(_send, topic, payload, delivery, trace, _traces);
        Volatile.Write(ref _outputs, _outputs + 1);   // one thread at a time
    }

    /// <summary>The worker's gate is enough: a broker that goes on answering others ends no session.</summary>
    public void StopTakingIn()
    {
    }

    public ISessionJournal? Sessions => _broker.Sessions;

    public void Mark(long position, Action<long> confirmed)
    {
        // Retained forecasts are on disk in snapshots alone: what follows the last one is published again.
        if (!_retains)
            _broker.Mark(position, confirmed);
    }

    public void Notify(ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload) => _broker.Publish(topic, payload);

    public void Flush() => MqttBroker.Flush();

    public void Complete()
    {
        Say(NoticeCodec.Offline);
        _broker.Drain();
    }

    public void Dispose() => _broker.Dispose();

    private void Say(ReadOnlySpan<byte> status)
    {
        if (_withStatus)
            _broker.Publish(_notices.StatusTopic, status, qos: 1, retain: true);
    }
}
