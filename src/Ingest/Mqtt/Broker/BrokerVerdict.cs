using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>Decision on a packet: continue, or end the connection, with the reason.</summary>
/// <param name="Reason">None to go on.</param>
/// <param name="Code">Said in DISCONNECT to an MQTT 5 client; Success says nothing.</param>
/// <param name="Detail">For the log line.</param>
internal readonly record struct BrokerVerdict(MqttBrokerClose Reason, MqttReasonCode Code, string Detail)
{
    public static BrokerVerdict GoOn => default;

    public bool Ends => Reason != MqttBrokerClose.None;

    /// <summary>True if the reason may concern an operator.</summary>
    public bool IsFault => Reason is not (MqttBrokerClose.None or MqttBrokerClose.ClientDisconnected or MqttBrokerClose.ConnectionLost
        or MqttBrokerClose.ServerShutdown);

    public static BrokerVerdict Malformed(MqttFault fault) => new(MqttBrokerClose.Malformed, fault.ToReasonCode(), fault.ToString());

    public static BrokerVerdict ProtocolError(string detail, MqttReasonCode code = MqttReasonCode.ProtocolError) =>
        new(MqttBrokerClose.ProtocolError, code, detail);
}
