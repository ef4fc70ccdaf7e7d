using System.Buffers.Binary;
using System.Buffers.Text;
using System.Net.Sockets;
using System.Text;
using StreamRnn.Engine;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Lab.Bench;

/// <summary>
/// A connection that sends readings at QoS 1 as fast as they are acknowledged, at the least cost: its packets are encoded once, only id, time and
/// value are written anew, many leave in one send and many acknowledgements are read at once. A socket of its own, where other devices have MQTTnet's
/// client: at these rates a client's own work would be measured, on the cores that the worker needs.
/// </summary>
internal sealed class FloodDevice : IDisposable
{
    /// <summary>Packets of one send, at most.</summary>
    private const int Piece = 256;

    // Where they are, from the packet's end.
    private const int ValueAt = 6;
    private const int TimeAt = ValueAt + 9 + 13;
    private const int IdAt = TimeAt + 6 + 1 + 2;   // the length of no properties is between

    private const long FirstTime = 1_767_225_600_000;   // 2026, in milliseconds

    private readonly Socket _socket;
    private readonly Thread _thread;
    private readonly byte[] _packets;
    private readonly byte[] _acknowledgements = new byte[32 * 1024];
    private readonly int _packetBytes;
    private readonly int _streams;
    private readonly int _window;
    private readonly double _rate;
    private readonly long _last;
    private long _sent;
    private long _acknowledged;
    private int _oddBytes;
    private volatile bool _stopping;
    private volatile string? _failure;

    /// <param name="topic">First levels; each stream has a topic below, numbered from <paramref name="firstStream"/>.</param>
    /// <param name="window">Packets it may have unacknowledged.</param>
    /// <param name="rate">Packets per second at most.</param>
    /// <param name="last">Packets in all at most.</param>
    public FloodDevice(string host, int port, string topic, int firstStream, int streams, int window,
        double rate = double.PositiveInfinity, long last = long.MaxValue)
    {
        (_streams, _window, _rate, _last) = (streams, window, rate, last);
        byte[][] packets = [.. Enumerable.Range(firstStream, streams).Select(stream => Encode(Topic(topic, stream)))];
        _packetBytes = packets[0].Length;
        _packets = [.. packets.SelectMany(packet => packet)];
        _socket = RawMqtt.Connect(host, port, $"{topic}-{firstStream}", sessionSeconds: 3600);
        _thread = new Thread(Run) { Name = "flood device", IsBackground = true };
    }

    /// <summary>Topic of a stream: TOPIC/line07/machine00107.</summary>
    public static string Topic(string topic, int stream) => $"{topic}/line{stream % 100:d2}/machine{stream:d5}";

    public long Sent => Volatile.Read(ref _sent);

    /// <summary>Packets whose acknowledgement has arrived.</summary>
    public long Acknowledged => Volatile.Read(ref _acknowledged);

    /// <summary>Reason that it ended early; null if it did not.</summary>
    public string? Failure => _failure;

    public void Start() => _thread.Start();

