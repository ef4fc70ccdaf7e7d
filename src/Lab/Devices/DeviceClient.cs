using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using MQTTnet;
using MQTTnet.Exceptions;
using MQTTnet.Formatter;
using MQTTnet.LowLevelClient;
using MQTTnet.Packets;
using MQTTnet.Protocol;
using StreamRnn.Engine;
using StreamRnn.Ingest.Mqtt.Client;

namespace StreamRnn.Lab.Devices;

/// <summary>
/// The connection of a simulated device, over MQTTnet's low-level client: connecting, TLS, WebSocket and the packets are MQTTnet's, the session is
/// kept here. A message above QoS 0 is kept until it is confirmed. After a lost connection it is sent again, in order and under its id, marked
/// as a duplicate where the broker still knows the session.
/// </summary>
/// <remarks>
/// MQTTnet's <c>MqttClient</c> keeps no session: after a lost connection it sends nothing again and begins its ids at 1, so that a repeat would be
/// a new message; it ignores the broker's Receive Maximum, and searches a list for each acknowledgement. One thread publishes.
/// </remarks>
public sealed class DeviceClient : IDisposable
{
    /// <summary>Messages kept until they are confirmed. A full ring makes the publisher wait.</summary>
    private const int Capacity = 4096;

    /// <summary>Ids of messages, from 1; more than are ever kept, so none is in use twice.</summary>
    private const int Ids = 65_534;

    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(10);

    private readonly MqttClientOptions _options;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource<bool> _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly object _state = new();
    private readonly Lock _sending = new();   // taken before the lock of the state; what is sent leaves in the order of the ring
    private readonly Outgoing[] _kept = new Outgoing[Capacity];
    private readonly Thread _thread;
    private Connection? _connection;
    private long _head;   // oldest that is not confirmed
    private long _next;   // next to send on this connection
    private long _tail;
    private int _inFlight;
    private long _confirmed;
    private long _rejected;
    private long _dropped;

    /// <param name="options">Address, client id, credentials and session; the version is MQTT 5.</param>
    public DeviceClient(MqttClientOptions options)
    {
        _options = options;
        // A thread of its own: it waits for locks and for MQTTnet's tasks, which a thread of the pool would hold up for all devices.
        _thread = new Thread(Run) { Name = "device " + options.ClientId, IsBackground = true };
        _thread.Start();
    }

    /// <summary>Longest wait for a message's confirmation when the ring is full.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Pause between two attempts to connect.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>Cause of the last lost connection or failed attempt; null while there was none.</summary>
    public string? LastFailure { get; private set; }

    /// <summary>Messages above QoS 0 that the broker has confirmed.</summary>
    public long ConfirmedCount => Read(ref _confirmed);

    /// <summary>Messages above QoS 0 that the broker has refused.</summary>
    public long RejectedCount => Read(ref _rejected);

    /// <summary>Messages at QoS 0 that were lost for want of a connection.</summary>
    public long DroppedCount => Read(ref _dropped);

    /// <summary>Messages above QoS 0 that are not confirmed yet.</summary>
    public int UnconfirmedCount
    {
        get
        {
            lock (_state)
                return (int)(_tail - _head);
        }
    }

    // MQTTnet gives a socket 8 KB. The window is then smaller than a segment on loopback, and a sender with a backlog waits for the persist
    // timer: 35 KB a second.
    private const int SocketBytes = 1 << 20;

    /// <summary>Options for a broker, with a session that outlives a lost connection.</summary>
    /// <param name="caFile">PEM file of the authorities to trust in place of the system's.</param>
    public static MqttClientOptionsBuilder Options(BrokerAddress broker, string clientId, string? caFile = null)
    {
        MqttClientOptionsBuilder options = new MqttClientOptionsBuilder()
            .WithClientId(clientId).WithProtocolVersion(MqttProtocolVersion.V500).WithTimeout(ConnectPatience)
            .WithCleanStart(false).WithSessionExpiryInterval((uint)TimeSpan.FromMinutes(10).TotalSeconds).WithKeepAlivePeriod(TimeSpan.FromSeconds(30));
        if (broker.Path is null)
            options.WithEndPoint(new DnsEndPoint(broker.Host, broker.Port)).WithTcpServer(tcp => tcp.BufferSize = SocketBytes);
        else
            options.WithWebSocketServer(socket => socket.WithUri(broker.Url));
        if (!broker.IsEncrypted)
            return options;
        X509Certificate2Collection authorities = [];
        if (caFile is not null)
            authorities.ImportFromPemFile(caFile);
        // MQTTnet's WebSocket ignores a trust chain that is set; the handler serves both transports.
        return options.WithTlsOptions(tls =>
        {
            tls.UseTls();
            if (caFile is not null)
                tls.WithCertificateValidationHandler(seen => IsTrusted(authorities, seen));
        });
    }

