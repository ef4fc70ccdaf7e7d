using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>The last retained message of each topic, bounded in number and bytes. Not synchronised.</summary>
internal sealed class RetainedMessages(int maximumCount, int maximumBytes)
{
    private readonly Dictionary<byte[], BrokerMessage> _messages = new(Utf8KeyComparer.Instance);
    private long _bytes;

    public int Count => _messages.Count;

    /// <summary>Keeps the message in place of its topic's last one; an empty payload only removes that.</summary>
    /// <returns>False when the store is full.</returns>
    public bool TryStore(BrokerMessage message)
    {
        var byTopic = _messages.GetAlternateLookup<ReadOnlySpan<byte>>();
        if (byTopic.Remove(message.Topic, out _, out BrokerMessage? previous))
            _bytes -= previous.Size;
        if (message.Payload.IsEmpty)
            return true;
        if (_messages.Count >= maximumCount || _bytes + message.Size > maximumBytes)
            return false;

        byTopic[message.Topic] = message;
        _bytes += message.Size;
        return true;
    }

    public IEnumerable<BrokerMessage> All(long now) => _messages.Values.Where(message => message.ExpiresAt > now);

    /// <summary>Adds to the list the messages a filter selects.</summary>
    public void Match(ReadOnlySpan<byte> filter, long now, List<BrokerMessage> into)
    {
        if (!MqttTopic.HasWildcard(filter))
        {
            if (_messages.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(filter, out BrokerMessage? message) && message.ExpiresAt > now)
                into.Add(message);
            return;
        }

        foreach (BrokerMessage message in _messages.Values)
        {
            if (message.ExpiresAt > now && MqttTopic.Matches(filter, message.Topic))
                into.Add(message);
        }
    }

    public void RemoveExpired(long now)
    {
        foreach ((byte[] topic, BrokerMessage message) in _messages)
        {
            if (message.ExpiresAt > now)
                continue;
            _messages.Remove(topic);
            _bytes -= message.Size;
        }
    }
}
