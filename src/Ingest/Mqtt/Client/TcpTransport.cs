using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// TCP, plain or TLS, by blocking calls only: a socket that was ever used asynchronously is non-blocking for good, and every read would go
/// through the thread pool's poll.
/// </summary>
internal sealed class TcpTransport(BrokerLinkOptions options) : BrokerTransport
{
    private const int ProtocolTcp = 6;
    private const int OptionQuickAck = 12;
    private const int LongestProxyAnswer = 8192;
    private static readonly byte[] On = [1, 0, 0, 0];

    private Socket? _socket;
    private SslStream? _tls;

    public override void Connect(CancellationToken cancelled)
    {
        using BrokerCertificate? certificate = options.Tls is null ? null : new BrokerCertificate(options);
        SocketException? last = null;
        IPAddress[] addresses = Dns.GetHostAddresses(options.Proxy?.DnsSafeHost ?? options.Host);
        foreach (IPAddress address in addresses)
        {
            // Each has its share of the time: behind a dead one there may be one that lives.
            using CancellationTokenSource turn = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
            if (addresses.Length > 1)
                turn.CancelAfter(options.ConnectTimeout / addresses.Length);
            _socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            using CancellationTokenRegistration giveUp = turn.Token.Register(_socket.Dispose);
            try
            {
                _socket.Connect(address, options.Proxy?.Port ?? options.Port);
                // Until CONNACK the peer must not make us wait; afterwards silence is the keep-alive's business.
                _socket.ReceiveTimeout = _socket.SendTimeout = (int)options.ConnectTimeout.TotalMilliseconds;
                if (options.Proxy is not null)
                    Tunnel(_socket);
                if (certificate is not null)
                    _tls = Encrypt(_socket, certificate);
                turn.Token.ThrowIfCancellationRequested();
                return;
            }
            catch (SocketException e)
            {
                _socket.Dispose();
                last = e;
            }
            catch (Exception e)
            {
                _socket.Dispose();
                if (!turn.IsCancellationRequested || e is IOException)
                    throw;
                last = new SocketException((int)SocketError.TimedOut);
                if (cancelled.IsCancellationRequested)
                    throw last;
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

    private SslStream Encrypt(Socket socket, BrokerCertificate certificate)
    {
        var authentication = new SslClientAuthenticationOptions
        {
            TargetHost = options.Host,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            RemoteCertificateValidationCallback = certificate.IsTrusted,
            ClientCertificates = certificate.Own is null ? null : [certificate.Own],
            ApplicationProtocols = options.Tls!.Alpn.Count == 0 ? null : [.. options.Tls.Alpn.Select(name => new SslApplicationProtocol(name))],
        };
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: false), leaveInnerStreamOpen: false);
        try
        {
            stream.AuthenticateAsClient(authentication);
            return stream;
        }
        catch (Exception e) when (e is AuthenticationException or IOException && !certificate.WasAsked)
        {
            stream.Dispose();
            throw new IOException($"no TLS: {e.InnerException?.Message ?? e.Message}; does this port speak plain MQTT? leave TLS out (Tls:Enabled, --tls, mqtts:)");
        }
        catch (AuthenticationException) when (certificate.Refusal is string refusal)
        {
            stream.Dispose();
            throw new IOException("certificate: " + refusal);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Asks an HTTP proxy for a tunnel to the broker.</summary>
    private void Tunnel(Socket socket)
    {
        string broker = options.Host.Contains(':') ? $"[{options.Host}]:{options.Port}" : $"{options.Host}:{options.Port}";
        socket.Send(Encoding.ASCII.GetBytes($"CONNECT {broker} HTTP/1.1\r\nHost: {broker}\r\n\r\n"));
        byte[] answer = new byte[LongestProxyAnswer];
        int length = 0;
        while (!answer.AsSpan(0, length).EndsWith("\r\n\r\n"u8))   // byte by byte: what follows is the broker's
        {
            if (length == answer.Length || socket.Receive(answer.AsSpan(length, 1)) == 0)
                throw new IOException($"the proxy {options.Proxy} does not answer as one");
            length++;
        }
        string status = Encoding.ASCII.GetString(answer.AsSpan(0, answer.AsSpan().IndexOf("\r\n"u8)));
        if (status.Split(' ') is not ["HTTP/1.1" or "HTTP/1.0", "200", ..])
            throw new IOException($"the proxy {options.Proxy} opens no way to {broker}: {status}");
    }
}