    /// <summary>Connects and waits until the broker has accepted.</summary>
    /// <exception cref="CommandFailedException">It has not within ten seconds, or says no.</exception>
    public static DeviceClient Connect(BrokerAddress broker, MqttClientOptions options, CancellationToken stop)
    {
        DeviceClient client = new(options);
        try
        {
            if (client._answered.Task.Wait(ConnectPatience, stop) && client._answered.Task.Result)
                return client;
        }
        catch (OperationCanceledException)
        {
            client.Dispose();
            throw;
        }
        string reason = client.LastFailure ?? "no answer";
        client.Dispose();
        throw new CommandFailedException($"cannot connect to the broker at {broker} ({reason}); is it running, and is this its port?");
    }

    /// <summary>Sends a message. Above QoS 0 it waits while too many are unconfirmed.</summary>
    /// <exception cref="CommandFailedException">The broker has confirmed nothing within <see cref="Patience"/>.</exception>
    /// <exception cref="ObjectDisposedException">The client was disposed meanwhile.</exception>
    public void Publish(string topic, ReadOnlySpan<byte> payload, byte qos)
    {
        MqttPublishPacket packet = new()
        {
            Topic = topic,
            PayloadSegment = payload.ToArray(),
            QualityOfServiceLevel = (MqttQualityOfServiceLevel)qos,
        };
        if (qos == 0)
        {
            Connection? connection = Volatile.Read(ref _connection);
            if (connection is null || !connection.TrySend(packet))
                Interlocked.Increment(ref _dropped);
            return;
        }

        lock (_state)
        {
            while (_tail - _head == Capacity)
            {
                long before = _head;
                ObjectDisposedException.ThrowIf(_stop.IsCancellationRequested, this);
                if (!Monitor.Wait(_state, Patience) && _head == before)
                    throw new CommandFailedException($"the broker has confirmed nothing for {Patience.TotalSeconds:0} s ({LastFailure ?? "it is silent"})");
            }
            packet.PacketIdentifier = (ushort)(1 + (_tail % Ids));
            _kept[_tail++ % Capacity] = new Outgoing(packet);
        }
        SendDue();
    }

    /// <summary>Waits until everything is confirmed.</summary>
    /// <returns>False where it is not in time.</returns>
    public bool Drain(TimeSpan patience)
    {
        long deadline = Environment.TickCount64 + (long)patience.TotalMilliseconds;
        lock (_state)
        {
            while (_head < _tail)
            {
                long left = deadline - Environment.TickCount64;
                if (left <= 0)
                    return false;
                Monitor.Wait(_state, (int)Math.Min(left, 1000));
            }
            return _head == _tail;
        }
    }

    /// <summary>Leaves with DISCONNECT and ends the session, so that the broker keeps nothing of it. What is not confirmed is given up.</summary>
    public void Dispose()
    {
        _stop.CancelAfter(Pause);   // a broker that reads nothing does not hear it either
        Volatile.Read(ref _connection)?.TrySend(new MqttDisconnectPacket
        {
            ReasonCode = MqttDisconnectReasonCode.NormalDisconnection,
            SessionExpiryInterval = 1,   // seconds; MQTTnet leaves a zero out, and the interval of CONNECT would stand
        });
        _stop.Cancel();
        lock (_state)
            Monitor.PulseAll(_state);
        _thread.Join();
        _stop.Dispose();
    }

