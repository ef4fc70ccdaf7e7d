using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>Topics the broker gave numbers to on this connection, MQTT 5.0 section 3.3.2.3.4.</summary>
internal sealed class TopicAliases
{
    /// <summary>Topic alias maximum sent to the broker: more would save little and cost a topic's length each.</summary>
    public const int Maximum = 64;

    private readonly byte[]?[] _topics = new byte[Maximum + 1][];

    /// <summary>Replaces an alias by its topic, or learns it.</summary>
    /// <returns>False for an alias that was never given, or above the maximum.</returns>
    public bool TryResolve(ref MqttPublish publish)
    {
        int alias = publish.TopicAlias;
        if (alias == 0)
            return true;
        if (alias > Maximum)
            return false;
        if (!publish.Topic.IsEmpty)
        {
            if (!publish.Topic.SequenceEqual(_topics[alias]))
                _topics[alias] = publish.Topic.ToArray();
            return true;
        }
        if (_topics[alias] is not byte[] topic)
            return false;
        publish = new MqttPublish
        {
            Topic = topic,
            Payload = publish.Payload,
            Properties = publish.Properties,
            Qos = publish.Qos,
            Retain = publish.Retain,
            Dup = publish.Dup,
            PacketId = publish.PacketId,
        };
        return true;
    }
}
