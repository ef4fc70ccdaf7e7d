using System.Security.Cryptography;
using Microsoft.Extensions.Logging;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// How the connections of a client went: how long to wait for the next, and what there is to say, once per episode. Called by the client's thread;
/// the counts any thread may read.
/// </summary>
internal sealed class ConnectionHistory(BrokerLinkOptions options, string broker, ILogger logger)
{
    // A connection that stood for so long was sound; after shorter ones the pauses go on growing.
    private static readonly TimeSpan Sound = TimeSpan.FromSeconds(10);
    private const int SuspiciousConnections = 3;

    private readonly Backoff _backoff = new(options.MinimumPause, options.MaximumPause, new Random(RandomNumberGenerator.GetInt32(int.MaxValue)));
    private bool _lostReported;
    private bool _sessionLossReported;
    private int _shortConnections;
    private long _connects;
    private long _sessionsLost;

    /// <summary>Connections made.</summary>
    public long ConnectCount => Interlocked.Read(ref _connects);

    /// <summary>Connections on which the broker no longer knew a session it should have.</summary>
    public long SessionsLostCount => Interlocked.Read(ref _sessionsLost);

    /// <summary>The broker has accepted us.</summary>
    /// <param name="isKnown">Whether an earlier run of this process had the session.</param>
    public void Connected(bool sessionPresent, bool isKnown)
    {
        bool isLost = (ConnectCount > 0 || isKnown) && !sessionPresent && !options.CleanStart;
        Interlocked.Increment(ref _connects);
        if (_shortConnections < SuspiciousConnections)
            Log.Connected(logger, options.ClientId, broker, sessionPresent ? "resumed" : "new");
        if (!isLost)
            return;
        Interlocked.Increment(ref _sessionsLost);
        if (!_sessionLossReported)
            Log.SessionLost(logger, options.ClientId, broker);
        _sessionLossReported = true;
    }

    /// <summary>A connection that was accepted has ended. Tells a sound one from one that the broker accepts and drops, as it does when two clients share an id.</summary>
    public void Stood(TimeSpan duration)
    {
        if (duration >= Sound)
        {
            _backoff.Reset();
            (_lostReported, _sessionLossReported, _shortConnections) = (false, false, 0);
        }
        else if (++_shortConnections == SuspiciousConnections)
        {
            Log.DroppedAgain(logger, options.ClientId, broker, SuspiciousConnections);
        }
    }

    /// <summary>There is no connection.</summary>
    /// <returns>How long to wait before the next attempt.</returns>
    public TimeSpan Lost(string reason)
    {
        TimeSpan pause = _backoff.Next();
        if (_lostReported)
            Log.StillLost(logger, options.ClientId, broker, reason, pause.TotalSeconds);
        else
            Log.Lost(logger, options.ClientId, broker, reason);
        _lostReported = true;
        return pause;
    }
}