    private static bool IsTrusted(X509Certificate2Collection authorities, MqttClientCertificateValidationEventArgs seen)
    {
        if (seen.Certificate is null || (seen.SslPolicyErrors & ~SslPolicyErrors.RemoteCertificateChainErrors) != 0)
            return false;   // no certificate, or one of another name
        using X509Certificate2 shown = new(seen.Certificate);
        using X509Chain chain = new();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        foreach (X509ChainElement sent in seen.Chain?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
            chain.ChainPolicy.ExtraStore.Add(sent.Certificate);
        return chain.Build(shown);
    }

    private long Read(ref long count)
    {
        lock (_state)
            return count;
    }

    private void Run()
    {
        while (!_stop.IsCancellationRequested)
        {
            using Connection connection = new(_stop.Token);
            try
            {
                MqttConnAckPacket connack = connection.OpenAsync(_options).GetAwaiter().GetResult();
                if (connack.ReasonCode != MqttConnectReasonCode.Success)
                    throw new MqttCommunicationException($"the broker answers {connack.ReasonCode}{(connack.ReasonString is { Length: > 0 } words ? ": " + words : "")}");
                Resume(connection, connack.IsSessionPresent);
                _answered.TrySetResult(true);
                SendDue();
                while (true)
                    Take(connection, connection.ReceiveAsync().GetAwaiter().GetResult());
            }
            catch (Exception e) when (Connection.IsGone(e))
            {
                LastFailure = e.GetBaseException().Message;
            }
            Volatile.Write(ref _connection, null);
            if (connection.Refused)
                _answered.TrySetResult(false);
            _stop.Token.WaitHandle.WaitOne(Pause);
        }
    }

    /// <summary>Everything that is not confirmed is to be sent again.</summary>
    private void Resume(Connection connection, bool sessionPresent)
    {
        lock (_state)
        {
            for (long message = _head; message < _next; message++)
            {
                Outgoing outgoing = _kept[message % Capacity];
                outgoing.Packet.Dup = sessionPresent;
                outgoing.IsDone |= outgoing.IsReceived && !sessionPresent;   // the broker had it, and knows its id no more
            }
            (_next, _inFlight) = (_head, 0);
            Release();
            _connection = connection;
        }
    }

    /// <summary>Sends what the broker's Receive Maximum leaves room for.</summary>
    private void SendDue()
    {
        lock (_sending)
        {
            while (true)
            {
                Connection? connection;
                Outgoing next;
                lock (_state)
                {
                    connection = _connection;
                    while (_next < _tail && _kept[_next % Capacity].IsDone)
                        _next++;
                    if (connection is null || _next == _tail || _inFlight >= connection.Window)
                        return;
                    next = _kept[_next++ % Capacity];
                    _inFlight++;
                }
                if (!connection.TrySend(next.IsReceived ? new MqttPubRelPacket { PacketIdentifier = next.Packet.PacketIdentifier } : next.Packet))
                    return;
            }
        }
    }

    private void Take(Connection connection, MqttPacket packet)
    {
        switch (packet)
        {
            case MqttPubAckPacket acknowledged:
                Complete(acknowledged.PacketIdentifier, isRefused: (int)acknowledged.ReasonCode >= 0x80);
                break;
            case MqttPubRecPacket received when (int)received.ReasonCode >= 0x80:
                Complete(received.PacketIdentifier, isRefused: true);
                break;
            case MqttPubRecPacket received:
                lock (_state)
                {
                    if (Find(received.PacketIdentifier) is Outgoing outgoing)
                        outgoing.IsReceived = true;
                }
                connection.TrySend(new MqttPubRelPacket { PacketIdentifier = received.PacketIdentifier });
                break;
            case MqttPubCompPacket completed:
                Complete(completed.PacketIdentifier, isRefused: false);
                break;
            case MqttDisconnectPacket ended:
                throw new MqttCommunicationException($"the broker ended the connection: {ended.ReasonCode}");
        }
    }

    private void Complete(ushort id, bool isRefused)
    {
        lock (_state)
        {
            if (Find(id) is not Outgoing outgoing)
                return;
            outgoing.IsDone = true;
            _inFlight--;
            (isRefused ? ref _rejected : ref _confirmed)++;
            Release();
        }
        SendDue();
    }

    /// <summary>The message in flight under an id.</summary>
    private Outgoing? Find(ushort id)
    {
        long message = _head + ((id - 1 - (_head % Ids) + Ids) % Ids);
        return message < _next && !_kept[message % Capacity].IsDone ? _kept[message % Capacity] : null;
    }

    private void Release()
    {
        while (_head < _tail && _kept[_head % Capacity].IsDone)
            _head++;
        Monitor.PulseAll(_state);
    }

    private sealed class Outgoing(MqttPublishPacket packet)
    {
        public readonly MqttPublishPacket Packet = packet;

        /// <summary>PUBREC has come: what is left to send is PUBREL.</summary>
        public bool IsReceived;

        public bool IsDone;
    }

    /// <summary>One connection, from CONNECT to its end.</summary>
    private sealed class Connection(CancellationToken stop) : IDisposable
    {
        private readonly ILowLevelMqttClient _client = new MqttClientFactory().CreateLowLevelMqttClient();
        private readonly CancellationTokenSource _end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        private Task _pinging = Task.CompletedTask;
        private bool _pongIsDue;

        /// <summary>Messages above QoS 0 that may be unconfirmed.</summary>
        public int Window { get; private set; }

        /// <summary>True once CONNACK said no.</summary>
        public bool Refused { get; private set; }

        public static bool IsGone(Exception e) => e is MqttCommunicationException or MqttProtocolViolationException or SocketException or IOException
            or AuthenticationException or WebSocketException or OperationCanceledException
            or InvalidOperationException;   // the low-level client is disposed, or says that it is no longer connected

        public async Task<MqttConnAckPacket> OpenAsync(MqttClientOptions options)
        {
            using CancellationTokenSource late = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
            late.CancelAfter(options.Timeout);
            await _client.ConnectAsync(options, late.Token).ConfigureAwait(false);
            await _client.SendAsync(MqttConnectPacketFactory.Create(options), late.Token).ConfigureAwait(false);
            if (await _client.ReceiveAsync(late.Token).ConfigureAwait(false) is not MqttConnAckPacket connack)
                throw new MqttProtocolViolationException("the broker closed the connection instead of answering");
            Refused = connack.ReasonCode != MqttConnectReasonCode.Success;
            Window = connack.ReceiveMaximum == 0 ? ushort.MaxValue : connack.ReceiveMaximum;
            TimeSpan keepAlive = connack.ServerKeepAlive > 0 ? TimeSpan.FromSeconds(connack.ServerKeepAlive) : options.KeepAlivePeriod;
            _pinging = PingAsync(keepAlive / 2);
            return connack;
        }

        public async Task<MqttPacket> ReceiveAsync()
        {
            MqttPacket packet = await _client.ReceiveAsync(_end.Token).ConfigureAwait(false) ?? throw new MqttCommunicationException("the broker closed the connection");
            if (packet is MqttPingRespPacket)
                _pongIsDue = false;
            return packet;
        }

        private Task SendAsync(MqttPacket packet) => _client.SendAsync(packet, _end.Token);

        /// <returns>False where the connection is over; it ends then.</returns>
        public bool TrySend(MqttPacket packet)
        {
            try
            {
                SendAsync(packet).GetAwaiter().GetResult();
                return true;
            }
            catch (Exception e) when (IsGone(e))
            {
                _end.Cancel();
                return false;
            }
        }

        public void Dispose()
        {
            _end.Cancel();
            _pinging.GetAwaiter().GetResult();
            _client.Dispose();
        }

        /// <summary>Asks now and then whether the broker is there; silence since the last time ends the connection.</summary>
        private async Task PingAsync(TimeSpan period)
        {
            while (true)
            {
                await Task.Delay(period, _end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (_end.IsCancellationRequested)
                    return;
                if (_pongIsDue)
                    await _end.CancelAsync().ConfigureAwait(false);
                _pongIsDue = true;
                try
                {
                    await SendAsync(new MqttPingReqPacket()).WaitAsync(period, _end.Token).ConfigureAwait(false);   // it may stand behind a message that is not read
                }
                catch (Exception e) when (IsGone(e) || e is TimeoutException)
                {
                    await _end.CancelAsync().ConfigureAwait(false);
                    return;
                }
            }
        }
    }
}
