using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Worker.Hosting;

/// <summary>An output as an MQTT message: its content type, and the trace it belongs to where its tick was sampled.</summary>
internal static class OutputMessage
{
    public delegate void Sender(in MqttPublish publish);

    public static void Send(
        Sender send, ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload, Delivery delivery, int trace, TickTraces traces)
    {
        MqttPropertyWriter properties = new(stackalloc byte[128]);
        properties.Bytes(MqttPropertyId.ContentType, "application/json"u8);
        Span<byte> traceparent = stackalloc byte[TickTraces.TraceparentBytes];
        if (trace != 0 && traces.TryPublish(trace, topic, traceparent))
            properties.User("traceparent"u8, traceparent);
        send(new MqttPublish
        {
            Topic = topic,
            Payload = payload,
            Qos = delivery.Qos,
            Retain = delivery.Retain,
            Properties = properties.Properties,
        });
    }
}
