using System.Net;
using System.Net.Sockets;

namespace StreamRnn.Support;

/// <summary>Ports of the loopback address.</summary>
public static class Ports
{
    /// <summary>A port that nobody listens on at the moment.</summary>
    public static int Free()
    {
        using TcpListener probe = new(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
