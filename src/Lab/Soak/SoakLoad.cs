using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using StreamRnn.Engine;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Lab.Soak;

/// <summary>
/// Many devices for little CPU: JSON at QoS 1 on a few raw connections, each packet a template whose digits are replaced, sent in batches at a
/// fixed rate. A share of the ticks goes to the first thousand topics, the rest visits all of them in an order that jumps about.
/// </summary>
internal sealed class SoakLoad : IDisposable
{
    /// <summary>Topics of the busy share.</summary>
    public const int BusyTopics = 1000;

    public const int MaximumTopics = 9_999_999;   // seven digits of a topic

    private readonly SoakConnection[] _connections;
    private readonly Socket _reader;
    private readonly Thread _drain;

    /// <param name="busyShare">Of the ticks, to the first <see cref="BusyTopics"/>.</param>
    /// <param name="rate">Ticks per second, all connections together.</param>
    public SoakLoad(int port, int topics, double busyShare, double rate, int connections = 2)
    {
        _reader = SoakConnection.Connect(port, "soak-reader");
        Span<byte> packet = stackalloc byte[64];
        MqttTopicFilterWriter filters = new(new byte[packet.Length]);
        filters.Add(new MqttTopicFilter { Filter = "streamrnn/soak/+/forecast"u8 });
        MqttPacketWriter.TryWrite(packet, MqttVersion.V311, new MqttSubscribe { PacketId = 1, Filters = filters.Filters }, out int written);
        _reader.Send(packet[..written]);
        _drain = new Thread(Drain) { IsBackground = true, Name = "soak reader" };
        _drain.Start();
        _connections = [.. Enumerable.Range(0, connections).Select(i => new SoakConnection(port, new SoakOrder(topics, busyShare, first: i, step: connections), rate / connections))];
    }

    public long Sent => _connections.Sum(connection => connection.Sent);

    public long Acknowledged => _connections.Sum(connection => connection.Acknowledged);

    /// <summary>Bytes of forecasts that were read, and looked at no further.</summary>
    public long ForecastBytes { get; private set; }

    /// <summary>Reason that sending has ended; null while it goes on.</summary>
    public string? Failure => _connections.Select(connection => connection.Failure).FirstOrDefault(reason => reason is not null);

    /// <summary>Sends nothing more and waits until all is acknowledged.</summary>
    /// <returns>False where it was not in time.</returns>
    public bool Finish(TimeSpan patience)
    {
        foreach (SoakConnection connection in _connections)
            connection.Stop();
        for (long startedAt = Stopwatch.GetTimestamp(); Acknowledged < Sent; Thread.Sleep(10))
        {
            if (Failure is not null || Stopwatch.GetElapsedTime(startedAt) > patience)
                return false;
        }
        return true;
    }

    public void Dispose()
    {
        foreach (SoakConnection connection in _connections)
            connection.Dispose();
        _reader.Dispose();
        _drain.Join();
    }

    private void Drain()
    {
        byte[] buffer = new byte[256 << 10];
        try
        {
            for (int received; (received = _reader.Receive(buffer)) > 0;)
                ForecastBytes += received;
        }
        catch (SocketException)
        {
            // The worker has ended, or this has.
        }
    }
}

/// <summary>Order in which one connection's ticks visit the topics.</summary>
/// <param name="first">Number of the connection.</param>
/// <param name="step">Connections in all: each keeps to topics of its own where they divide the topics evenly.</param>
internal sealed class SoakOrder(int topics, double busyShare, int first, int step)
{
    private readonly int _busy = Math.Min(SoakLoad.BusyTopics, topics);
    private readonly long _stride = StrideOf(topics);
    private long _busyCount = first;
    private long _restCount = first;
    private double _due;

    public int Next()
    {
        if ((_due += busyShare) >= 1)
        {
            _due--;
            int topic = (int)(_busyCount % _busy);
            _busyCount += step;
            return topic;
        }
        long turn = _restCount % topics;
        _restCount += step;
        return (int)(turn * _stride % topics);
    }

    /// <summary>
    /// Stride near the golden section and without a common divisor: every topic once before any comes again, neighbours far apart.
    /// </summary>
    private static long StrideOf(int topics)
    {
        long stride = Math.Max(1, (long)(topics * 0.6180339887));
        while (Gcd(stride, topics) != 1)
            stride++;
        return stride;
    }

    private static long Gcd(long a, long b) => b == 0 ? a : Gcd(b, a % b);
}

/// <summary>One connection of MQTT 3.1.1: a thread that sends, and one that counts the acknowledgements, four bytes each.</summary>
internal sealed class SoakConnection : IDisposable
{
    // Fewer than the embedded broker lets a client have in flight.
    private const int Window = 3000;
    private const int Batch = 256;
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(10);

