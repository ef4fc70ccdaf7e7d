using System.Diagnostics.Metrics;
using System.Text.Json;
using StreamRnn.Ingest.Mqtt.Broker;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Engine.Telemetry;

/// <summary>Counters of the MQTT layer, read by observable instruments.</summary>
public sealed partial class WorkerMetrics
{
    private static readonly KeyValuePair<string, object?>[] CloseReasons = ReasonsOf<MqttBrokerClose>();
    private static readonly KeyValuePair<string, object?>[] DropReasons = ReasonsOf<MqttBrokerDrop>();

    // MQTT 5.0 section 3.4.2.1, and the one that mosquitto adds.
    private static readonly MqttReasonCode[] PubackRefusals =
    [
        MqttReasonCode.UnspecifiedError, MqttReasonCode.ImplementationSpecificError, MqttReasonCode.NotAuthorized, MqttReasonCode.TopicNameInvalid,
        MqttReasonCode.PacketIdentifierInUse, MqttReasonCode.PacketTooLarge, MqttReasonCode.QuotaExceeded, MqttReasonCode.PayloadFormatInvalid,
    ];

    /// <summary>Shows the connections to a broker elsewhere.</summary>
    /// <remarks>
    /// At QoS 1 and 2: published = confirmed + rejected + unconfirmed. A message at QoS 0 is published and, once written, forgotten. A dropped
    /// message was never published. Of rejected messages every code that PUBACK has is shown from the first message on, so that the first refusal is a rise.
    /// </remarks>
    public void ObserveClients(params (string Link, BrokerLink Client)[] clients)
    {
        Count("streamrnn.messages.received", "Messages handed over by the broker, by link.", client => client.ReceivedCount);
        Count("streamrnn.messages.published", "Messages taken for sending, by link.", client => client.PublishedCount);
        Count("streamrnn.messages.confirmed", "Messages above QoS 0 that the broker has, by link.", client => client.ConfirmedCount);
        _meter.CreateObservableCounter("streamrnn.messages.rejected", () => clients.SelectMany(entry => Rejected(entry.Link, entry.Client)), "{message}",
            "Messages that the broker refused, by link and reason code; 0x87 is an access list, 0x95 a limit of size.");
        Count("streamrnn.messages.dropped", "Messages never sent, by link: at QoS 0 without a connection, or larger than the buffer.", client => client.DroppedCount);
        _meter.CreateObservableGauge("streamrnn.messages.unconfirmed", () => Of(client => client.UnconfirmedCount), "{message}",
            "Messages taken and not yet confirmed by the broker, by link.");
        _meter.CreateObservableCounter("streamrnn.sessions.lost", () => Of(client => client.SessionsLostCount), "{session}",
            "Connections on which the broker had forgotten the session, by link; messages of the meantime are missing.");
        _meter.CreateObservableCounter("streamrnn.protocol.errors", () => Of(client => client.ProtocolErrorCount), "{error}",
            "Connections ended because the broker sent what is not MQTT, by link.");

        void Count(string name, string description, Func<BrokerLink, long> count) =>
            _meter.CreateObservableCounter(name, () => Of(count), "{message}", description);

        IEnumerable<Measurement<long>> Of(Func<BrokerLink, long> count) =>
            clients.Select(entry => new Measurement<long>(count(entry.Client), Tag("link", entry.Link)));
    }

    private static IEnumerable<Measurement<long>> Rejected(string link, BrokerLink client)
    {
        for (int code = 0; code <= byte.MaxValue; code++)
        {
            long count = client.RejectedBy((MqttReasonCode)code);
            if (count > 0 || (client.PublishedCount > 0 && PubackRefusals.Contains((MqttReasonCode)code)))
                yield return new Measurement<long>(count, Tag("link", link), Tag("code", code == 0 ? "none" : $"0x{code:X2}"));
        }
    }

    /// <summary>Shows the embedded broker.</summary>
    /// <remarks>Connections accepted = open + closed, over all reasons.</remarks>
    public void ObserveBroker(MqttBroker broker)
    {
        MqttBrokerCounters counters = broker.Counters;
        _meter.CreateObservableGauge("streamrnn.broker.connections", () => broker.ConnectionCount, "{connection}", "Connections that are open.");
        _meter.CreateObservableGauge("streamrnn.broker.sessions", () => broker.SessionCount, "{session}", "Sessions kept, connected or not.");
        _meter.CreateObservableGauge("streamrnn.broker.retained", () => broker.RetainedCount, "{message}", "Retained messages kept.");
        _meter.CreateObservableCounter("streamrnn.broker.connections.accepted", () => counters.ConnectionsAccepted, "{connection}",
            "Connections accepted, those turned away at once included.");
        _meter.CreateObservableCounter("streamrnn.broker.connections.closed",
            () => CloseReasons.Skip(1).Select((reason, i) => new Measurement<long>(counters.Closed((MqttBrokerClose)(i + 1)), reason)),
            "{connection}", "Connections ended or turned away, by reason.");
        _meter.CreateObservableCounter("streamrnn.broker.messages.received", () => counters.MessagesReceived, "{message}", "Messages taken from clients.");
        _meter.CreateObservableCounter("streamrnn.broker.messages.sent", () => counters.MessagesSent, "{message}", "Messages sent to clients, repeats included.");
        _meter.CreateObservableCounter("streamrnn.broker.messages.dropped",
            () => DropReasons.Select((reason, i) => new Measurement<long>(counters.Dropped((MqttBrokerDrop)i), reason)),
            "{message}", "Deliveries to clients that were not made, by reason.");
    }

    // One tag for each value of an enumeration whose numbers run from 0.
    private static KeyValuePair<string, object?>[] ReasonsOf<T>() where T : struct, Enum =>
        [.. Enum.GetNames<T>().Select(name => Tag("reason", JsonNamingPolicy.SnakeCaseLower.ConvertName(name)))];
}
