namespace StreamRnn.Ingest.Mqtt.Codec;

/// <summary>Topic names and filters, MQTT 5.0 section 4.7, on UTF-8 bytes. Levels are separated by '/'; an empty level is a level.</summary>
public static class MqttTopic
{
    /// <summary>First level of a shared subscription, <c>$share/GROUP/FILTER</c>.</summary>
    public static ReadOnlySpan<byte> SharePrefix => "$share/"u8;

    /// <summary>True if a message may be published to the name: not empty, not too long, no wildcard, no U+0000.</summary>
    public static bool IsName(ReadOnlySpan<byte> topic) =>
        !topic.IsEmpty && topic.Length <= ushort.MaxValue && !topic.ContainsAny((byte)'+', (byte)'#', (byte)0);

    /// <summary>True if the filter is valid: '+' alone in its level, '#' alone in the last one.</summary>
    public static bool IsFilter(ReadOnlySpan<byte> filter)
    {
        if (filter.IsEmpty || filter.Length > ushort.MaxValue || filter.Contains((byte)0))
            return false;

        for (int i = 0; i < filter.Length; i++)
        {
            if (filter[i] is not ((byte)'+' or (byte)'#'))
                continue;
            bool first = i == 0 || filter[i - 1] == '/';
            bool last = i == filter.Length - 1;
            if (!first || !(last || (filter[i] == '+' && filter[i + 1] == '/')))
                return false;
        }
        return true;
    }

    public static bool HasWildcard(ReadOnlySpan<byte> filter) => filter.ContainsAny((byte)'+', (byte)'#');

    /// <summary>
    /// True if a valid filter selects a valid name. "a/#" selects "a" too; a wildcard in the first level does not select a name that begins
    /// with '$' [MQTT-4.7.2-1].
    /// </summary>
    public static bool Matches(ReadOnlySpan<byte> filter, ReadOnlySpan<byte> topic)
    {
        if (filter.IsEmpty || topic.IsEmpty || (topic[0] == '$' && filter[0] is ((byte)'+' or (byte)'#')))
            return false;

        while (true)
        {
            int filterEnd = filter.IndexOf((byte)'/');
            int topicEnd = topic.IndexOf((byte)'/');
            ReadOnlySpan<byte> wanted = filterEnd < 0 ? filter : filter[..filterEnd];
            ReadOnlySpan<byte> level = topicEnd < 0 ? topic : topic[..topicEnd];

            if (wanted.SequenceEqual("#"u8))
                return true;
            if (!wanted.SequenceEqual("+"u8) && !wanted.SequenceEqual(level))
                return false;
            if (topicEnd < 0)
                return filterEnd < 0 || filter[filterEnd..].SequenceEqual("/#"u8);
            if (filterEnd < 0)
                return false;

            filter = filter[(filterEnd + 1)..];
            topic = topic[(topicEnd + 1)..];
        }
    }
}
