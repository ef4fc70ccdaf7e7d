using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// The bytes of one connection, plain or TLS, read and written by blocking calls from one thread each. Only blocking calls: a socket that
/// was ever used asynchronously is non-blocking for good, and every read would go through the thread pool's poll.
/// </summary>
internal sealed class MqttLink : IDisposable
{
    private const int ProtocolTcp = 6;
    private const int OptionQuickAck = 12;
    private static readonly byte[] On = [1, 0, 0, 0];

    private readonly Socket _socket;
    private readonly Stream? _tls;

    private MqttLink(Socket socket, Stream? tls) => (_socket, _tls) = (socket, tls);

    /// <exception cref="SocketException">Nobody answers, or not in time.</exception>
    /// <exception cref="AuthenticationException">The two ends do not agree on TLS.</exception>
    public static MqttLink Connect(BrokerLinkOptions options, CancellationToken cancelled)
    {
        SocketException? last = null;
        foreach (IPAddress address in Dns.GetHostAddresses(options.Host))
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            using CancellationTokenRegistration giveUp = cancelled.Register(socket.Dispose);
            try
            {
                socket.Connect(address, options.Port);
                // Until CONNACK the peer must not make us wait; afterwards silence is the keep-alive's business.
                socket.ReceiveTimeout = socket.SendTimeout = (int)options.ConnectTimeout.TotalMilliseconds;
                var link = new MqttLink(socket, options.Tls is null ? null : Encrypt(socket, options));
                cancelled.ThrowIfCancellationRequested();
                return link;
            }
            catch (SocketException e)
            {
                socket.Dispose();
                last = e;
            }
            catch
            {
                socket.Dispose();
                if (cancelled.IsCancellationRequested)
                    throw new SocketException((int)SocketError.TimedOut);
                throw;
            }
        }
        throw last ?? new SocketException((int)SocketError.HostNotFound);
    }

    /// <summary>
    /// The handshake is over: from now on a read waits for as long as it takes. A write does not: while it waits, nobody can ask a peer
    /// that has stopped reading whether it is there.
    /// </summary>
    /// <param name="patience">A peer that takes not one byte for so long is gone.</param>
    public void Established(TimeSpan patience)
    {
        _socket.ReceiveTimeout = 0;
        _socket.SendTimeout = (int)patience.TotalMilliseconds;
    }

    /// <summary>Waits for bytes. 0 when the peer has closed.</summary>
    public int Read(Span<byte> into)
    {
        int count = _tls is null ? _socket.Receive(into) : _tls.Read(into);
        // The kernel would hold back its acknowledgement for up to 40 ms, during which a broker with Nagle's algorithm on sends nothing:
        // p50 8.1 ms instead of 0.1 ms at QoS 1. Linux forgets the option after each use.
        if (OperatingSystem.IsLinux() && count > 0)
            _socket.SetRawSocketOption(ProtocolTcp, OptionQuickAck, On);
        return count;
    }

    /// <summary>Whether the socket takes a few KB without making us wait; also where it is closed, which writing will tell.</summary>
    public bool IsWritable
    {
        get
        {
            try
            {
                return _socket.Poll(0, SelectMode.SelectWrite);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return true;
            }
        }
    }

    public void Write(ReadOnlySpan<byte> bytes)
    {
        if (_tls is not null)
        {
            _tls.Write(bytes);
            return;
        }
        while (!bytes.IsEmpty)
            bytes = bytes[_socket.Send(bytes)..];
    }

    /// <summary>Ends both directions; whoever waits in <see cref="Read"/> or <see cref="Write"/> is woken by an exception or a 0.</summary>
    public void Close()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The peer was faster.
        }
        _socket.Dispose();
    }

    public void Dispose()
    {
        Close();
        _tls?.Dispose();
    }

    [SuppressMessage("Security", "CA5359", Justification = "Only where the operator asked for it by name.")]
    private static SslStream Encrypt(Socket socket, BrokerLinkOptions options)
    {
        MqttTlsOptions tls = options.Tls!;
        var authentication = new SslClientAuthenticationOptions
        {
            TargetHost = options.Host,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        };
        if (tls.CaFile is not null)
        {
            authentication.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            authentication.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile(tls.CaFile);
        }
        if (tls.CertificateFile is not null)
            authentication.ClientCertificates = [X509Certificate2.CreateFromPemFile(tls.CertificateFile, tls.KeyFile)];
        if (tls.AllowUntrusted)
            authentication.RemoteCertificateValidationCallback = (_, _, _, _) => true;

        var stream = new SslStream(new NetworkStream(socket, ownsSocket: false), leaveInnerStreamOpen: false);
        try
        {
            stream.AuthenticateAsClient(authentication);
            return stream;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }
}