    // Fixed header, topic, packet id and payload with the digits that change at fixed places.
    private static ReadOnlySpan<byte> Template => "\x32\x34\0\x0Csoak/0000000\0\0{\"ts\":0000000000.000,\"value\":000.00}"u8;
    private const int TopicDigits = 4 + 5, PacketId = 16, Seconds = 18 + 6, Milliseconds = Seconds + 11, Value = Milliseconds + 12, Cents = Value + 4;

    private readonly Socket _socket;
    private readonly SoakOrder _order;
    private readonly double _rate;
    private readonly Thread _sender;
    private readonly Thread _reader;
    private readonly byte[] _packets = new byte[Batch * Template.Length];
    private long _sent;
    private long _acknowledgedBytes;
    private volatile bool _stopped;
    private volatile string? _failure;

    public SoakConnection(int port, SoakOrder order, double rate)
    {
        (_order, _rate) = (order, rate);
        _socket = Connect(port, $"soak-{Guid.NewGuid():n}");
        for (int i = 0; i < Batch; i++)
            Template.CopyTo(_packets.AsSpan(i * Template.Length));
        _sender = new Thread(Send) { IsBackground = true, Name = "soak sender" };
        _reader = new Thread(Read) { IsBackground = true, Name = "soak acknowledgements" };
        _sender.Start();
        _reader.Start();
    }

    public long Sent => Interlocked.Read(ref _sent);

    public long Acknowledged => Interlocked.Read(ref _acknowledgedBytes) / 4;

    public string? Failure => _failure;

    /// <exception cref="CommandFailedException">The broker does not accept.</exception>
    public static Socket Connect(int port, string client)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, port);
        Span<byte> packet = stackalloc byte[128];
        MqttPacketWriter.TryWrite(packet, new MqttConnect { Version = MqttVersion.V311, CleanStart = true, ClientId = Encoding.ASCII.GetBytes(client) }, out int written);
        socket.Send(packet[..written]);
        Span<byte> answer = packet[..4];   // CONNACK: type, length, flags, code
        int got = 0;
        for (int received = 1; got < answer.Length && received > 0; got += received)
            received = socket.Receive(answer[got..]);
        return got == answer.Length && answer[3] == 0 ? socket : throw new CommandFailedException($"the worker's broker on port {port} does not accept a device");
    }

    public void Stop()
    {
        _stopped = true;
        _sender.Join();
    }

    public void Dispose()
    {
        _stopped = true;
        _socket.Dispose();
        _sender.Join();
        _reader.Join();
    }

    private void Send()
    {
        long startedAt = Stopwatch.GetTimestamp();
        try
        {
            while (!_stopped)
            {
                long due = (long)(Stopwatch.GetElapsedTime(startedAt).TotalSeconds * _rate) - _sent;
                long count = Math.Min(Math.Min(due, Batch), Window - (_sent - Acknowledged));
                if (count <= 0)
                {
                    Thread.Sleep(Beat);
                    continue;
                }
                long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
                for (int i = 0; i < count; i++)
                    Write(_packets.AsSpan(i * Template.Length, Template.Length), _order.Next(), _sent + i, now);
                for (Span<byte> rest = _packets.AsSpan(0, (int)count * Template.Length); rest.Length > 0;)
                    rest = rest[_socket.Send(rest)..];
                Interlocked.Add(ref _sent, count);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            Fail(e);
        }
    }

    private static void Write(Span<byte> packet, int topic, long number, long now)
    {
        Digits(packet.Slice(TopicDigits, 7), topic);
        BinaryPrimitives.WriteUInt16BigEndian(packet[PacketId..], (ushort)((number % 65535) + 1));
        Digits(packet.Slice(Seconds, 10), now / 1000);
        Digits(packet.Slice(Milliseconds, 3), now % 1000);

        // A level of the topic's own, a slow triangle and a little that looks like noise.
        long cents = 30_000 + (topic * 7919L % 30_000) + Math.Abs(((now / 100) + topic) % 2000 - 1000) + ((number * 2_654_435_761L >> 16) % 100);
        Digits(packet.Slice(Value, 3), cents / 100);
        Digits(packet.Slice(Cents, 2), cents % 100);
    }

    private static void Digits(Span<byte> into, long number)
    {
        for (int i = into.Length - 1; i >= 0; i--)
        {
            (number, long digit) = Math.DivRem(number, 10);
            into[i] = (byte)('0' + digit);
        }
    }

    private void Read()
    {
        byte[] buffer = new byte[64 << 10];
        try
        {
            for (int received; (received = _socket.Receive(buffer)) > 0;)
                Interlocked.Add(ref _acknowledgedBytes, received);
            Fail(new SocketException((int)SocketError.ConnectionReset));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            Fail(e);
        }
    }

    private void Fail(Exception e)
    {
        if (!_stopped)
            _failure = $"the worker ended a connection ({e.Message})";
    }
}
