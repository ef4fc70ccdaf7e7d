namespace StreamRnn.Ingest.Mqtt;

/// <summary>
/// Takes one message on the thread that read it; the spans are the reader's buffer and end with the call. It may block: then nobody
/// reads that socket, and the peer waits. At QoS 1 and 2 it opens the packet in the ledger exactly once, with 0 ticks when it
/// refuses the message; the acknowledgement leaves when the ticks are done with.
/// </summary>
public delegate void MqttPublishHandler(in MqttPublish publish, in MqttPublishContext context);

/// <summary>Where a message came from.</summary>
public readonly record struct MqttPublishContext
{
    /// <summary>The acknowledgements owed to the connection the message came on.</summary>
    public required PacketLedger Ledger { get; init; }

    public required string ClientId { get; init; }

    /// <summary>Stopwatch stamp of the moment its bytes had been received.</summary>
    public required long ReceivedAt { get; init; }
}
