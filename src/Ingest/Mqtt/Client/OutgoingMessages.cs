using System.Buffers.Binary;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// Published and not yet confirmed messages, encoded and in order. Messages enter at the tail, are sent in order as far as the window
/// allows, and leave at the head when they are confirmed. After a reconnection everything from the head on is resent, with DUP and the same
/// packet ids [MQTT-4.4.0-1]. A message at QoS 0 is done when it is sent. A message at QoS 2 that the broker has received (PUBREC) is
/// replaced by its release (PUBREL) until that is confirmed (PUBCOMP).
/// </summary>
/// <remarks>
/// <code>
///   entries   head (oldest unconfirmed) ... written ... sent (next to send) ... tail
///   bytes     a ring of encoded packets; one that does not fit before the end begins again at 0
/// </code>
/// Ids count up from 1 over messages above QoS 0, of which the ring holds fewer than there are ids: none is ever in use twice. Not
/// synchronised: the owner holds its lock.
/// </remarks>
internal sealed class OutgoingMessages(int messages, int bytes)
{
    private readonly Entry[] _entries = new Entry[messages];
    private readonly byte[] _bytes = new byte[bytes];
    private long _head;
    private long _sent;
    private long _written;
    private long _tail;
    private int _writeAt;
    private int _bytesKept;
    private long _receivedNext;
    private ushort _lastId;

    /// <summary>Messages done with since the beginning.</summary>
    public long Head => _head;

    /// <summary>Messages sent on this connection, or done with, since the beginning.</summary>
    public long Next => _sent;

    /// <summary>Messages taken since the beginning.</summary>
    public long Tail => _tail;

    /// <summary>Messages kept.</summary>
    public int Count => (int)(_tail - _head);

    /// <summary>
    /// True if a quarter is free. Waiting threads are woken then and not for each message, which would be a system call each.
    /// </summary>
    public bool IsRoomy => Count <= _entries.Length * 3L / 4 && _bytesKept <= _bytes.Length * 3L / 4;

    /// <summary>Messages not yet sent on this connection.</summary>
    public int UnsentCount => (int)(_tail - _sent);

    /// <summary>True if the next message to send is at QoS 2.</summary>
    public bool IsQos2Next => _sent < _tail && At(_sent).Qos == 2;

    /// <summary>Messages above QoS 0 sent on this connection and not confirmed.</summary>
    public int InFlight { get; private set; }

    /// <summary>Encodes a message and keeps it.</summary>
    /// <param name="isOutput">What <see cref="IsOutput"/> is to say.</param>
    /// <returns>False where there is no room.</returns>
    public bool TryAdd(in MqttPublish publish, MqttVersion version, bool isOutput = true)
    {
        int length = MqttPacketWriter.LengthOf(version, publish);
        int at = FindRoom(length);
        if (at < 0 || Count == _entries.Length)
            return false;

        ushort id = publish.Qos == 0 ? default : NextId();
        var encoded = new MqttPublish
        {
            Topic = publish.Topic,
            Payload = publish.Payload,
            Properties = publish.Properties,
            Qos = publish.Qos,
            Retain = publish.Retain,
            PacketId = id,
        };
        if (!MqttPacketWriter.TryWrite(_bytes.AsSpan(at, length), version, encoded, out _))
            throw new InvalidOperationException("The packet is longer than its computed length.");
        At(_tail++) = new Entry { Start = at, Length = length, Kept = length, PacketId = id, Qos = publish.Qos, IsOutput = isOutput };
        _writeAt = at + length;
        _bytesKept += length;
        return true;
    }

    /// <summary>Marks the next messages that lie back to back as sent and returns them, as far as the window allows.</summary>
    /// <param name="longest">At most about so many bytes; one message is always returned if the window allows it.</param>
    /// <param name="window">Messages above QoS 0 in flight, at most.</param>
    /// <param name="windowAtQos2">In flight when one at QoS 2 is sent, at most; not above <paramref name="window"/>.</param>
    public ReadOnlySpan<byte> TakeUnsent(int window, int windowAtQos2, int longest)
    {
        int start = -1, length = 0;
        while (_sent < _tail)
        {
            ref Entry entry = ref At(_sent);
            if (entry.Confirmed)   // before the connection broke, out of order
            {
                if (length > 0)
                    break;
                _sent++;
                continue;
            }
            bool counts = entry.PacketId != 0;
            if ((counts && InFlight >= (entry.Qos == 2 ? windowAtQos2 : window)) || (length > 0 && (entry.Start != start + length || length + entry.Length > longest)))
                break;
            start = length == 0 ? entry.Start : start;
            length += entry.Length;
            InFlight += counts ? 1 : 0;
            _sent++;
        }
        return length == 0 ? default : _bytes.AsSpan(start, length);
    }

    /// <summary>Records that the taken bytes are written to the socket; until then they stay, whatever is confirmed meanwhile.</summary>
    /// <returns>How many of them were outputs at QoS 0, which are done with.</returns>
    public int Written()
    {
        int outputs = 0;
        for (long message = _written; message < _sent; message++)
        {
            ref Entry entry = ref At(message);
            if (entry.PacketId != 0 || entry.Confirmed)
                continue;
            entry.Confirmed = true;
            outputs += entry.IsOutput ? 1 : 0;
        }
        _written = _sent;
        return outputs;
    }

