namespace StreamRnn.Ingest.Mqtt.Codec;

/// <summary>Properties of MQTT 5, section 2.2.2.2.</summary>
public enum MqttPropertyId : byte
{
    PayloadFormatIndicator = 1,

    /// <summary>Seconds.</summary>
    MessageExpiryInterval = 2,
    ContentType = 3,
    ResponseTopic = 8,
    CorrelationData = 9,
    SubscriptionIdentifier = 11,

    /// <summary>Seconds; 0xFFFFFFFF is for ever.</summary>
    SessionExpiryInterval = 17,
    AssignedClientIdentifier = 18,

    /// <summary>Seconds.</summary>
    ServerKeepAlive = 19,
    AuthenticationMethod = 21,
    AuthenticationData = 22,
    RequestProblemInformation = 23,

    /// <summary>Seconds.</summary>
    WillDelayInterval = 24,
    RequestResponseInformation = 25,
    ResponseInformation = 26,
    ServerReference = 28,
    ReasonString = 31,
    ReceiveMaximum = 33,
    TopicAliasMaximum = 34,
    TopicAlias = 35,
    MaximumQos = 36,
    RetainAvailable = 37,
    UserProperty = 38,
    MaximumPacketSize = 39,
    WildcardSubscriptionAvailable = 40,
    SubscriptionIdentifierAvailable = 41,
    SharedSubscriptionAvailable = 42,
}

/// <summary>Encoding of a property's value, MQTT 5.0 section 2.2.2.2.</summary>
internal enum MqttPropertyKind : byte
{
    Unknown,

    /// <summary>A byte that is 0 or 1: true of every property of one byte.</summary>
    Bit,
    UInt16,
    UInt32,
    VariableByteInteger,
    Text,
    Binary,

    /// <summary>A pair of strings, name and value.</summary>
    Pair,
}

/// <summary>Properties that a packet type may carry, as bits counted by property id.</summary>
internal static class MqttPropertySet
{
    private const ulong User = 1UL << (int)MqttPropertyId.UserProperty;
    private const ulong Reason = User | 1UL << (int)MqttPropertyId.ReasonString;

    private const ulong Authentication =
        1UL << (int)MqttPropertyId.AuthenticationMethod | 1UL << (int)MqttPropertyId.AuthenticationData;

    private const ulong Limits = 1UL << (int)MqttPropertyId.SessionExpiryInterval | 1UL << (int)MqttPropertyId.ReceiveMaximum
        | 1UL << (int)MqttPropertyId.TopicAliasMaximum | 1UL << (int)MqttPropertyId.MaximumPacketSize;

    private const ulong Message = User | 1UL << (int)MqttPropertyId.PayloadFormatIndicator
        | 1UL << (int)MqttPropertyId.MessageExpiryInterval | 1UL << (int)MqttPropertyId.ContentType
        | 1UL << (int)MqttPropertyId.ResponseTopic | 1UL << (int)MqttPropertyId.CorrelationData;

    public const ulong Connect = User | Limits | Authentication | 1UL << (int)MqttPropertyId.RequestProblemInformation
        | 1UL << (int)MqttPropertyId.RequestResponseInformation;

    public const ulong Connack = Reason | Limits | Authentication | 1UL << (int)MqttPropertyId.AssignedClientIdentifier
        | 1UL << (int)MqttPropertyId.ServerKeepAlive | 1UL << (int)MqttPropertyId.ResponseInformation
        | 1UL << (int)MqttPropertyId.ServerReference | 1UL << (int)MqttPropertyId.MaximumQos
        | 1UL << (int)MqttPropertyId.RetainAvailable | 1UL << (int)MqttPropertyId.WildcardSubscriptionAvailable
        | 1UL << (int)MqttPropertyId.SubscriptionIdentifierAvailable | 1UL << (int)MqttPropertyId.SharedSubscriptionAvailable;

    public const ulong Publish = Message | 1UL << (int)MqttPropertyId.TopicAlias | 1UL << (int)MqttPropertyId.SubscriptionIdentifier;
    public const ulong Will = Message | 1UL << (int)MqttPropertyId.WillDelayInterval;
    public const ulong Acknowledgement = Reason;
    public const ulong Subscribe = User | 1UL << (int)MqttPropertyId.SubscriptionIdentifier;
    public const ulong Unsubscribe = User;

    public const ulong Disconnect = Reason | 1UL << (int)MqttPropertyId.SessionExpiryInterval
        | 1UL << (int)MqttPropertyId.ServerReference;

    public const ulong Auth = Reason | Authentication;

    public static MqttPropertyKind KindOf(MqttPropertyId id) => id switch
    {
        MqttPropertyId.PayloadFormatIndicator or MqttPropertyId.RequestProblemInformation or MqttPropertyId.RequestResponseInformation
            or MqttPropertyId.MaximumQos or MqttPropertyId.RetainAvailable or MqttPropertyId.WildcardSubscriptionAvailable
            or MqttPropertyId.SubscriptionIdentifierAvailable or MqttPropertyId.SharedSubscriptionAvailable => MqttPropertyKind.Bit,
        MqttPropertyId.ServerKeepAlive or MqttPropertyId.ReceiveMaximum or MqttPropertyId.TopicAliasMaximum
            or MqttPropertyId.TopicAlias => MqttPropertyKind.UInt16,
        MqttPropertyId.MessageExpiryInterval or MqttPropertyId.SessionExpiryInterval or MqttPropertyId.WillDelayInterval
            or MqttPropertyId.MaximumPacketSize => MqttPropertyKind.UInt32,
        MqttPropertyId.SubscriptionIdentifier => MqttPropertyKind.VariableByteInteger,
        MqttPropertyId.ContentType or MqttPropertyId.ResponseTopic or MqttPropertyId.AssignedClientIdentifier
            or MqttPropertyId.AuthenticationMethod or MqttPropertyId.ResponseInformation or MqttPropertyId.ServerReference
            or MqttPropertyId.ReasonString => MqttPropertyKind.Text,
        MqttPropertyId.CorrelationData or MqttPropertyId.AuthenticationData => MqttPropertyKind.Binary,
        MqttPropertyId.UserProperty => MqttPropertyKind.Pair,
        _ => MqttPropertyKind.Unknown,
    };
}
