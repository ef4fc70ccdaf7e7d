using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>Limits from a broker's CONNACK, MQTT 5.0 section 3.2.2.3; an absent limit is none, as in MQTT 3.1.1.</summary>
/// <param name="ReceiveMaximum">Messages at QoS 1 it takes unconfirmed.</param>
/// <param name="KeepAliveSeconds">Its own keep-alive, which replaces ours; 0 where it has none.</param>
internal readonly record struct BrokerLimits(int ReceiveMaximum, int MaximumPacketBytes, byte MaximumQos, bool RetainAvailable, int KeepAliveSeconds)
{
    public static BrokerLimits From(MqttProperties properties) => new(
        (int)properties.NumberOr(MqttPropertyId.ReceiveMaximum, ushort.MaxValue),
        (int)Math.Min(properties.NumberOr(MqttPropertyId.MaximumPacketSize, int.MaxValue), int.MaxValue),
        (byte)properties.NumberOr(MqttPropertyId.MaximumQos, 2),
        properties.NumberOr(MqttPropertyId.RetainAvailable, 1) != 0,
        (int)properties.NumberOr(MqttPropertyId.ServerKeepAlive, 0));
}
