using System.Globalization;
using System.Text;

namespace StreamRnn.Ingest.Mqtt.Codec;

/// <summary>
/// MQTT 5.0 section 2.4. Values below 0x80 are success. CONNACK of MQTT 3.1.1 has its own return codes (section 3.2.2.3), which are
/// read and written as the reason codes they correspond to; its SUBACK failure 0x80 is <see cref="UnspecifiedError"/>.
/// </summary>
public enum MqttReasonCode : byte
{
    /// <summary>Also "normal disconnection" and "granted QoS 0".</summary>
    Success = 0x00,
    GrantedQos1 = 0x01,
    GrantedQos2 = 0x02,
    DisconnectWithWill = 0x04,
    NoMatchingSubscribers = 0x10,
    NoSubscriptionExisted = 0x11,
    ContinueAuthentication = 0x18,
    Reauthenticate = 0x19,
    UnspecifiedError = 0x80,
    MalformedPacket = 0x81,
    ProtocolError = 0x82,
    ImplementationSpecificError = 0x83,
    UnsupportedProtocolVersion = 0x84,
    ClientIdentifierNotValid = 0x85,
    BadUserNameOrPassword = 0x86,
    NotAuthorized = 0x87,
    ServerUnavailable = 0x88,
    ServerBusy = 0x89,
    Banned = 0x8A,
    ServerShuttingDown = 0x8B,
    BadAuthenticationMethod = 0x8C,
    KeepAliveTimeout = 0x8D,
    SessionTakenOver = 0x8E,
    TopicFilterInvalid = 0x8F,
    TopicNameInvalid = 0x90,
    PacketIdentifierInUse = 0x91,
    PacketIdentifierNotFound = 0x92,
    ReceiveMaximumExceeded = 0x93,
    TopicAliasInvalid = 0x94,
    PacketTooLarge = 0x95,
    MessageRateTooHigh = 0x96,
    QuotaExceeded = 0x97,
    AdministrativeAction = 0x98,
    PayloadFormatInvalid = 0x99,
    RetainNotSupported = 0x9A,
    QosNotSupported = 0x9B,
    UseAnotherServer = 0x9C,
    ServerMoved = 0x9D,
    SharedSubscriptionsNotSupported = 0x9E,
    ConnectionRateExceeded = 0x9F,
    MaximumConnectTime = 0xA0,
    SubscriptionIdentifiersNotSupported = 0xA1,
    WildcardSubscriptionsNotSupported = 0xA2,
}

internal static class MqttReasonCodes
{
    /// <summary>True if a packet of this type may carry the code, MQTT 5.0 section 2.4.</summary>
    public static bool IsAllowed(MqttPacketType type, MqttVersion version, byte code) => type switch
    {
        MqttPacketType.Suback when version == MqttVersion.V311 => code is <= 0x02 or 0x80,
        MqttPacketType.Suback => code is <= 0x02 or 0x80 or 0x83 or 0x87 or 0x8F or 0x91 or 0x97 or 0x9E or 0xA1 or 0xA2,
        MqttPacketType.Unsuback => code is 0x00 or 0x11 or 0x80 or 0x83 or 0x87 or 0x8F or 0x91,
        MqttPacketType.Connack => code is 0x00 or (>= 0x80 and <= 0x8A) or 0x8C or 0x90 or 0x95 or 0x97 or 0x99 or 0x9A or 0x9B or 0x9C
            or 0x9D or 0x9F,
        MqttPacketType.Disconnect => code is 0x00 or 0x04 or (>= 0x80 and <= 0x83) or 0x87 or 0x89 or 0x8B or (>= 0x8D and <= 0xA2)
            and not (0x91 or 0x92),
        MqttPacketType.Auth => code is 0x00 or 0x18 or 0x19,
        _ => false,
    };

    /// <summary>True for a code that refuses, known or not.</summary>
    public static bool Refuses(this MqttReasonCode code) => (byte)code >= 0x80;

    /// <summary>The code as text: "not authorized (0x87)".</summary>
    public static string InWords(this MqttReasonCode code)
    {
        if (!Enum.IsDefined(code))
            return $"a reason without a name (0x{(byte)code:X2})";
        var words = new StringBuilder();
        foreach (char letter in code.ToString())
            (char.IsUpper(letter) && words.Length > 0 ? words.Append(' ') : words).Append(char.ToLowerInvariant(letter));
        return words.Append(CultureInfo.InvariantCulture, $" (0x{(byte)code:X2})").ToString();
    }

    /// <summary>The CONNACK return code of MQTT 3.1.1 that says most nearly the same.</summary>
    public static byte ToReturnCode(MqttReasonCode code) => code switch
    {
        MqttReasonCode.Success => 0,
        MqttReasonCode.UnsupportedProtocolVersion => 1,
        MqttReasonCode.ClientIdentifierNotValid => 2,
        MqttReasonCode.BadUserNameOrPassword => 4,
        MqttReasonCode.NotAuthorized or MqttReasonCode.Banned => 5,
        _ => 3,
    };

    /// <summary>Null for a return code MQTT 3.1.1 does not have.</summary>
    public static MqttReasonCode? FromReturnCode(byte code) => code switch
    {
        0 => MqttReasonCode.Success,
        1 => MqttReasonCode.UnsupportedProtocolVersion,
        2 => MqttReasonCode.ClientIdentifierNotValid,
        3 => MqttReasonCode.ServerUnavailable,
        4 => MqttReasonCode.BadUserNameOrPassword,
        5 => MqttReasonCode.NotAuthorized,
        _ => null,
    };
}
