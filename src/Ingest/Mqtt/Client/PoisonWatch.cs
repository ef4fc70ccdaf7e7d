namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// Finds the message over which the broker ends the connection at every attempt: one longer than the broker accepts, or to a topic that is
/// not allowed. MQTT 3.1.1 has no other way to refuse; in MQTT 5 only an end whose reason blames a packet counts.
/// </summary>
/// <remarks>
/// The broker may have closed before it confirmed the messages in front of it, so the oldest is only the first suspect: after the second
/// break over it everything that was in flight goes one by one, and one that breaks the connection alone is it. A broker that falls over
/// for its own reasons ends connections too, hence the patience.
/// </remarks>
internal sealed class PoisonWatch
{
    /// <summary>Breaks over the same message after which it is given up; with the pauses between attempts a quarter of a minute at least.</summary>
    public const int Patience = 5;

    private const int Suspicion = 2;

    // Where each refusal ends the connection, what was sent behind the message is sent again for every one of them.
    private const int WindowBehindRefusals = 16;

    private long _suspect = -1;
    private long _carefulBefore;
    private long _slowerBefore;
    private int _breaks;

    /// <summary>Messages that may be in flight.</summary>
    /// <param name="oldest">The oldest unconfirmed message.</param>
    /// <param name="window">Window without suspicion.</param>
    public int Window(long oldest, int window) =>
        oldest < _carefulBefore ? 1 : oldest < _slowerBefore ? Math.Min(WindowBehindRefusals, window) : window;

    /// <summary>A connection has ended behind a message that was refused, or seems to have been.</summary>
    /// <param name="next">The first that had not been sent.</param>
    public void Refused(long next) => _slowerBefore = Math.Max(_slowerBefore, next);

    /// <summary>The broker has ended a connection.</summary>
    /// <param name="oldest">The oldest unconfirmed message.</param>
    /// <param name="next">The first that had not been sent.</param>
    /// <returns>True if the oldest message is to be given up.</returns>
    public bool Broke(long oldest, long next)
    {
        if (oldest >= next)
            return false;   // nothing was in flight
        _breaks = oldest == _suspect ? _breaks + 1 : 1;
        _suspect = oldest;
        if (_breaks >= Suspicion)
            _carefulBefore = Math.Max(_carefulBefore, next);
        return _breaks >= Patience;
    }
}
