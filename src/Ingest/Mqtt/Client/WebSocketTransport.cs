using System.Net;
using System.Net.Http;
using System.Net.WebSockets;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// MQTT over WebSocket, MQTT 5.0 section 6: binary frames that need not begin or end where packets do. Its calls are asynchronous ones that a
/// thread waits for, at the cost of a hop through the pool for each.
/// </summary>
/// <remarks>
/// The platform's class, not MQTTnet's channel around it: that hides the type of a frame, takes an empty message for the end, and knows neither
/// the answer of a web server that is no broker nor the reason of a close frame.
/// </remarks>
internal sealed class WebSocketTransport(BrokerLinkOptions options) : BrokerTransport
{
    // So many empty messages in a row are no hiccup of a bridge.
    private const int EmptyMessages = 1000;

    private readonly ClientWebSocket _socket = new();
    private readonly CancellationTokenSource _closed = new();
    private BrokerCertificate? _certificate;
    private byte[] _out = new byte[64 * 1024];
    private TimeSpan _patience = options.ConnectTimeout;

    /// <summary>Nobody can ask a WebSocket: what must not wait is left to the sender.</summary>
    public override bool IsWritable => false;

    public override void Connect(CancellationToken cancelled)
    {
        _socket.Options.AddSubProtocol("mqtt");
        _socket.Options.CollectHttpResponseDetails = true;
        foreach ((string name, string value) in options.WebSocket!.Headers)
            _socket.Options.SetRequestHeader(name, value);
        _socket.Options.Proxy = options.Proxy is null ? null : new WebProxy(options.Proxy);
        if (options.Tls is not null)
        {
            _certificate = new BrokerCertificate(options);
            _socket.Options.RemoteCertificateValidationCallback = _certificate.IsTrusted;
            if (_certificate.Own is not null)
                _socket.Options.ClientCertificates = [_certificate.Own];
        }
        try
        {
            _socket.ConnectAsync(new Uri(options.Address.Url), cancelled).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or HttpRequestException or InvalidOperationException)
        {
            throw new IOException(Words(e, cancelled));
        }
        if (_socket.SubProtocol != "mqtt")
            throw new IOException($"the web server opens a WebSocket that is not for MQTT; is {options.WebSocket.Path} the right path?");
    }

    public override void Established(TimeSpan patience) => _patience = patience;

    public override int Read(byte[] into, int offset)
    {
        for (int i = 0; i < EmptyMessages; i++)
        {
            ValueWebSocketReceiveResult read;
            try
            {
                read = Wait(() => _socket.ReceiveAsync(into.AsMemory(offset), _closed.Token).AsTask());
            }
            catch (IOException e) when (e.InnerException is WebSocketException { WebSocketErrorCode: WebSocketError.ConnectionClosedPrematurely })
            {
                return 0;
            }
            if (read.MessageType == WebSocketMessageType.Close)
                return 0;
            if (read.MessageType == WebSocketMessageType.Text)
                throw new IOException("the broker sent text where MQTT is binary");   // [MQTT-6.0.0-1]
            if (read.Count > 0)
                return read.Count;
        }
        throw new IOException($"the broker sent {EmptyMessages} empty messages in a row");
    }

    public override void Write(ReadOnlySpan<byte> bytes)
    {
        if (_out.Length < bytes.Length)
            _out = new byte[bytes.Length];
        bytes.CopyTo(_out);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(_closed.Token);
        patience.CancelAfter(_patience);
        ReadOnlyMemory<byte> packets = _out.AsMemory(0, bytes.Length);
        Wait(async () =>
        {
            await _socket.SendAsync(packets, WebSocketMessageType.Binary, endOfMessage: true, patience.Token).ConfigureAwait(false);
            return 0;
        });
    }

    public override void Close()
    {
        _closed.Cancel();
        _socket.Abort();
    }

    public override void Dispose()
    {
        Close();
        _socket.Dispose();
        _certificate?.Dispose();
    }

    private static T Wait<T>(Func<Task<T>> call)
    {
        try
        {
            return call().GetAwaiter().GetResult();
        }
        catch (OperationCanceledException e)
        {
            throw new IOException("the connection was given up", e);
        }
        catch (Exception e) when (e is WebSocketException or InvalidOperationException)
        {
            throw new IOException(e.InnerException?.Message ?? e.Message, e.InnerException as System.Net.Sockets.SocketException ?? e);
        }
    }

    private string Words(Exception e, CancellationToken cancelled)
    {
        if (cancelled.IsCancellationRequested)
            return "no answer in time";
        if (_certificate?.Refusal is string refusal)
            return "certificate: " + refusal;
        if (_socket.HttpStatusCode is not (0 or HttpStatusCode.SwitchingProtocols))
            return $"the web server answers {(int)_socket.HttpStatusCode}; is {options.WebSocket!.Path.Split('?')[0]} the path of MQTT there, and are we allowed to it?";
        Exception inner = e;
        while (inner.InnerException is not null)
            inner = inner.InnerException;
        if (inner is System.Net.Sockets.SocketException { SocketErrorCode: not System.Net.Sockets.SocketError.ConnectionReset })
            return inner.Message;
        return inner.Message + (_certificate is { WasAsked: false } ? "; does this port speak TLS? Without it write ws://"
            : $"; is this a web port? For MQTT without WebSocket write {(options.Tls is null ? "mqtt" : "mqtts")}://");
    }
}
