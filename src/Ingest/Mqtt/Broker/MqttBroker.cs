using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>
/// An MQTT 3.1.1 and 5.0 broker inside the process. Each message from a client goes to the owner's handler, on the thread that read it,
/// and to the clients that subscribe to its topic. Sessions and retained messages live as long as the process, or as its journal.
/// </summary>
/// <remarks>
/// QoS 0, 1 and 2 both ways. Without a journal a message at QoS 2 is taken once as long as the process lives. Wills are for subscribers, not
/// for the owner's handler.
/// </remarks>
public sealed class MqttBroker : IDisposable
{
    private static readonly TimeSpan SweepPeriod = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(5);

    // For clients to take what they are owed at a stop, in all and while none of them takes anything.
    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan DrainPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan DrainPause = TimeSpan.FromMilliseconds(5);

    private readonly MqttPublishHandler? _handler;
    private readonly FaultCounters? _faults;
    private readonly TimeProvider _time;
    private readonly LogEpisodes _episodes = new();
    private readonly HashSet<BrokerConnection> _connections = [];
    private Socket? _listener;
    private Thread? _acceptor;
    private ITimer? _sweeper;
    private bool _stopped;

    /// <param name="handler">Null where nobody but subscribers wants the messages.</param>
    /// <param name="faults">Counts what clients send against the protocol.</param>
    /// <param name="journal">Journal for the packets that the handler takes in; receives the sessions that send them.</param>
    public MqttBroker(MqttBrokerOptions options, MqttPublishHandler? handler = null, ILogger? logger = null, TimeProvider? time = null,
        FaultCounters? faults = null, IDeliveryJournal? journal = null)
    {
        (Options, Journal) = (options, journal);
        (_handler, _faults) = (handler, faults);
        _time = time ?? TimeProvider.System;
        Logger = logger ?? NullLogger.Instance;
        State = new BrokerState(options, Counters, _time, journal);
        Sender = new BrokerSender();
    }

    /// <summary>Address it listens on, with the port taken where 0 was asked for; null before <see cref="Start"/>.</summary>
    public IPEndPoint? EndPoint { get; private set; }

    public MqttBrokerCounters Counters { get; } = new();

    /// <summary>Open at this moment.</summary>
    public int ConnectionCount
    {
        get
        {
            lock (_connections)
                return _connections.Count;
        }
    }

    public int SessionCount => State.SessionCount;

    public int RetainedCount => State.RetainedCount;

    /// <summary>Sessions that the journal restores, before <see cref="Start"/>, and saves.</summary>
    public ISessionJournal Sessions => State;

    internal MqttBrokerOptions Options { get; }

    internal IDeliveryJournal? Journal { get; }

    internal ILogger Logger { get; }

    internal BrokerState State { get; }

    internal BrokerSender Sender { get; }

    /// <summary>Begins to listen.</summary>
    /// <exception cref="InvalidOperationException">The address cannot be listened on; the message says what to do.</exception>
    public void Start()
    {
        if (!IPAddress.TryParse(Options.ListenAddress, out IPAddress? address))
            throw new InvalidOperationException($"MQTT broker: ListenAddress '{Options.ListenAddress}' is not an IP address, such as 127.0.0.1 or 0.0.0.0.");
        if (!IPAddress.IsLoopback(address) && Options.UserName is null && !Options.AllowAnonymous)
        {
            throw new InvalidOperationException($"MQTT broker: {address} can be reached from other machines and there are no credentials. "
                + "Set UserName and Password, or AllowAnonymous to let everybody in, or listen on 127.0.0.1.");
        }

        var listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            listener.Bind(new IPEndPoint(address, Options.Port));
            listener.Listen(512);
        }
        catch (SocketException e)
        {
            listener.Dispose();
            string remedy = e.SocketErrorCode == SocketError.AddressAlreadyInUse
                ? "Another program has it (another MQTT broker?): stop that one, or choose another port; 0 takes any free one."
                : "Choose another address or port.";
            throw new InvalidOperationException($"MQTT broker: cannot listen on {address}:{Options.Port} ({e.Message}). {remedy}", e);
        }

