using System.Net;
using System.Net.Sockets;
using System.Text;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>
/// Stands where a broker should: plays a misdeed to each of the first connections, and passes the later ones on to a sound broker.
/// </summary>
internal sealed class FaultyBroker : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Queue<Action<Socket>> _misdeeds;
    private readonly List<Socket> _sockets = [];
    private readonly int _soundPort;
    private readonly byte[] _victims;

    /// <param name="misdeeds">Each gets a socket on which CONNECT has been read, which is closed when it returns.</param>
    /// <param name="victims">Only those meet them whose client id, or another part of CONNECT, contains this.</param>
    public FaultyBroker(int soundPort, IEnumerable<Action<Socket>> misdeeds, string victims = "")
    {
        (_soundPort, _misdeeds, _victims) = (soundPort, new Queue<Action<Socket>>(misdeeds), Encoding.UTF8.GetBytes(victims));
        _listener.Start();
        Run(Accept);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Misdeeds that nobody has met yet.</summary>
    public int Left
    {
        get
        {
            lock (_misdeeds)
                return _misdeeds.Count;
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        lock (_sockets)
            _sockets.ForEach(socket => socket.Dispose());
    }

    private void Accept()
    {
        while (true)
        {
            Socket client = Keep(_listener.AcceptSocket());
            Run(() => Serve(client));
        }
    }

    private void Serve(Socket client)
    {
        using (client)
        {
            byte[] connect = new byte[4096];
            int length = client.Receive(connect);
            if (Misdeed(connect.AsSpan(0, length)) is Action<Socket> misdeed)
            {
                misdeed(client);
                return;
            }
            using Socket broker = Keep(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
            broker.Connect(IPAddress.Loopback, _soundPort);
            broker.Send(connect.AsSpan(0, length));
            Run(() => Copy(broker, client));
            Copy(client, broker);
        }
    }

    private Action<Socket>? Misdeed(ReadOnlySpan<byte> connect)
    {
        lock (_misdeeds)
            return connect.IndexOf(_victims) >= 0 && _misdeeds.TryDequeue(out Action<Socket>? misdeed) ? misdeed : null;
    }

    private static void Copy(Socket from, Socket to)
    {
        byte[] buffer = new byte[1 << 16];
        for (int count; (count = from.Receive(buffer)) > 0;)
            to.Send(buffer.AsSpan(0, count));
        to.Shutdown(SocketShutdown.Both);
    }

    private Socket Keep(Socket socket)
    {
        lock (_sockets)
            _sockets.Add(socket);
        return socket;
    }

    /// <summary>A thread that ends when its socket does.</summary>
    private static void Run(Action action) => new Thread(() =>
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
    })
    { IsBackground = true }.Start();
}

/// <summary>Time that passes faster, so that pauses between attempts and time-outs are short.</summary>
internal sealed class HurriedClock(int speed) : TimeProvider
{
    private readonly long _start = System.GetTimestamp();

    public override long GetTimestamp() => _start + ((System.GetTimestamp() - _start) * speed);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        System.CreateTimer(callback, state, Shorten(dueTime), Shorten(period));

    private TimeSpan Shorten(TimeSpan time) => time > TimeSpan.Zero ? time / speed : time;
}
