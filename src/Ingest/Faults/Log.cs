using Microsoft.Extensions.Logging;

namespace StreamRnn.Ingest.Faults;

/// <summary>Log messages about refused input. Ids 1 to 9, never reused; 10 to 29 are the MQTT client's, 30 to 49 the broker's.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "Input refused: {Reason}: {Meaning} (topic {Topic}, {Count} so far). Further ones are counted, not logged.")]
    public static partial void InputRefused(ILogger logger, string reason, string meaning, string topic, long count);

    [LoggerMessage(2, LogLevel.Information, "Input refused: {Reason}: {Meaning} (topic {Topic}). Further ones are counted, not logged.")]
    public static partial void InputPassedOver(ILogger logger, string reason, string meaning, string topic);
}
