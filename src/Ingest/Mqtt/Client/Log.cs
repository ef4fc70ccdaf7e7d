using Microsoft.Extensions.Logging;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>Life events of the client. Ids 100 to 199, never reused.</summary>
internal static partial class Log
{
    [LoggerMessage(100, LogLevel.Information, "{ClientId}: connected to {Broker}, session {Session}.")]
    public static partial void Connected(ILogger logger, string clientId, string broker, string session);

    [LoggerMessage(101, LogLevel.Warning, "{ClientId}: {Broker} is gone: {Reason}. Trying again until it is back.")]
    public static partial void Lost(ILogger logger, string clientId, string broker, string reason);

    [LoggerMessage(102, LogLevel.Debug, "{ClientId}: still no connection to {Broker}: {Reason}. Next attempt in {Seconds:0.0} s.")]
    public static partial void StillLost(ILogger logger, string clientId, string broker, string reason, double seconds);

    [LoggerMessage(103, LogLevel.Error, "{ClientId}: stopped: {Reason}.")]
    public static partial void Stopped(ILogger logger, string clientId, string reason);

    [LoggerMessage(104, LogLevel.Warning, "{ClientId}: {Broker} has forgotten our session: messages of the meantime may be missing.")]
    public static partial void SessionLost(ILogger logger, string clientId, string broker);

    [LoggerMessage(105, LogLevel.Error, "{ClientId}: {Broker} refuses the subscription to '{Filter}': {Reason}.")]
    public static partial void SubscriptionRefused(ILogger logger, string clientId, string broker, string filter, MqttReasonCode reason);

    [LoggerMessage(106, LogLevel.Warning, "{ClientId}: {Broker} grants '{Filter}' QoS {Granted} instead of {Asked}: messages can be lost on the way.")]
    public static partial void SubscriptionWeakened(ILogger logger, string clientId, string broker, string filter, int granted, int asked);

    [LoggerMessage(107, LogLevel.Warning, "{ClientId}: the filters '{One}' and '{Other}' overlap: a broker may deliver a message once for each, and it would step twice.")]
    public static partial void Overlap(ILogger logger, string clientId, string one, string other);

    [LoggerMessage(108, LogLevel.Information, "{ClientId}: left {Broker}.")]
    public static partial void Left(ILogger logger, string clientId, string broker);

    [LoggerMessage(110, LogLevel.Warning, "{ClientId}: {Broker} has accepted and dropped us {Count} times; does another client use our client id? Trying on, without a line for each time.")]
    public static partial void DroppedAgain(ILogger logger, string clientId, string broker, int count);

    [LoggerMessage(111, LogLevel.Error, "{ClientId}: {Broker} has ended the connection {Count} times over one message, to {Topic}: it is given up. Is it longer than the broker takes, or the topic not allowed to us?")]
    public static partial void MessageGivenUp(ILogger logger, string clientId, string broker, int count, string topic);

    [LoggerMessage(112, LogLevel.Warning, "{ClientId}: {Broker} refuses a message to {Topic}: {Reason}. It is given up, and others to {Prefix} are too, without a line for each (streamrnn.messages.rejected, {Total} so far).")]
    public static partial void MessageRefused(ILogger logger, string clientId, string broker, string topic, string reason, string prefix, long total);

    [LoggerMessage(113, LogLevel.Warning, "{ClientId}: {Broker} has ended the connection {Count} times right behind a message that it refuses. Trying on; mosquitto does it with max_queued_messages 0, a large number spares it.")]
    public static partial void EndsBehindRefusals(ILogger logger, string clientId, string broker, int count);

    [LoggerMessage(114, LogLevel.Warning, "{ClientId}: {Broker} has closed the connection {Count} times right behind a message, the last to {Topic}. Is the topic not allowed to us, the message too long, or our client id used twice? MQTT 3.1.1 cannot say; Mqtt:Version V5 can. Trying on, without a line for each time.")]
    public static partial void MessageSuspected(ILogger logger, string clientId, string broker, int count, string topic);

    [LoggerMessage(120, LogLevel.Warning, "{ClientId}: {Broker}: {Reason}. Trying on.")]
    public static partial void Silent(ILogger logger, string clientId, string broker, string reason);

    [LoggerMessage(121, LogLevel.Warning, "{ClientId}: {Broker} refuses the connection: {Reason}. Trying again until it is accepted, without a line for each time.")]
    public static partial void ConnectionRefused(ILogger logger, string clientId, string broker, string reason);
}
