namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>Limits a recurring reason to one log line per episode: the next line follows a quiet spell and has the count.</summary>
internal sealed class LogEpisodes
{
    private const long QuietMilliseconds = 10_000;

    private readonly Lock _lock = new();
    private readonly (long LastAt, long Suppressed)[] _episodes = new (long, long)[Enum.GetValues<MqttBrokerClose>().Length];

    /// <param name="now">Milliseconds on the broker's clock.</param>
    /// <param name="suppressed">Recurrences since the last line.</param>
    public bool Begins(MqttBrokerClose reason, long now, out long suppressed)
    {
        lock (_lock)
        {
            ref (long LastAt, long Suppressed) episode = ref _episodes[(int)reason];
            bool begins = episode.LastAt == 0 || now - episode.LastAt >= QuietMilliseconds;
            suppressed = episode.Suppressed;
            episode = (Math.Max(now, 1), begins ? 0 : suppressed + 1);
            return begins;
        }
    }
}
