using System.Net;
using System.Net.Sockets;

namespace StreamRnn.Ingest.Tests.Mqtt.Client;

/// <summary>Stands between clients and a broker that stays well, and cuts all connections at any byte.</summary>
internal sealed class CuttingProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _broker;
    private readonly Random _random;
    private readonly List<Socket> _open = [];
    private int _left = int.MaxValue;
    private int _cuts;
    private volatile bool _stopped;

    public CuttingProxy(int broker, int seed)
    {
        (_broker, _random) = (broker, new Random(seed));
        _listener.Start();
        new Thread(Accept) { IsBackground = true }.Start();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public int CutCount => Volatile.Read(ref _cuts);

    /// <summary>After a few bytes more, in whichever direction they go.</summary>
    public void CutSoon()
    {
        lock (_open)
            _left = _random.Next(400);
    }

    public void Dispose()
    {
        _stopped = true;
        _listener.Dispose();
        lock (_open)
            Cut();
    }

    private void Accept()
    {
        while (!_stopped)
        {
            try
            {
                Socket client = _listener.AcceptSocket();
                var broker = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                broker.Connect(IPAddress.Loopback, _broker);
                client.NoDelay = broker.NoDelay = true;
                lock (_open)
                    _open.AddRange([client, broker]);
                new Thread(() => Pass(client, broker)) { IsBackground = true }.Start();
                new Thread(() => Pass(broker, client)) { IsBackground = true }.Start();
            }
            catch (SocketException) when (_stopped)
            {
                return;
            }
        }
    }

    private void Pass(Socket from, Socket to)
    {
        byte[] buffer = new byte[256];
        try
        {
            for (int count; (count = from.Receive(buffer)) > 0;)
            {
                lock (_open)
                {
                    int passed = Math.Min(count, _left);
                    to.Send(buffer.AsSpan(0, passed));
                    if (_left == int.MaxValue)
                        continue;
                    _left -= passed;
                    if (_left > 0)
                        continue;
                    _left = int.MaxValue;
                    _cuts++;
                    Cut();
                    return;
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Cut, or ended by one of the two.
        }
        from.Dispose();
        to.Dispose();
    }

    private void Cut()
    {
        foreach (Socket socket in _open)
            socket.Dispose();
        _open.Clear();
    }
}
