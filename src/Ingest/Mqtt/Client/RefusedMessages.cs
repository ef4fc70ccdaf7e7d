using Microsoft.Extensions.Logging;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// Messages of ours that the broker will not have: counted by reason code, and said once an episode for each code and topic prefix. An
/// episode ends when none came for a minute. The owner holds its lock while it calls; the counts any thread may read.
/// </summary>
internal sealed class RefusedMessages(BrokerLinkOptions options, string broker, ILogger logger, TimeProvider clock)
{
    /// <summary>Levels of a topic that make its prefix: the worker's own and the first of the stream.</summary>
    private const int PrefixLevels = 2;

    // Prefixes are the devices' to invent; beyond so many at a time refusals are counted only.
    private const int MostEpisodes = 64;

    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(1);

    private readonly long[] _counts = new long[256];
    private readonly List<Episode> _episodes = [];

    /// <summary>Refusals for this code.</summary>
    public long Of(MqttReasonCode code) => Interlocked.Read(ref _counts[(byte)code]);

    /// <summary>Refusals for all codes.</summary>
    public long Total
    {
        get
        {
            long total = 0;
            for (int code = 0; code < _counts.Length; code++)
                total += Of((MqttReasonCode)code);
            return total;
        }
    }

    /// <summary>Counts a refusal that is said elsewhere.</summary>
    /// <param name="code">Success for a message over which the broker ended the connection without a code.</param>
    public long Count(MqttReasonCode code) => Interlocked.Increment(ref _counts[(byte)code]);

    /// <summary>Counts a refusal and says it if it begins an episode.</summary>
    /// <param name="text">The broker's own words, UTF-8; empty where it has none.</param>
    /// <param name="length">Bytes of its packet.</param>
    public void Note(MqttReasonCode code, ReadOnlySpan<byte> topic, ReadOnlySpan<byte> text, int length)
    {
        long total = Count(code);
        ReadOnlySpan<byte> prefix = PrefixOf(topic);
        if (!Begins(code, prefix) || !logger.IsEnabled(LogLevel.Warning))
            return;
        string name = FaultCounters.Printable(topic);
        string words = text.IsEmpty ? code.InWords() : $"{code.InWords()}, \"{FaultCounters.Printable(text)}\"";
        Log.MessageRefused(logger, options.ClientId, broker, name, words + Cure(code, name, length), FaultCounters.Printable(prefix), total);
    }

    private string Cure(MqttReasonCode code, string topic, int length) => code switch
    {
        MqttReasonCode.NotAuthorized => $": the broker's access list does not let {options.Username ?? "clients without a user name"} write {topic}",
        MqttReasonCode.PacketTooLarge => $": longer than the broker's message_size_limit ({length} bytes)",
        _ => "",
    };

    /// <summary>Adds a refusal to its episode.</summary>
    /// <returns>True for the first of an episode.</returns>
    private bool Begins(MqttReasonCode code, ReadOnlySpan<byte> prefix)
    {
        long now = clock.GetTimestamp();
        Episode? over = null;
        foreach (Episode episode in _episodes)
        {
            bool isOver = clock.GetElapsedTime(episode.LastAt, now) >= Quiet;
            if (episode.Code == code && prefix.SequenceEqual(episode.Prefix))
            {
                episode.LastAt = now;
                return isOver;
            }
            if (isOver)
                over = episode;
        }
        if (over is not null)
            _episodes.Remove(over);
        if (_episodes.Count == MostEpisodes)
            return false;
        _episodes.Add(new Episode(code, prefix.ToArray()) { LastAt = now });
        return true;
    }

    private static ReadOnlySpan<byte> PrefixOf(ReadOnlySpan<byte> topic)
    {
        int length = 0;
        for (int level = 0; level < PrefixLevels; level++)
        {
            int slash = topic[length..].IndexOf((byte)'/');
            if (slash < 0)
                return topic;
            length += slash + 1;
        }
        return topic[..(length - 1)];
    }

    private sealed class Episode(MqttReasonCode code, byte[] prefix)
    {
        public MqttReasonCode Code { get; } = code;

        public byte[] Prefix { get; } = prefix;

        public long LastAt { get; set; }
    }
}
