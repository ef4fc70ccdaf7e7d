using System.Net;
using Microsoft.Extensions.Logging;
using StreamRnn.Ingest.Mqtt;
using StreamRnn.Ingest.Mqtt.Broker;

namespace StreamRnn.Ingest;

/// <summary>Log messages of this project. Ids: 1 to 9 intake, 10 to 29 MQTT client, 30 to 49 broker; never reused.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "Input refused: {Reason}: {Meaning} (topic {Topic}, {Count} so far). Further ones are counted, not logged.")]
    public static partial void InputRefused(ILogger logger, string reason, string meaning, string topic, long count);

    [LoggerMessage(2, LogLevel.Information, "Input refused: {Reason}: {Meaning} (topic {Topic}). Further ones are counted, not logged.")]
    public static partial void InputPassedOver(ILogger logger, string reason, string meaning, string topic);

    [LoggerMessage(30, LogLevel.Information, "MQTT broker listens on {EndPoint}.")]
    public static partial void Listening(ILogger logger, EndPoint endPoint);

    [LoggerMessage(31, LogLevel.Information, "MQTT broker stopped.")]
    public static partial void Stopped(ILogger logger);

    [LoggerMessage(32, LogLevel.Debug, "MQTT client {ClientId} connected from {Remote} ({Version}, session present: {SessionPresent}).")]
    public static partial void ClientConnected(ILogger logger, string clientId, EndPoint? remote, MqttVersion version, bool sessionPresent);

    [LoggerMessage(33, LogLevel.Debug, "MQTT client {ClientId} left: {Reason}.")]
    public static partial void ClientLeft(ILogger logger, string clientId, MqttBrokerClose reason);

    [LoggerMessage(34, LogLevel.Warning,
        "MQTT client {ClientId} at {Remote} was disconnected: {Reason}, {Detail}. {Suppressed} more for this reason since the last line.")]
    public static partial void ClientRefused(
        ILogger logger, string clientId, EndPoint? remote, MqttBrokerClose reason, string detail, long suppressed);

    [LoggerMessage(35, LogLevel.Warning, "MQTT broker cannot accept a connection: {Error}.")]
    public static partial void AcceptFailed(ILogger logger, string error);
}