        State.EndRestoring();
        _listener = listener;
        EndPoint = (IPEndPoint)listener.LocalEndPoint!;
        _acceptor = new Thread(Accept, 256 * 1024) { IsBackground = true, Name = "mqtt broker acceptor" };
        _acceptor.Start();
        _sweeper = _time.CreateTimer(_ => State.Sweep(), null, SweepPeriod, SweepPeriod);
        Log.Listening(Logger, EndPoint);
    }

    /// <summary>Publishes a message of the owner to its subscribers. Any thread; waits for no socket.</summary>
    public void Publish(in MqttPublish publish) => State.Route(publish, publisher: null);

    /// <summary>The same, but it leaves with this thread's next <see cref="Flush"/>, which saves waking the sender for a message or two.</summary>
    public void Gather(in MqttPublish publish)
    {
        BrokerSender.Gather(start: true);
        try
        {
            Publish(publish);
        }
        finally
        {
            BrokerSender.Gather(start: false);
        }
    }

    /// <summary>
    /// Confirms, now or at a later mark, that every lasting session has received what was published so far: a restart then need not publish
    /// it again.
    /// </summary>
    /// <param name="position">Whatever the caller knows the mark by.</param>
    public void Mark(long position, Action<long> confirmed) => State.Mark(position, confirmed);

    /// <summary>Sends what this thread has gathered, as far as the sockets take it without blocking.</summary>
    public static void Flush() => BrokerSender.Flush();

    /// <summary>Publishes a message of the owner to its subscribers. Any thread; waits for no socket.</summary>
    /// <param name="topic">UTF-8, without wildcards.</param>
    /// <param name="contentType">UTF-8, at most 200 bytes; MQTT 5 subscribers see it.</param>
    public void Publish(
        ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload, byte qos = 0, bool retain = false, ReadOnlySpan<byte> contentType = default)
    {
        var properties = new MqttPropertyWriter(stackalloc byte[208]);
        if (!contentType.IsEmpty)
            properties.Bytes(MqttPropertyId.ContentType, contentType);
        Publish(new MqttPublish { Topic = topic, Payload = payload, Qos = qos, Retain = retain, Properties = properties.Properties });
    }

    /// <summary>
    /// Waits, before a stop, until connected clients have been sent their messages: up to a second for a client that does not read, and up
    /// to five for slow ones.
    /// </summary>
    public void Drain()
    {
        long startedAt = Stopwatch.GetTimestamp();
        (long least, long movedAt) = (long.MaxValue, startedAt);
        while (State.Unsent is > 0 and long unsent && Stopwatch.GetElapsedTime(startedAt) < DrainTimeout && Stopwatch.GetElapsedTime(movedAt) < DrainPatience)
        {
            if (unsent < least)
                (least, movedAt) = (unsent, Stopwatch.GetTimestamp());
            Thread.Sleep(DrainPause);
        }
    }

    /// <summary>Closes every connection, telling MQTT 5 clients why, and waits for their readers to end.</summary>
    public void Dispose()
    {
        BrokerConnection[] connections;
        lock (_connections)
        {
            if (_stopped)
                return;
            _stopped = true;
            connections = [.. _connections];
        }

        _sweeper?.Dispose();
        _listener?.Dispose();
        _acceptor?.Join();
        foreach (BrokerConnection connection in connections)
            connection.Abort(MqttBrokerClose.ServerShutdown, MqttReasonCode.ServerShuttingDown);
        long giveUpAt = State.Now + (long)StopTimeout.TotalMilliseconds;
        foreach (BrokerConnection connection in connections)
            connection.Join(TimeSpan.FromMilliseconds(Math.Max(0, giveUpAt - State.Now)));
        Sender.Dispose();
        if (_listener is not null)
            Log.Stopped(Logger);
    }

    internal void Take(in MqttPublish publish, in MqttPublishContext context)
    {
        Counters.MessageReceived();
        if (_handler is not null)
            _handler(publish, context);
        else if (publish.Qos > 0)
            context.Ledger.TryOpen(publish.PacketId, publish.Qos, tickCount: 0);
    }

    internal void Ended(BrokerConnection connection, string clientId, BrokerVerdict verdict)
    {
        Counters.ConnectionClosed(verdict.Reason);
        if (!verdict.IsFault)
            Log.ClientLeft(Logger, clientId, verdict.Reason);
        else
            LogRefusal(clientId, connection.Remote, verdict.Reason, verdict.Detail);
        if (verdict.Reason is MqttBrokerClose.Malformed or MqttBrokerClose.ProtocolError)
        {
            _faults?.Refuse(verdict.Code == MqttReasonCode.PacketTooLarge ? TickFault.PayloadTooLarge : TickFault.ProtocolError,
                Encoding.UTF8.GetBytes($"(client {clientId})"));
        }
        lock (_connections)
            _connections.Remove(connection);
    }

    private void Accept()
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = _listener!.Accept();
                SocketTuning.Apply(socket);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                if (_stopped)
                    return;
                Log.AcceptFailed(Logger, e.Message);
                Thread.Sleep(100);   // out of descriptors, or a client that was gone at once: let others end first
                continue;
            }
            Admit(socket);
        }
    }

    private void Admit(Socket socket)
    {
        Counters.ConnectionAccepted();
        BrokerConnection? connection = null;
        lock (_connections)
        {
            if (!_stopped && _connections.Count < Options.MaximumConnections)
                _connections.Add(connection = new BrokerConnection(this, socket));
        }
        if (connection is not null)
        {
            connection.Start();
            return;
        }

        EndPoint? remote = socket.RemoteEndPoint;
        socket.Dispose();
        Counters.ConnectionClosed(MqttBrokerClose.ConnectionLimit);
        LogRefusal("(unknown)", remote, MqttBrokerClose.ConnectionLimit, $"{Options.MaximumConnections} are open");
    }

    private void LogRefusal(string clientId, EndPoint? remote, MqttBrokerClose reason, string detail)
    {
        if (_episodes.Begins(reason, State.Now, out long suppressed))
            Log.ClientRefused(Logger, clientId, remote, reason, detail, suppressed);
    }
}
