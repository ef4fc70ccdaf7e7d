using System.Net;
using Microsoft.Extensions.Logging;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>Log messages of the broker. Ids 30 to 49, never reused.</summary>
internal static partial class Log
{
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
