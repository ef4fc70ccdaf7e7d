using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// History of a client's connections: the time to wait for the next, and the lines to log, once per episode. Called by the client's thread;
/// any thread may read the counts.
/// </summary>
internal sealed class ConnectionHistory(BrokerLinkOptions options, string broker, ILogger logger)
{
    // A connection that stood for so long was sound; after shorter ones the pauses go on growing.
    private static readonly TimeSpan Sound = TimeSpan.FromSeconds(10);
    private const int SuspiciousConnections = 3;

    // In MQTT 3.1.1 a second client of our id looks like a refusal; the two must not throw each other out as fast as they can connect.
    private static readonly TimeSpan PauseBehindSuspect = TimeSpan.FromSeconds(0.1);

    // So many messages confirmed on one connection say that it did not end over its messages.
    private const int FlowingMessages = 1000;

    private readonly Backoff _backoff = new(options.MinimumPause, options.MaximumPause, new Random(RandomNumberGenerator.GetInt32(int.MaxValue)));
    private bool _lostReported;
    private bool _silent;
    private string? _refusal;
    private bool _sessionLossReported;
    private int _shortConnections;
    private int _unexplained;
    private int _behindSuspects;
    private int _behindRefusals;
    private long _connects;
    private long _sessionsLost;

    /// <summary>Connections made.</summary>
    public long ConnectCount => Interlocked.Read(ref _connects);

    /// <summary>Connections on which the broker no longer knew a session it should have.</summary>
    public long SessionsLostCount => Interlocked.Read(ref _sessionsLost);

    /// <summary>The broker has accepted us.</summary>
    /// <param name="isKnown">True if an earlier run of this process had the session.</param>
    public void Connected(bool sessionPresent, bool isKnown)
    {
        (_refusal, _silent) = (null, false);
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

    /// <summary>The broker has refused CONNECT. Said whenever it is for another reason than the last time.</summary>
    public void Refused(string reason)
    {
        if (_refusal != reason)
            Log.ConnectionRefused(logger, options.ClientId, broker, reason);
        _refusal = reason;
    }

    /// <summary>The broker has not answered CONNECT for a while. Said once until it does.</summary>
    public void Silent(string reason)
    {
        if (!_silent)
            Log.Silent(logger, options.ClientId, broker, reason);
        _silent = true;
    }

    /// <summary>
    /// A connection that was accepted has ended. Tells a sound one from one that ended over a message, and from one that the broker accepts and
    /// drops, as it does when two clients share an id.
    /// </summary>
    public void Stood(TimeSpan duration, in ConnectionEnd end)
    {
        if (duration >= Sound)
        {
            _backoff.Reset();
            (_lostReported, _sessionLossReported, _shortConnections, _unexplained) = (false, false, 0, 0);
        }
        else
        {
            _shortConnections++;
            if (end is { Code: MqttReasonCode.Success, Refused: 0, Suspect: null } && ++_unexplained == SuspiciousConnections)
                Log.DroppedAgain(logger, options.ClientId, broker, SuspiciousConnections);
        }

        _behindRefusals = end.IsBehindRefusal ? _behindRefusals + 1 : 0;
        if (_behindRefusals == SuspiciousConnections)
            Log.EndsBehindRefusals(logger, options.ClientId, broker, SuspiciousConnections);
        _behindSuspects = end is { Suspect: not null, Confirmed: < FlowingMessages } ? _behindSuspects + 1 : 0;
        if (_behindSuspects == SuspiciousConnections)
            Log.MessageSuspected(logger, options.ClientId, broker, SuspiciousConnections, end.Suspect!);
    }

    /// <summary>Records that there is no connection.</summary>
    /// <returns>The time to wait before the next attempt.</returns>
    public TimeSpan Lost(in ConnectionEnd end)
    {
        if (end.IsProgress)
        {
            _backoff.Reset();
            TimeSpan none = end.IsBehindRefusal ? TimeSpan.Zero : PauseBehindSuspect;
            Log.StillLost(logger, options.ClientId, broker, end.Reason, none.TotalSeconds);
            return none;
        }
        TimeSpan pause = _backoff.Next();
        if (_lostReported || _refusal == end.Reason)
            Log.StillLost(logger, options.ClientId, broker, end.Reason, pause.TotalSeconds);
        else
            Log.Lost(logger, options.ClientId, broker, end.Reason);
        _lostReported = true;
        return pause;
    }
}
