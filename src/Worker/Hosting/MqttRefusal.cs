using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Worker.Configuration;

namespace StreamRnn.Worker.Hosting;

/// <summary>
/// Refusals of a broker that another attempt does not cure, and their remedies. A worker refused in this way at its first connection ends
/// at once with the reason, rather than stay without ever being ready.
/// </summary>
internal static class MqttRefusal
{
    /// <summary>Remedy for a refused connection; null where the next attempt may succeed.</summary>
    public static string? OfConnection(MqttReasonCode code, MqttOptions mqtt) => code switch
    {
        MqttReasonCode.BadUserNameOrPassword or MqttReasonCode.NotAuthorized or MqttReasonCode.Banned or MqttReasonCode.BadAuthenticationMethod =>
            mqtt.Username is null
                ? "Mqtt:Username and Mqtt:PasswordFile are not set"
                : $"user {mqtt.Username} of Mqtt:Username, password in {mqtt.PasswordFile ?? "no Mqtt:PasswordFile"}, client id {mqtt.ClientId}",
        MqttReasonCode.UnsupportedProtocolVersion => "Mqtt:Version V311 does",
        MqttReasonCode.ClientIdentifierNotValid => $"choose another Mqtt:ClientId than {mqtt.ClientId}",
        _ => null,
    };

    /// <summary>Remedy of a refused subscription; null where the next attempt may succeed.</summary>
    public static string? OfSubscription(MqttReasonCode code) =>
        code is MqttReasonCode.QuotaExceeded or MqttReasonCode.ImplementationSpecificError
            ? null
            : "allow it there, or name what is allowed in Mqtt:Subscriptions or --subscribe";

    public static string TakenOver(MqttOptions mqtt) =>
        $"{mqtt.Address}: another client connected as {mqtt.ClientId}; give each worker a Mqtt:ClientId of its own";
}
