using Microsoft.Extensions.Logging;

namespace StreamRnn.Engine.Telemetry;

/// <summary>Life events of the engine. Ids 400 to 499 are shared with the service, never reused.</summary>
internal static partial class Log
{
    [LoggerMessage(404, LogLevel.Error, "The disk of the data directory is full: intake stands still, QoS 0 is refused, nothing is lost. Make room; the worker goes on by itself.")]
    public static partial void DiskFull(ILogger logger);

    [LoggerMessage(405, LogLevel.Information, "The disk of the data directory has room again: intake goes on.")]
    public static partial void DiskHasRoom(ILogger logger);

    [LoggerMessage(407, LogLevel.Warning, "No snapshot was written ({Error}); the log is kept and the next one is tried in its time.")]
    public static partial void SnapshotFailed(ILogger logger, string error);

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
