namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// What a PINGREQ behind acknowledgements proves: its PINGRESP says that the broker has dealt with all of them, and will send none of
/// those packets again. One PINGREQ is on its way at a time; what is acknowledged meanwhile waits for the next.
/// </summary>
/// <remarks>Not synchronised: the owner holds its lock. A barrier lasts as long as its connection.</remarks>
internal sealed class AcknowledgementBarrier
{
    private long _sent;
    private long _asked;
    private long _confirmed;

    /// <summary>Whether acknowledgements have been sent that no PINGREQ stands behind.</summary>
    public bool IsOwed => _sent > Math.Max(_asked, _confirmed);

    /// <summary>An acknowledgement has been sent.</summary>
    /// <param name="position">Of its packet in the journal; 0 where nothing is to be confirmed.</param>
    public void Sent(long position) => _sent = Math.Max(_sent, position);

    /// <summary>A PINGREQ is sent.</summary>
    public void Asked() => _asked = _sent;

    /// <summary>Its PINGRESP has come.</summary>
    /// <returns>The position up to which the broker has our acknowledgements, where that is news; else 0.</returns>
    public long Answered()
    {
        long position = _asked > _confirmed ? _asked : 0;
        _confirmed = Math.Max(_confirmed, _asked);
        return position;
    }
}
