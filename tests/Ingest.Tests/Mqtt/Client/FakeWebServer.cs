using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace StreamRnn.Ingest.Tests.Mqtt.Client;

/// <summary>A web server's end of a socket that a test plays by hand: any answer to the request, any frame.</summary>
internal sealed class FakeWebServer : IDisposable
{
    public const byte Text = 1, Binary = 2, CloseFrame = 8;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public FakeWebServer() => _listener.Start();

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public void Dispose() => _listener.Dispose();

    /// <summary>Waits for a client and reads its request, or whatever else ends with an empty line.</summary>
    public (Socket Socket, string Request) Accept()
    {
        Task<Socket> accepting = _listener.AcceptSocketAsync();
        Assert.True(accepting.Wait(TimeSpan.FromSeconds(20)), "no client within 20 s");
        Socket socket = accepting.Result;
        socket.ReceiveTimeout = 20_000;
        return (socket, ReadRequest(socket));
    }

    /// <summary>Waits for a client.</summary>
    public Socket AcceptAny() => _listener.AcceptSocket();

    /// <summary>As <see cref="Accept"/>, and opens a WebSocket for MQTT.</summary>
    [SuppressMessage("Security", "CA5350", Justification = "RFC 6455 asks for it.")]
    public (Socket Socket, string Request) AcceptWebSocket()
    {
        (Socket socket, string request) = Accept();
        string key = request.Split("\r\n").First(line => line.StartsWith("Sec-WebSocket-Key: ", StringComparison.OrdinalIgnoreCase))[19..].Trim();
        string accept = Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
        Answer(socket, $"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n");
        return (socket, request);
    }

    public static void Answer(Socket socket, string text) => socket.Send(Encoding.ASCII.GetBytes(text));

    public static string ReadRequest(Socket socket)
    {
        var request = new List<byte>();
        byte[] one = new byte[1];
        while (!Encoding.ASCII.GetString([.. request]).EndsWith("\r\n\r\n"))
        {
            Assert.Equal(1, socket.Receive(one));
            request.Add(one[0]);
        }
        return Encoding.ASCII.GetString([.. request]);
    }

    /// <summary>Sends one frame, the last of its message.</summary>
    public static void Send(Socket socket, byte kind, params byte[] payload) => socket.Send([(byte)(0x80 | kind), (byte)payload.Length, .. payload]);

    /// <summary>The payload of the client's next frame, shorter than 64 KB.</summary>
    public static byte[] Read(Socket socket)
    {
        byte[] Exactly(int count)
        {
            byte[] bytes = new byte[count];
            for (int at = 0; at < count;)
            {
                int read = socket.Receive(bytes.AsSpan(at));
                Assert.True(read > 0, "the client closed the connection");
                at += read;
            }
            return bytes;
        }
        int length = Exactly(2)[1] & 127;
        if (length == 126)
        {
            byte[] two = Exactly(2);
            length = two[0] << 8 | two[1];
        }
        byte[] mask = Exactly(4), payload = Exactly(length);
        for (int i = 0; i < payload.Length; i++)
            payload[i] ^= mask[i & 3];
        return payload;
    }

    /// <summary>Whether the client closes, whatever it sends before.</summary>
    public static bool IsClosed(Socket socket)
    {
        byte[] buffer = new byte[1024];
        try
        {
            while (socket.Receive(buffer) > 0)
            {
            }
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            return true;
        }
        return true;
    }
}
