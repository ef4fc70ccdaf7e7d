using Microsoft.Extensions.Logging;

namespace StreamRnn.Ingest;

/// <summary>Everything this project logs. Ids: 1 to 9 intake, 10 to 29 MQTT client, 30 to 49 broker; never reused.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "Input refused: {Reason}: {Meaning} (topic {Topic}, {Count} so far). Further ones are counted, not logged.")]
    public static partial void InputRefused(ILogger logger, TickFault reason, string meaning, string topic, long count);
}
