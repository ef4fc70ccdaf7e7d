namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// Pauses between attempts: doubling from a minimum to a maximum, each shortened by up to a half at random, so that a fleet that lost its
/// broker together does not come back together.
/// </summary>
internal sealed class Backoff(TimeSpan minimum, TimeSpan maximum, Random random)
{
    private int _attempts;

    public void Reset() => _attempts = 0;

    public TimeSpan Next()
    {
        double seconds = Math.Min(maximum.TotalSeconds, minimum.TotalSeconds * (1L << _attempts));
        _attempts = Math.Min(_attempts + 1, 30);
        return TimeSpan.FromSeconds(seconds * (0.5 + 0.5 * random.NextDouble()));
    }
}
