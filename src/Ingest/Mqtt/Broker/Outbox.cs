using System.Net.Sockets;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>Result of a delivery.</summary>
internal enum BrokerSend
{
    Sent,

    /// <summary>The bound of waiting bytes is reached.</summary>
    Full,

    /// <summary>Larger than the client takes.</summary>
    TooLarge,
}

/// <summary>
/// Packets on their way to one socket: any thread adds to one buffer while the other is being sent, so that whatever gathers meanwhile
/// leaves in one piece. Adding never waits for the socket.
/// </summary>
internal sealed class Outbox(int maximumBytes)
{
    /// <summary>Bytes by which replies may exceed the bound of deliveries.</summary>
    private const int ReplyReserve = 64 * 1024;

    /// <summary>Little enough for a socket that says it is writable to take it without blocking.</summary>
    private const int MaximumSend = 32 * 1024;

    /// <summary>A buffer that grew beyond it is given up once it is empty.</summary>
    private const int KeptBuffer = 64 * 1024;

    private readonly Lock _adding = new();
    private readonly Lock _sending = new();
    private byte[] _added = [];
    private int _addedCount;
    private byte[] _leaving = [];
    private int _leavingCount;
    private int _sentCount;
    private int _waitingBytes;

    /// <summary>Bytes added and not yet taken by the socket.</summary>
    public int WaitingBytes => Volatile.Read(ref _waitingBytes);

    /// <summary>Bytes the socket has taken so far. Read by the sender.</summary>
    public long SentBytes { get; private set; }

    /// <summary>Adds a reply of the broker.</summary>
    /// <returns>False when the client has left so much unread that it is to be disconnected.</returns>
    public bool TryAdd(ReadOnlySpan<byte> packet)
    {
        lock (_adding)
        {
            if (WaitingBytes + packet.Length > maximumBytes + ReplyReserve)
                return false;
            packet.CopyTo(Room(packet.Length));
            Advance(packet.Length);
            return true;
        }
    }

    /// <summary>Adds a PUBLISH.</summary>
    /// <param name="maximumPacketBytes">The client's.</param>
    public BrokerSend TryAdd(MqttVersion version, in Delivery delivery, bool dup, long now, long maximumPacketBytes)
    {
        int room = delivery.Message.MaximumLength(delivery.Identifiers?.Length ?? 0);
        lock (_adding)
        {
            // A message larger than the bound may still go alone.
            if (WaitingBytes > 0 && WaitingBytes + room > maximumBytes)
                return BrokerSend.Full;
            int length = delivery.Message.Write(Room(room), version, delivery, dup, now);
            if (length > maximumPacketBytes)
                return BrokerSend.TooLarge;
            Advance(length);
            return BrokerSend.Sent;
        }
    }

    /// <summary>
    /// Sends the present bytes, as far as the socket takes them without blocking. Bytes added meanwhile wait for the next time, so that one
    /// busy connection does not keep its sender from the others.
    /// </summary>
    /// <returns>False when the socket did not take it all.</returns>
    /// <exception cref="SocketException">The connection is gone.</exception>
    public bool Flush(Socket socket)
    {
        lock (_sending)
            return TrySendLeaving(socket) && (!Swap() || TrySendLeaving(socket));
    }

    private bool TrySendLeaving(Socket socket)
    {
        while (_sentCount < _leavingCount)
        {
            if (!socket.Poll(0, SelectMode.SelectWrite))
                return false;
            int sent = socket.Send(_leaving.AsSpan(_sentCount, Math.Min(_leavingCount - _sentCount, MaximumSend)));
            _sentCount += sent;
            SentBytes += sent;
            Interlocked.Add(ref _waitingBytes, -sent);
        }
        return true;
    }

    /// <returns>True if there is anything to send.</returns>
    private bool Swap()
    {
        if (_leaving.Length > KeptBuffer)
            _leaving = [];
        lock (_adding)
        {
            (_leaving, _added) = (_added, _leaving);
            (_leavingCount, _addedCount, _sentCount) = (_addedCount, 0, 0);
        }
        return _leavingCount > 0;
    }

    private Span<byte> Room(int length)
    {
        if (_added.Length - _addedCount < length)
            Array.Resize(ref _added, Math.Max(_addedCount + length, Math.Max(1024, 2 * _added.Length)));
        return _added.AsSpan(_addedCount, length);
    }

    private void Advance(int length)
    {
        _addedCount += length;
        Interlocked.Add(ref _waitingBytes, length);
    }
}
