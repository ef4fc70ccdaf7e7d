using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Delivery;

/// <summary>
/// Handles one message on the thread that read it. It may block: the socket is not read then, and the peer waits. At QoS 1 and 2 it opens
/// the packet in the ledger exactly once, with 0 ticks when it refuses the message; the connection has ensured that there is room. The
/// acknowledgement leaves when the ticks are done.
/// </summary>
/// <param name="publish">
/// Views into the reader's buffer, valid for the call. The topic is never empty: an alias has been resolved. From the embedded broker
/// RETAIN is never set: there it asks for the message to be kept, and says nothing about its age.
/// </param>
public delegate void MqttPublishHandler(in MqttPublish publish, in MqttPublishContext context);

/// <summary>Origin of a message.</summary>
public readonly record struct MqttPublishContext
{
    /// <summary>Ledger of the connection that the message came on.</summary>
    public required PacketLedger Ledger { get; init; }

    public required string ClientId { get; init; }

    /// <summary>The session it came from, where it is written down; null where it is not.</summary>
    public PacketSource? Source { get; init; }

    /// <summary>Stopwatch stamp of the moment its bytes had been received.</summary>
    public required long ReceivedAt { get; init; }
}
