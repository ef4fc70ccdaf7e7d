using Microsoft.Extensions.Logging;

namespace StreamRnn.Worker.Hosting;

/// <summary>Life events of the service. Ids 400 to 499 are shared with the engine, never reused.</summary>
internal static partial class Log
{
    [LoggerMessage(400, LogLevel.Information, "Started: link {Link}, {Shards} shards, model {Model}.")]
    public static partial void Started(ILogger logger, string link, int shards, string model);

    [LoggerMessage(401, LogLevel.Information, "Drained: {Accepted} accepted, {Stepped} stepped, {Published} outputs: {Confirmed} confirmed, {Rejected} refused by the broker, {Unconfirmed} unconfirmed{More}.")]
    public static partial void Drained(ILogger logger, long accepted, long stepped, long published, long confirmed, long rejected, long unconfirmed, string more);

    [LoggerMessage(415, LogLevel.Warning, "Drained: {Accepted} accepted, {Stepped} stepped, {Published} outputs: {Confirmed} confirmed, {Rejected} refused by the broker, {Unconfirmed} unconfirmed{More}.")]
    public static partial void DrainedWithLoss(ILogger logger, long accepted, long stepped, long published, long confirmed, long rejected, long unconfirmed, string more);

    [LoggerMessage(416, LogLevel.Warning, "MQTT 3.1.1 to {Broker}: it cannot say that a message is refused. 'Confirmed' then means taken, not kept: an output that an access list or a size limit refuses looks the same. Mqtt:Version V5 tells them apart.")]
    public static partial void RefusalsUnseen(ILogger logger, string broker);

    [LoggerMessage(402, LogLevel.Warning, "The password travels to {Host} in the clear: anybody on the way can read it. Set Mqtt:Tls:Enabled, or write mqtts:// or wss://.")]
    public static partial void PasswordExposed(ILogger logger, string host);

    [LoggerMessage(403, LogLevel.Information, "{What} on {Address}.")]
    public static partial void Serving(ILogger logger, string what, string address);

    [LoggerMessage(406, LogLevel.Information, "Recovered {Streams} streams from {Folder}: {Ticks} ticks are stepped again.")]
    public static partial void Recovered(ILogger logger, int streams, string folder, long ticks);

    [LoggerMessage(408, LogLevel.Warning, "There is no control socket ({Error}): 'streamrnn state reset' works only while this worker is stopped.")]
    public static partial void NoControlSocket(ILogger logger, string error);

    [LoggerMessage(409, LogLevel.Information, "Reset '{Pattern}': {Streams} streams begin anew.")]
    public static partial void StreamsReset(ILogger logger, string pattern, int streams);
}
