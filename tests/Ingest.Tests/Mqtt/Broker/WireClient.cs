using System.Net;
using System.Net.Sockets;
using System.Text;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Tests.Mqtt.Broker;

/// <summary>A received packet, kept.</summary>
internal sealed record WirePacket(MqttPacketType Type, byte Flags, byte[] Body)
{
    public MqttPacket Packet => new() { Type = Type, Flags = Flags, Body = Body, Length = Body.Length };

    public string Topic(MqttVersion version) => Encoding.UTF8.GetString(Publish(version).Topic);

    public string Payload(MqttVersion version) => Encoding.UTF8.GetString(Publish(version).Payload);

    public MqttPublish Publish(MqttVersion version)
    {
        Assert.Equal(MqttFault.None, MqttPublish.TryParse(Packet, version, out MqttPublish publish));
        return publish;
    }

    public MqttReasonCode DisconnectReason()
    {
        Assert.Equal(MqttPacketType.Disconnect, Type);
        Assert.Equal(MqttFault.None, MqttDisconnect.TryParse(Packet, MqttVersion.V5, out MqttDisconnect disconnect));
        return disconnect.ReasonCode;
    }
}

/// <summary>A client that does to the wire exactly what a test says, and waits for what comes with a deadline.</summary>
internal sealed class WireClient : IDisposable
{
    private const int DeadlineMilliseconds = 10_000;

    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[1 << 20];
    private int _start;
    private int _end;

    public WireClient(IPEndPoint broker, MqttVersion version)
    {
        Version = version;
        _socket = new Socket(broker.AddressFamily, SocketType.Stream, ProtocolType.Tcp)
        {
            NoDelay = true,
            ReceiveTimeout = DeadlineMilliseconds,
            SendTimeout = DeadlineMilliseconds,
        };
        _socket.Connect(broker);
    }

    public MqttVersion Version { get; }

    public void Send(ReadOnlySpan<byte> bytes) => _socket.Send(bytes);

    /// <summary>Sends, unless the broker has closed the connection.</summary>
    public void TrySend(ReadOnlySpan<byte> bytes)
    {
        try
        {
            Send(bytes);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.Shutdown)
        {
            // What a client gets for garbage.
        }
    }

    public void SendHex(string hex) => Send(Convert.FromHexString(hex.Replace(" ", "")));

    /// <summary>Connects and returns the CONNACK.</summary>
    public MqttConnack Connect(in MqttConnect connect)
    {
        byte[] packet = new byte[1024];
        Assert.True(MqttPacketWriter.TryWrite(packet, connect with { Version = Version }, out int length));
        Send(packet.AsSpan(0, length));
        WirePacket answer = Expect(MqttPacketType.Connack);
        Assert.Equal(MqttFault.None, MqttConnack.TryParse(answer.Packet, Version, out MqttConnack connack));
        return connack;
    }

    public void Publish(string topic, string payload, byte qos = 0, ushort packetId = 0, bool retain = false, bool dup = false,
        MqttProperties properties = default)
    {
        byte[] packet = new byte[payload.Length + topic.Length + properties.Bytes.Length + 64];
        Assert.True(MqttPacketWriter.TryWrite(packet, Version, new MqttPublish
        {
            Topic = Encoding.UTF8.GetBytes(topic),
            Payload = Encoding.UTF8.GetBytes(payload),
            Qos = qos,
            PacketId = packetId,
            Retain = retain,
            Dup = dup,
            Properties = properties,
        }, out int length));
        Send(packet.AsSpan(0, length));
    }

    /// <summary>Subscribes and returns the reason code.</summary>
    public MqttReasonCode Subscribe(string filter, byte qos = 1, MqttRetainHandling retainHandling = MqttRetainHandling.Send,
        bool noLocal = false, bool retainAsPublished = false, uint identifier = 0)
    {
        var filters = new MqttTopicFilterWriter(new byte[filter.Length + 16]);
        filters.Add(new MqttTopicFilter
        {
            Filter = Encoding.UTF8.GetBytes(filter),
            Qos = qos,
            NoLocal = noLocal,
            RetainAsPublished = retainAsPublished,
            RetainHandling = retainHandling,
        });
        var properties = new MqttPropertyWriter(new byte[16]);
        if (identifier > 0)
            properties.Number(MqttPropertyId.SubscriptionIdentifier, identifier);
        byte[] packet = new byte[filter.Length + 64];
        Assert.True(MqttPacketWriter.TryWrite(packet, Version,
            new MqttSubscribe { PacketId = 1, Filters = filters.Filters, Properties = properties.Properties }, out int length));
        Send(packet.AsSpan(0, length));
        WirePacket answer = Expect(MqttPacketType.Suback);
        Assert.Equal(MqttFault.None, MqttSuback.TryParse(answer.Packet, Version, out MqttSuback suback));
        return (MqttReasonCode)suback.ReasonCodes[0];
    }

    public void Acknowledge(MqttPacketType type, ushort packetId)
    {
        byte[] packet = new byte[4];
        MqttPacketWriter.TryWrite(packet, Version, new MqttAcknowledgement { Type = type, PacketId = packetId }, out _);
        Send(packet);
    }

    /// <summary>Waits for the answer to a PINGREQ: whatever was sent before it has been handled, and nothing else has come.</summary>
    public void Barrier()
    {
        Send(MqttPacketWriter.Pingreq);
        Expect(MqttPacketType.Pingresp);
    }

    public WirePacket Expect(MqttPacketType type)
    {
        WirePacket? packet = Receive();
        Assert.True(packet is not null, $"the connection was closed while waiting for {type}");
        Assert.Equal(type, packet.Type);
        return packet;
    }

    public ushort ExpectAcknowledgement(MqttPacketType type)
    {
        WirePacket packet = Expect(type);
        Assert.Equal(MqttFault.None, MqttAcknowledgement.TryParse(packet.Packet, Version, out MqttAcknowledgement acknowledgement));
        return acknowledgement.PacketId;
    }

    public (string Topic, string Payload) ExpectMessage()
    {
        WirePacket packet = Expect(MqttPacketType.Publish);
        return (packet.Topic(Version), packet.Payload(Version));
    }

    public void ExpectEnd() => Assert.Null(Receive());

    /// <summary>Null when the broker has closed the connection.</summary>
    public WirePacket? Receive()
    {
        while (true)
        {
            MqttReadResult result =
                MqttPacketReader.TryRead(_buffer.AsSpan(_start, _end - _start), _buffer.Length, out MqttPacket packet, out MqttFault fault);
            Assert.True(result != MqttReadResult.Malformed, $"the broker sent a malformed packet: {fault}");
            if (result == MqttReadResult.Packet)
            {
                _start += packet.Length;
                return new WirePacket(packet.Type, packet.Flags, packet.Body.ToArray());
            }

            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
            try
            {
                int received = _socket.Receive(_buffer.AsSpan(_end));
                if (received == 0)
                    return null;
                _end += received;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
            {
                return null;
            }
        }
    }

    /// <summary>Leaves without DISCONNECT.</summary>
    public void Dispose() => _socket.Dispose();

    public void Disconnect(MqttReasonCode reason = MqttReasonCode.Success)
    {
        byte[] packet = new byte[8];
        MqttPacketWriter.TryWrite(
            packet, Version, new MqttDisconnect { Type = MqttPacketType.Disconnect, ReasonCode = reason }, out int length);
        Send(packet.AsSpan(0, length));
        ExpectEnd();
    }
}
