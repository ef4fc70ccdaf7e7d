using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// TCP, plain or TLS, by blocking calls only: a socket that was ever used asynchronously is non-blocking for good, and every read would go
/// through the thread pool's poll.
/// </summary>
internal sealed class TcpTransport(BrokerLinkOptions options) : BrokerTransport
{
    private const int ProtocolTcp = 6;
    private const int OptionQuickAck = 12;
    private static readonly byte[] On = [1, 0, 0, 0];

    private Socket? _socket;
    private SslStream? _tls;

    public override void Connect(CancellationToken cancelled)
    {
        SocketException? last = null;
        foreach (IPAddress address in Dns.GetHostAddresses(options.Host))
        {
            _socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            using CancellationTokenRegistration giveUp = cancelled.Register(_socket.Dispose);
            try
            {
                _socket.Connect(address, options.Port);
                // Until CONNACK the peer must not make us wait; afterwards silence is the keep-alive's business.
                _socket.ReceiveTimeout = _socket.SendTimeout = (int)options.ConnectTimeout.TotalMilliseconds;
                if (options.Tls is not null)
                    _tls = Encrypt(_socket);
                cancelled.ThrowIfCancellationRequested();
                return;
            }
            catch (SocketException e)
            {
                _socket.Dispose();
                last = e;
            }
            catch
            {
                _socket.Dispose();
                if (cancelled.IsCancellationRequested)
                    throw new SocketException((int)SocketError.TimedOut);
                throw;
            }
        }
        throw last ?? new SocketException((int)SocketError.HostNotFound);
    }

    public override void Established(TimeSpan patience)
    {
        _socket!.ReceiveTimeout = 0;
        _socket.SendTimeout = (int)patience.TotalMilliseconds;
    }

    public override int Read(byte[] into, int offset)
    {
        int count = _tls is null ? _socket!.Receive(into.AsSpan(offset)) : _tls.Read(into.AsSpan(offset));
        // The kernel would hold back its acknowledgement for up to 40 ms, during which a broker with Nagle's algorithm on sends nothing:
        // p50 8.1 ms instead of 0.1 ms at QoS 1. Linux forgets the option after each use.
        if (OperatingSystem.IsLinux() && count > 0)
            _socket!.SetRawSocketOption(ProtocolTcp, OptionQuickAck, On);
        return count;
    }

    public override bool IsWritable
    {
        get
        {
            try
            {
                return _socket!.Poll(0, SelectMode.SelectWrite);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return true;
            }
        }
    }

    public override void Write(ReadOnlySpan<byte> bytes)
    {
        if (_tls is not null)
        {
            _tls.Write(bytes);
            return;
        }
        while (!bytes.IsEmpty)
            bytes = bytes[_socket!.Send(bytes)..];
    }

    public override void Close()
    {
        try
        {
            _socket?.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Never connected, or the peer was faster.
        }
        _socket?.Dispose();
    }

    public override void Dispose()
    {
        Close();
        _tls?.Dispose();
    }

    [SuppressMessage("Security", "CA5359", Justification = "Only where the operator asked for it by name.")]
    private SslStream Encrypt(Socket socket)
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
