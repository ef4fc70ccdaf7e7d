using Microsoft.Extensions.Logging;

namespace StreamRnn.Worker.Telemetry;

/// <summary>Life events of the worker. Ids 400 to 499, never reused.</summary>
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

    [LoggerMessage(404, LogLevel.Error, "The disk of the data directory is full: intake stands still, QoS 0 is refused, nothing is lost. Make room; the worker goes on by itself.")]
    public static partial void DiskFull(ILogger logger);

    [LoggerMessage(405, LogLevel.Information, "The disk of the data directory has room again: intake goes on.")]
    public static partial void DiskHasRoom(ILogger logger);

    [LoggerMessage(407, LogLevel.Warning, "No snapshot was written ({Error}); the log is kept and the next one is tried in its time.")]
    public static partial void SnapshotFailed(ILogger logger, string error);

    [LoggerMessage(406, LogLevel.Information, "Recovered {Streams} streams from {Folder}: {Ticks} ticks are stepped again.")]
    public static partial void Recovered(ILogger logger, int streams, string folder, long ticks);

    [LoggerMessage(408, LogLevel.Warning, "There is no control socket ({Error}): 'streamrnn state reset' works only while this worker is stopped.")]
    public static partial void NoControlSocket(ILogger logger, string error);

    [LoggerMessage(409, LogLevel.Information, "Reset '{Pattern}': {Streams} streams begin anew.")]
    public static partial void StreamsReset(ILogger logger, string pattern, int streams);

    [LoggerMessage(412, LogLevel.Error, "The disk of the data directory has no room for the streams that Limits:StreamsInMemory keeps out of memory: intake stands still, nothing is lost. Make room; the worker goes on by itself.")]
    public static partial void ColdRowsDiskFull(ILogger logger);

    [LoggerMessage(413, LogLevel.Information, "The disk of the data directory has room for idle streams again: intake goes on.")]
    public static partial void ColdRowsHaveRoom(ILogger logger);

    [LoggerMessage(414, LogLevel.Information, "Models or rules have changed: {Change}.")]
    public static partial void SetupChanged(ILogger logger, string change);

    [LoggerMessage(410, LogLevel.Error, "The recording ends here ({Error}): what comes is stepped and published, and no more recorded. Make room and start again to go on.")]
    public static partial void RecordingEnded(ILogger logger, string error);

    [LoggerMessage(411, LogLevel.Warning, "The recording of {Stream} cannot begin with its first tick, nor may others: a replay of such a file (NAME~PART@N.csv) begins anew in the middle.")]
    public static partial void RecordingBeginsLate(ILogger logger, string stream);
}
