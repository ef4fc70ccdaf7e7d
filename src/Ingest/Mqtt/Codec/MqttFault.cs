namespace StreamRnn.Ingest.Mqtt.Codec;

/// <summary>Reason why bytes are not an MQTT packet. The reader closes the connection; numbers are never reused.</summary>
public enum MqttFault
{
    None = 0,

    /// <summary>The packet is larger than the maximum packet size.</summary>
    PacketTooLarge = 1,

    /// <summary>A variable byte integer of more than four bytes, or longer than its value needs.</summary>
    VariableByteInteger = 2,

    /// <summary>Packet type 0, or AUTH in MQTT 3.1.1.</summary>
    PacketType = 3,

    /// <summary>A reserved bit is not what the specification fixes it to.</summary>
    ReservedBits = 4,

    /// <summary>QoS 3, or DUP at QoS 0.</summary>
    Qos = 5,

    /// <summary>Packet identifier 0.</summary>
    PacketIdZero = 6,

    /// <summary>A field runs past the end of its packet.</summary>
    Truncated = 7,

    /// <summary>Bytes after the last field.</summary>
    TrailingBytes = 8,

    /// <summary>A string that is ill-formed UTF-8 or holds U+0000.</summary>
    IllFormedText = 9,

    /// <summary>A topic name that is empty or holds a wildcard.</summary>
    TopicName = 10,

    /// <summary>A topic filter that is empty or has a wildcard out of place.</summary>
    TopicFilter = 11,

    /// <summary>A property unknown, or not allowed in this packet type.</summary>
    PropertyNotAllowed = 12,

    /// <summary>A property twice that may be there once.</summary>
    PropertyDuplicate = 13,

    /// <summary>A property's value is outside its range.</summary>
    PropertyValue = 14,

    /// <summary>Topic alias 0.</summary>
    TopicAlias = 15,

    /// <summary>CONNECT for another protocol than "MQTT".</summary>
    ProtocolName = 16,

    /// <summary>CONNECT for a protocol level other than 4 and 5.</summary>
    ProtocolVersion = 17,

    /// <summary>Connect flags that contradict each other.</summary>
    ConnectFlags = 18,

    /// <summary>A reason code that this packet type does not have.</summary>
    ReasonCode = 19,

    /// <summary>SUBSCRIBE or UNSUBSCRIBE without a filter, SUBACK without a code.</summary>
    EmptyList = 20,

    /// <summary>Subscription options out of range.</summary>
    SubscriptionOptions = 21,
}

internal static class MqttFaults
{
    /// <summary>Reason code for DISCONNECT or CONNACK in MQTT 5.</summary>
    public static MqttReasonCode ToReasonCode(this MqttFault fault) => fault switch
    {
        MqttFault.PacketTooLarge => MqttReasonCode.PacketTooLarge,
        MqttFault.TopicName => MqttReasonCode.TopicNameInvalid,
        MqttFault.TopicFilter => MqttReasonCode.TopicFilterInvalid,
        MqttFault.TopicAlias => MqttReasonCode.TopicAliasInvalid,
        MqttFault.ProtocolName or MqttFault.ProtocolVersion => MqttReasonCode.UnsupportedProtocolVersion,
        MqttFault.PropertyNotAllowed or MqttFault.PropertyDuplicate or MqttFault.PropertyValue or MqttFault.EmptyList
            or MqttFault.ReasonCode => MqttReasonCode.ProtocolError,
        _ => MqttReasonCode.MalformedPacket,
    };
}
