using System.Net;
using System.Net.Sockets;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Support;

/// <summary>A broker's end of a socket that a test plays by hand, so that it can do what no healthy broker would.</summary>
public sealed class FakeBroker : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public FakeBroker() => _listener.Start();

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public void Dispose() => _listener.Dispose();

    /// <summary>Waits for a client and reads its CONNECT.</summary>
    public FakeConnection Accept()
    {
        Task<Socket> accepting = _listener.AcceptSocketAsync();
        Assert.True(accepting.Wait(TimeSpan.FromSeconds(20)), "no client within 20 s");
        var connection = new FakeConnection(accepting.Result);
        (MqttPacketType type, _, connection.Connect) = connection.Read();
        Assert.Equal(MqttPacketType.Connect, type);
        return connection;
    }

    /// <summary>The same, and accepts it; a SUBSCRIBE is granted.</summary>
    public FakeConnection AcceptAndWelcome(bool sessionPresent, bool subscribes, params byte[] properties)
    {
        FakeConnection connection = Accept();
        connection.Send([0x20, (byte)(3 + properties.Length), (byte)(sessionPresent ? 1 : 0), 0, (byte)properties.Length, .. properties]);
        if (subscribes)
        {
            Assert.Equal(MqttPacketType.Subscribe, connection.Read().Type);
            connection.Send(0x90, 4, 0xFF, 0xFF, 0, 1);
        }
        return connection;
    }
}

public sealed class FakeConnection(Socket socket) : IDisposable
{
    private readonly byte[] _buffer = new byte[1 << 16];
    private int _filled;

    /// <summary>The body of the client's CONNECT.</summary>
    public byte[] Connect { get; set; } = [];

    public void Send(params byte[] bytes) => socket.Send(bytes);

    /// <summary>The next packet: its type, flags and body.</summary>
    public (MqttPacketType Type, byte Flags, byte[] Body) Read()
    {
        socket.ReceiveTimeout = 20_000;
        while (true)
        {
            if (MqttPacketReader.TryRead(_buffer.AsSpan(0, _filled), _buffer.Length, out MqttPacket packet, out _) == MqttReadResult.Packet)
            {
                var read = (packet.Type, packet.Flags, packet.Body.ToArray());
                _buffer.AsSpan(packet.Length, _filled - packet.Length).CopyTo(_buffer);
                _filled -= packet.Length;
                return read;
            }
            int count = socket.Receive(_buffer.AsSpan(_filled));
            Assert.True(count > 0, "the client closed the connection");
            _filled += count;
        }
    }

    /// <summary>Whether the client closes without another packet but a DISCONNECT.</summary>
    public bool IsClosed()
    {
        socket.ReceiveTimeout = 20_000;
        try
        {
            while (socket.Receive(_buffer) > 0)
            {
            }
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            return true;
        }
        return true;
    }

    public void Dispose() => socket.Dispose();
}
