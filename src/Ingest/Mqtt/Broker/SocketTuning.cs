using System.Net.Sockets;

namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>Socket options that decide the latency of small packets on loopback and local networks.</summary>
internal static class SocketTuning
{
    private const int Tcp = 6;
    private const int QuickAck = 12;

    private static readonly byte[] One = BitConverter.GetBytes(1);

    /// <summary>A third of it free is what "writable" promises: more than one send of the <see cref="Outbox"/>.</summary>
    private const int SendBuffer = 256 * 1024;

    public static void Apply(Socket socket)
    {
        socket.NoDelay = true;
        socket.SendBufferSize = SendBuffer;
    }

    /// <summary>
    /// Has the kernel acknowledge what was received now, not up to 40 ms later, during which a peer with Nagle's algorithm on sends nothing.
    /// Linux forgets the option, so it is set after every receive.
    /// </summary>
    public static void AcknowledgeAtOnce(Socket socket)
    {
        if (OperatingSystem.IsLinux())
            socket.SetRawSocketOption(Tcp, QuickAck, One);
    }
}
