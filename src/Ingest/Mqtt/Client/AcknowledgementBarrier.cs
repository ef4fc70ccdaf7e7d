namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// Barrier behind acknowledgements: the PINGRESP of a PINGREQ sent after them proves that the broker has processed them and will send none
/// of those packets again. One PINGREQ is outstanding at a time; later acknowledgements wait for the next.
/// </summary>
/// <remarks>Not synchronised: the owner holds its lock. A barrier lasts as long as its connection.</remarks>
internal sealed class AcknowledgementBarrier
{
    private long _sent;
    private long _asked;
    private long _confirmed;

    /// <summary>True if acknowledgements have been sent without a PINGREQ behind them.</summary>
    public bool IsOwed => _sent > Math.Max(_asked, _confirmed);

    /// <summary>An acknowledgement has been sent.</summary>
    /// <param name="position">Of its packet in the journal; 0 where nothing is to be confirmed.</param>
    public void Sent(long position) => _sent = Math.Max(_sent, position);

    /// <summary>A PINGREQ is sent.</summary>
    public void Asked() => _asked = _sent;

    /// <summary>Records the PINGRESP.</summary>
    /// <returns>The position up to which the broker has our acknowledgements, where that is news; else 0.</returns>
    public long Answered()
    {
        long position = _asked > _confirmed ? _asked : 0;
        _confirmed = Math.Max(_confirmed, _asked);
        return position;
    }
}