    /// <summary>Lets go of what is done with at the head.</summary>
    /// <returns>The number of messages confirmed or, at QoS 0, sent.</returns>
    public int Release()
    {
        long head = _head;
        while (_head < _written && At(_head).Confirmed)
            _bytesKept -= At(_head++).Kept;
        return (int)(_head - head);
    }

    /// <summary>Bytes of a message that is kept.</summary>
    public int LengthOf(long message) => At(message).Kept;

    /// <summary>True for a message that is an output, false for one about the sender itself.</summary>
    public bool IsOutput(long message) => At(message).IsOutput;

    /// <summary>Topic of a message that is kept; empty where only the release of it is left.</summary>
    public ReadOnlySpan<byte> TopicOf(long message)
    {
        ref Entry entry = ref At(message);
        bool isMessage = MqttPacketReader.TryRead(_bytes.AsSpan(entry.Start, entry.Length), int.MaxValue, out MqttPacket packet, out _) == MqttReadResult.Packet
            && packet.Type == MqttPacketType.Publish;
        return isMessage ? packet.Body.Slice(sizeof(ushort), BinaryPrimitives.ReadUInt16BigEndian(packet.Body)) : default;
    }

    /// <summary>The broker has the message, or will not have it.</summary>
    /// <returns>False for an id that is not in flight at this QoS.</returns>
    /// <param name="message">Its place in the order of all.</param>
    public bool TryConfirm(ushort packetId, byte qos, out long message)
    {
        message = Find(packetId, qos, _head);
        if (message < 0)
            return false;
        At(message).Confirmed = true;
        InFlight--;
        return true;
    }

    /// <summary>The broker has received a message at QoS 2, which must not be sent again.</summary>
    /// <returns>False for an id that is not in flight at QoS 2.</returns>
    public bool TryReceive(ushort packetId)
    {
        long message = Find(packetId, qos: 2, Math.Clamp(_receivedNext, _head, _sent));
        if (message < 0)
            return false;
        At(message).Received = true;
        _receivedNext = message + 1;
        return true;
    }

    /// <summary>Gives the oldest message up unconfirmed: it is not resent. The connection is over.</summary>
    public void GiveUpOldest()
    {
        At(_head).Confirmed = true;
        _written = Math.Max(_written, _head + 1);
    }

    /// <summary>Starts on a new connection: everything unconfirmed is resent, in order.</summary>
    /// <param name="sessionPresent">True if the broker may have received some messages already, which DUP marks. If not, messages that it
    /// had received at QoS 2 are done: resent they would be other messages.</param>
    /// <returns>How many outputs are done with so.</returns>
    public int Restart(bool sessionPresent)
    {
        int outputs = 0;
        for (long message = _head; message < _sent; message++)
        {
            ref Entry entry = ref At(message);
            if (entry.Received)
            {
                outputs += !sessionPresent && entry is { Confirmed: false, IsOutput: true } ? 1 : 0;
                entry.Confirmed |= !sessionPresent;
                var release = new MqttAcknowledgement { Type = MqttPacketType.Pubrel, PacketId = entry.PacketId };
                MqttPacketWriter.TryWrite(_bytes.AsSpan(entry.Start, entry.Kept), MqttVersion.V5, release, out entry.Length);
            }
            else if (entry.PacketId != 0)
            {
                _bytes[entry.Start] = (byte)(_bytes[entry.Start] & ~MqttPublish.DupFlag | (sessionPresent ? MqttPublish.DupFlag : 0));
            }
        }
        (_sent, _written) = (_head, _head);
        InFlight = 0;
        return outputs;
    }

    /// <param name="first">Index where the answer is expected if answers come in the order of sending; the rest is searched after
    /// it.</param>
    /// <returns>The message in flight under the id, or -1.</returns>
    private long Find(ushort packetId, byte qos, long first)
    {
        long message = Find(packetId, qos, first, _sent);
        return message >= 0 ? message : Find(packetId, qos, _head, first);
    }

    private long Find(ushort packetId, byte qos, long first, long end)
    {
        for (long message = first; message < end; message++)
        {
            ref Entry entry = ref At(message);
            if (entry.PacketId == packetId && entry.Qos == qos && !entry.Confirmed)
                return message;
        }
        return -1;
    }

    private ushort NextId()
    {
        _lastId = _lastId == BrokerChannelAdapter.SubscribeId - 1 ? (ushort)1 : (ushort)(_lastId + 1);
        return _lastId;
    }

    /// <returns>Offset of that many contiguous free bytes, or -1.</returns>
    private int FindRoom(int length)
    {
        if (Count == 0)
            return length <= _bytes.Length ? 0 : -1;
        int oldest = At(_head).Start;
        if (_writeAt > oldest)
            return length <= _bytes.Length - _writeAt ? _writeAt : length <= oldest ? 0 : -1;
        return length <= oldest - _writeAt ? _writeAt : -1;
    }

    private ref Entry At(long message) => ref _entries[message % _entries.Length];

    private struct Entry
    {
        public int Start;
        public int Length;   // to be sent
        public int Kept;     // in the ring
        public ushort PacketId;
        public byte Qos;
        public bool IsOutput;
        public bool Received;
        public bool Confirmed;
    }
}
