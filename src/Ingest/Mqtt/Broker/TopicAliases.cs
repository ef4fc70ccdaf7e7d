using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>Numbers that stand for topics on one connection, MQTT 5.0 section 3.3.2.3.4.</summary>
/// <param name="maximum">The highest number, as announced in CONNACK.</param>
internal sealed class TopicAliases(int maximum)
{
    /// <summary>A longer topic cannot have an alias: the table is kept as long as the connection.</summary>
    private const int MaximumTopicBytes = 1024;

    private readonly byte[]?[] _topics = new byte[]?[maximum];

    /// <summary>Notes the alias of a message that has a topic too, and gives one that has no topic the alias's.</summary>
    /// <returns>False when the alias is out of bounds or stands for nothing.</returns>
    public bool TryResolve(ref MqttPublish publish)
    {
        int alias = publish.Properties.IsEmpty ? 0 : publish.TopicAlias;
        if (alias == 0)
            return true;
        if (alias > _topics.Length || publish.Topic.Length > MaximumTopicBytes)
            return false;

        ref byte[]? topic = ref _topics[alias - 1];
        if (!publish.Topic.IsEmpty && !publish.Topic.SequenceEqual(topic))
            topic = publish.Topic.ToArray();
        if (topic is null)
            return false;
        publish = publish with { Topic = topic };
        return true;
    }
}
