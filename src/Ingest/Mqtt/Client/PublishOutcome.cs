namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>Outputs of one life of the process and their fate at the broker: Published = Confirmed + Rejected + Unconfirmed.</summary>
/// <param name="Published">Outputs taken for sending.</param>
/// <param name="Confirmed">Outputs that the broker has acknowledged; at QoS 0, written to the connection.</param>
/// <param name="Rejected">Outputs that the broker has refused: by a code, by its longest packet, or by ending the connection over them.</param>
/// <param name="Dropped">Outputs that were never taken for sending: at QoS 0 without a connection, or larger than the buffer.</param>
public readonly record struct PublishOutcome(long Published, long Confirmed, long Rejected, long Dropped)
{
    /// <summary>Outputs that wait to be sent or acknowledged.</summary>
    public long Unconfirmed => Published - Confirmed - Rejected;
}
