using System.Net;
using System.Net.Sockets;
using StreamRnn.Ingest.Mqtt;

namespace StreamRnn.Benchmarks.Mqtt;

/// <summary>One MQTT 3.1.1 connection that sends or receives as fast as it can, many packets to a system call.</summary>
internal sealed class LoadSocket : IDisposable
{
    private const int Window = 4000;
    private const int Batch = 200;
    private const int PubackBytes = 4;

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
    {
        NoDelay = true,
        ReceiveTimeout = 10_000,
    };
    private readonly byte[] _buffer = new byte[1 << 18];
    private bool _unacknowledged;

    private LoadSocket(int port) => _socket.Connect(IPAddress.Loopback, port);

    public static bool CanConnect(int port)
    {
        try
        {
            new LoadSocket(port).Dispose();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    public static LoadSocket Connect(int port)
    {
        var socket = new LoadSocket(port);
        MqttPacketWriter.TryWrite(socket._buffer, new MqttConnect { Version = MqttVersion.V311, CleanStart = true }, out int length);
        socket._socket.Send(socket._buffer.AsSpan(0, length));
        socket.Receive(4);
        return socket;
    }

    public static LoadSocket Subscribe(int port, byte qos)
    {
        LoadSocket socket = Connect(port);
        var filters = new MqttTopicFilterWriter(new byte[16]);
        filters.Add(new MqttTopicFilter { Filter = "load/#"u8, Qos = qos });
        MqttPacketWriter.TryWrite(
            socket._buffer, MqttVersion.V311, new MqttSubscribe { PacketId = 1, Filters = filters.Filters }, out int length);
        socket._socket.Send(socket._buffer.AsSpan(0, length));
        socket.Receive(5);
        return socket;
    }

    /// <summary>Publishes and waits until the last message is acknowledged; at QoS 0 a PINGREQ takes the acknowledgements' part.</summary>
    public void Publish(int count, byte qos)
    {
        byte[] packets = new byte[Batch * 128];
        long acknowledged = 0;
        for (int sent = 0; sent < count;)
        {
            int length = 0;
            for (int i = 0; i < Batch; i++, sent++)
            {
                MqttPacketWriter.TryWrite(packets.AsSpan(length), MqttVersion.V311, new MqttPublish
                {
                    Topic = "load/pump/temperature"u8,
                    Payload = "{\"value\":21.537,\"ts\":\"2026-01-01T00:00:00.123Z\"}"u8,
                    Qos = qos,
                    PacketId = (ushort)(sent % Window + 1),
                }, out int written);
                length += written;
            }
            _socket.Send(packets.AsSpan(0, length));
            while (qos == 1 && sent * PubackBytes - acknowledged > (Window - Batch) * PubackBytes)
                acknowledged += _socket.Receive(_buffer);
        }

        if (qos == 1)
        {
            Receive((int)(count * (long)PubackBytes - acknowledged));
            return;
        }
        _socket.Send(MqttPacketWriter.Pingreq);
        Receive(2);
    }

    /// <summary>One QoS 1 message in a segment of its own, after the acknowledgement of the last.</summary>
    public void PublishOne()
    {
        if (_unacknowledged)
            Receive(PubackBytes);
        _unacknowledged = true;
        MqttPacketWriter.TryWrite(
            _buffer, MqttVersion.V311, new MqttPublish { Topic = "device"u8, Payload = "21.5"u8, Qos = 1, PacketId = 1 }, out int length);
        _socket.Send(_buffer.AsSpan(0, length));
    }

    /// <summary>Receives so many messages and acknowledges those of QoS 1, one send for all of a receive.</summary>
    public void ReceiveMessages(int count)
    {
        byte[] acknowledgements = new byte[_buffer.Length];
        int start = 0;
        int end = 0;
        while (count > 0)
        {
            int received = _socket.Receive(_buffer.AsSpan(end));
            if (received == 0)
                throw new InvalidOperationException($"The broker closed the connection with {count} messages to come.");
            end += received;
            int length = 0;
            while (MqttPacketReader.TryRead(_buffer.AsSpan(start, end - start), _buffer.Length, out MqttPacket packet, out _) == MqttReadResult.Packet)
            {
                start += packet.Length;
                count--;
                MqttPublish.TryParse(packet, MqttVersion.V311, out MqttPublish publish);
                if (publish.Qos == 0)
                    continue;
                MqttPacketWriter.TryWrite(acknowledgements.AsSpan(length), MqttVersion.V311,
                    new MqttAcknowledgement { Type = MqttPacketType.Puback, PacketId = publish.PacketId }, out int written);
                length += written;
            }
            if (length > 0)
                _socket.Send(acknowledgements.AsSpan(0, length));
            _buffer.AsSpan(start, end - start).CopyTo(_buffer);
            (start, end) = (0, end - start);
        }
    }

    public void Dispose() => _socket.Dispose();

    private void Receive(int bytes)
    {
        while (bytes > 0)
        {
            int received = _socket.Receive(_buffer.AsSpan(0, Math.Min(bytes, _buffer.Length)));
            if (received == 0)
                throw new InvalidOperationException($"The broker closed the connection with {bytes} bytes to come.");
            bytes -= received;
        }
    }
}
