using System.Text;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// The message that a broker of MQTT 3.1.1 may have refused: it can only close, and does so right behind the message, mosquitto even behind
/// an acknowledgement that looks like success. One such end proves nothing; three running name a suspect. Not synchronised.
/// </summary>
internal sealed class RefusalSuspect(TimeProvider clock)
{
    // Between a message, or its acknowledgement, and the end of the connection; an outage rarely begins so soon after one, three never do.
    private static readonly TimeSpan RightBehind = TimeSpan.FromSeconds(0.2);

    private readonly byte[] _topic = new byte[1024];
    private int _topicLength;
    private long _lastAt;

    /// <summary>True after an end right behind a message: the next one is to have a topic.</summary>
    public bool NotesTopics { get; private set; }

    /// <summary>Messages have been written.</summary>
    public void Sent() => _lastAt = clock.GetTimestamp();

    /// <summary>The broker has acknowledged a message.</summary>
    /// <param name="topic">Needed only while <see cref="NotesTopics"/>.</param>
    public void Confirmed(ReadOnlySpan<byte> topic)
    {
        _lastAt = clock.GetTimestamp();
        _topicLength = Math.Min(topic.Length, _topic.Length);
        topic[.._topicLength].CopyTo(_topic);
    }

    /// <summary>A connection has ended.</summary>
    /// <param name="blames">True if the broker ended it, and nothing else was wrong.</param>
    /// <param name="confirmed">Messages acknowledged on it.</param>
    /// <param name="oldest">Topic of the oldest message in flight; empty where none was.</param>
    /// <returns>The topic right behind which it ended, empty where that is not known yet; null where it ended otherwise.</returns>
    public string? Ended(bool blames, long confirmed, ReadOnlySpan<byte> oldest)
    {
        NotesTopics = blames && (confirmed > 0 || !oldest.IsEmpty) && clock.GetElapsedTime(_lastAt) <= RightBehind;
        if (!NotesTopics)
            return null;
        return Encoding.UTF8.GetString(confirmed > 0 ? _topic.AsSpan(0, _topicLength) : oldest);
    }
}
