using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// Messages above QoS 0 from the broker on one connection and their answers, in order of arrival: PUBACK, or PUBREC and, after its PUBREL,
/// PUBCOMP; and the barrier behind them.
/// </summary>
/// <remarks>The connection's reader admits and releases; who writes to it takes, under its lock.</remarks>
internal sealed class IncomingMessages
{
    private const int AcknowledgementBytes = 4;

    private readonly BrokerLinkOptions _options;
    private readonly IDeliveryJournal? _journal;
    private readonly PacketSource _unwritten;
    private readonly PacketAcknowledgement[] _taken = new PacketAcknowledgement[512];
    private readonly byte[] _bytes = new byte[512 * AcknowledgementBytes];
    private readonly AcknowledgementBarrier _barrier = new();

    /// <param name="journal">Journal of the messages; null where there is none.</param>
    /// <param name="unwritten">The session where there is no journal: of messages at QoS 2 received and not released. It outlives the connection.</param>
    /// <param name="due">As of <see cref="PacketLedger"/>, and so is <paramref name="send"/>.</param>
    public IncomingMessages(BrokerLinkOptions options, IDeliveryJournal? journal, PacketSource unwritten, Action due, Action send)
    {
        (_options, _journal, _unwritten, Source) = (options, journal, unwritten, unwritten);
        Ledger = new PacketLedger(2 * options.ReceiveMaximum, due, send);   // at QoS 2 a message is owed two answers
    }

    public PacketLedger Ledger { get; }

    /// <summary>The broker's session with us.</summary>
    public PacketSource Source { get; private set; }

    /// <summary>The broker's session with us, where it is written down; null where it is not.</summary>
    public PacketSource? WrittenSource => _journal is null ? null : Source;

    /// <summary>True if acknowledgements have been sent that no PINGREQ stands behind. Under the lock of the writers.</summary>
    public bool OwesBarrier => _barrier.IsOwed;

    /// <returns>True if the journal had the session before.</returns>
    public bool Connected(bool sessionPresent)
    {
        if (_journal is null)
        {
            _unwritten.Connect(sessionPresent);
            return false;
        }
        Source = _journal.Open(_options.ClientId, DuplicateRule.UntilBarrier, sessionPresent);
        return Source.IsKnown;
    }

    /// <summary>Admits an arrived message.</summary>
    /// <param name="isRepeat">True if the message is to be acknowledged only; the journal recognises what it holds without this.</param>
    /// <returns>False where the broker has more in flight than it was allowed.</returns>
    public bool TryAdmit(in MqttPublish publish, out bool isRepeat)
    {
        isRepeat = false;
        if (publish.Qos == 0)
            return true;
        if (Ledger.OpenCount >= _options.ReceiveMaximum)
            return false;
        if (publish.Qos == 1)
            return true;

        bool isKnown = Source.IsUnreleased(publish.PacketId);
        if (!isKnown && Source.UnreleasedCount >= _options.ReceiveMaximum)
            return false;
        isRepeat = isKnown && _journal is null;
        if (isRepeat)
            Ledger.TryOpen(publish.PacketId, publish.Qos, tickCount: 0);
        return true;
    }

    /// <summary>The message is about to be handed over.</summary>
    public void Note(in MqttPublish publish)
    {
        if (publish.Qos == 2 && _journal is null)
            _unwritten.Note(publish.PacketId, publish.Qos, hash: 0, position: 0);
    }

    /// <summary>The broker has released a message at QoS 2; its PUBCOMP leaves when that is written down.</summary>
    /// <returns>False where it has more in flight than it was allowed.</returns>
    public bool TryRelease(ushort packetId)
    {
        long packet = Ledger.TryOpen(packetId, PacketLedger.Release, _journal is null ? 0 : 1);
        if (packet < 0)
            return false;
        if (_journal is null)
            _unwritten.Release(packetId);
        else
            _journal.Release(Source, packetId, Ledger, packet);
        return true;
    }

    /// <summary>Takes acknowledgements that are due, as packets to be sent at once.</summary>
    /// <param name="more">True if there may be more.</param>
    public ReadOnlySpan<byte> Take(out bool more)
    {
        int count = Ledger.Take(_taken);
        more = count == _taken.Length;
        int length = 0;
        foreach (PacketAcknowledgement owed in _taken.AsSpan(0, count))
        {
            var answer = new MqttAcknowledgement { Type = owed.PacketType, PacketId = owed.PacketId };
            MqttPacketWriter.TryWrite(_bytes.AsSpan(length), _options.Version, answer, out int written);
            length += written;
            _barrier.Sent(owed.Position);
        }
        return _bytes.AsSpan(0, length);
    }

    /// <summary>A PINGREQ is sent behind what was taken.</summary>
    public void PingSent() => _barrier.Asked();

    /// <summary>Records the PINGRESP.</summary>
    /// <returns>As of <see cref="AcknowledgementBarrier.Answered"/>: for <see cref="Confirm"/>, outside the lock.</returns>
    public long PingAnswered() => _barrier.Answered();

    /// <summary>The broker has our acknowledgements up to this position of the journal.</summary>
    public void Confirm(long position)
    {
        if (position > 0)
            _journal?.Confirm(Source, position);
    }
}
