using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace StreamRnn.Lab.Cli;

/// <summary>Finds a free port on loopback for a child process.</summary>
internal static class FreePort
{
    public static int Find()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