    /// <summary>Sends nothing more, waits for the acknowledgements and ends.</summary>
    public void Stop(TimeSpan patience)
    {
        _stopping = true;
        _socket.ReceiveTimeout = (int)patience.TotalMilliseconds;
        _thread.Join();
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>A packet of which id, time and value are still to be written.</summary>
    private static byte[] Encode(string topic)
    {
        byte[] packet = new byte[128 + topic.Length];
        MqttPacketWriter.TryWrite(packet, MqttVersion.V5,
            new MqttPublish { Topic = Encoding.UTF8.GetBytes(topic), Payload = "{\"ts\":0000000000000,\"value\":00.00}"u8, Qos = 1, PacketId = 1 }, out int length);
        return packet[..length];
    }

    private void Run()
    {
        try
        {
            long startedAt = System.Diagnostics.Stopwatch.GetTimestamp();
            int next = 0;
            while (!_stopping && _sent < _last)
            {
                int count = (int)Math.Min(Math.Min(Piece, (_window + 1) / 2), Math.Min(_streams - next, _last - _sent));
                if (double.IsFinite(_rate))
                {
                    // Whatever has fallen due in a few milliseconds together: a timer of the system is no finer.
                    double due = (System.Diagnostics.Stopwatch.GetElapsedTime(startedAt).TotalSeconds * _rate) - _sent;
                    if (due < 1)
                    {
                        Thread.Sleep(1);
                        continue;
                    }
                    count = (int)Math.Min(count, due);
                }
                if (_window - (_sent - _acknowledged) < count)
                {
                    ReadAcknowledgements();
                    continue;
                }
                Send(next, count);
                next = (next + count) % _streams;
                if (_socket.Available > 0)
                    ReadAcknowledgements();
            }
            while (_acknowledged < _sent)
                ReadAcknowledgements();
        }
        catch (SocketException e)
        {
            _failure = e.Message;
        }
    }

    private void Send(int first, int count)
    {
        Span<byte> packets = _packets.AsSpan(first * _packetBytes, count * _packetBytes);
        for (int i = 0; i < count; i++)
        {
            Span<byte> packet = packets.Slice(i * _packetBytes, _packetBytes);
            long round = (_sent + i) / _streams;
            BinaryPrimitives.WriteUInt16BigEndian(packet[^IdAt..], (ushort)(((_sent + i) % ushort.MaxValue) + 1));
            Utf8Formatter.TryFormat(FirstTime + (1000 * round), packet[^TimeAt..], out _);
            long cents = 2000 + ((7 * (first + i)) % 500) + Math.Abs((round % 200) - 100);   // a slow wave, at another height for each
            WriteValue(cents, packet[^ValueAt..]);
        }
        for (ReadOnlySpan<byte> left = packets; !left.IsEmpty;)
            left = left[_socket.Send(left)..];
        Volatile.Write(ref _sent, _sent + count);
    }

    private static void WriteValue(long cents, Span<byte> to)
    {
        (to[0], to[1]) = ((byte)('0' + (cents / 1000)), (byte)('0' + (cents / 100 % 10)));
        (to[3], to[4]) = ((byte)('0' + (cents / 10 % 10)), (byte)('0' + (cents % 10)));
    }

    /// <summary>Waits for some. A PUBACK is four bytes, 40 02 and the id.</summary>
    private void ReadAcknowledgements()
    {
        int received = _socket.Receive(_acknowledgements, _oddBytes, _acknowledgements.Length - _oddBytes, SocketFlags.None);
        if (received == 0 || _acknowledgements[0] != 0x40)
            throw new SocketException((int)SocketError.ConnectionReset);   // closed, or a DISCONNECT that says why it will be
        int length = received + _oddBytes;
        _oddBytes = length % 4;
        _acknowledgements.AsSpan(length - _oddBytes, _oddBytes).CopyTo(_acknowledgements);
        Volatile.Write(ref _acknowledged, _acknowledged + (length / 4));
    }
}

/// <summary>A bare socket that has said CONNECT.</summary>
internal static class RawMqtt
{
    /// <param name="sessionSeconds">How long the session outlives the connection.</param>
    /// <exception cref="CommandFailedException">Nobody is there, or it says no.</exception>
    public static Socket Connect(string host, int port, string clientId, uint sessionSeconds)
    {
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.Connect(host, port);
            var properties = new MqttPropertyWriter(stackalloc byte[16]);
            properties.Number(MqttPropertyId.SessionExpiryInterval, sessionSeconds);
            properties.Number(MqttPropertyId.ReceiveMaximum, ushort.MaxValue);
            byte[] packet = new byte[128 + clientId.Length];
            MqttPacketWriter.TryWrite(packet, new MqttConnect
            {
                Version = MqttVersion.V5,
                CleanStart = true,
                ClientId = Encoding.UTF8.GetBytes(clientId),
                Properties = properties.Properties,
            }, out int length);
            Exchange(socket, packet.AsSpan(0, length), MqttPacketType.Connack);
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new CommandFailedException($"cannot connect to the broker at {host}:{port} ({e.Message}); is it running, and is this its port?");
        }
    }

    /// <summary>Sends a packet and waits for the answer, which must be of this type.</summary>
    public static void Exchange(Socket socket, ReadOnlySpan<byte> packet, MqttPacketType answer)
    {
        socket.Send(packet);
        Span<byte> buffer = stackalloc byte[512];
        int filled = 0;
        while (true)
        {
            int received = socket.Receive(buffer[filled..]);
            filled += received;
            if (received == 0 || (MqttPacketType)(buffer[0] >> 4) != answer)
                throw new SocketException((int)SocketError.ConnectionRefused);
            if (MqttPacketReader.TryRead(buffer[..filled], buffer.Length, out _, out _) == MqttReadResult.Packet)
                return;
        }
    }
}
