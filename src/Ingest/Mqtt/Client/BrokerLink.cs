using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Mqtt.Client;

public enum BrokerLinkState
{
    /// <summary>No connection, or not yet accepted.</summary>
    Connecting,

    /// <summary>Accepted; the subscriptions are not acknowledged, or one was refused.</summary>
    Connected,

    /// <summary>Accepted, and every subscription stands.</summary>
    Ready,

    /// <summary>For good: stopped, or another client took our id.</summary>
    Stopped,
}

/// <summary>
/// A connection to a broker that is re-established after a loss: MQTT 5 or 3.1.1, QoS 0, 1 and 2 both ways, persistent session. A dedicated
/// thread reads and hands each message over before it reads the next; the acknowledgement leaves when the message's ticks are done.
/// </summary>
/// <remarks>
/// Receive and publish through two clients: one that does both at QoS 1 waits for itself when its handler waits for a consumer that
/// waits for the confirmation behind the handler's message in the same socket.
/// </remarks>
public sealed class BrokerLink : IDisposable
{
    private readonly BrokerLinkOptions _options;
    private readonly MqttPublishHandler? _handler;
    private readonly ILogger _logger;
    private readonly IDeliveryJournal? _journal;
    private readonly PacketSource _source;   // where there is no journal: of messages at QoS 2 received and not released
    private readonly RefusedMessages _refused;
    private readonly Publications _publications;
    private readonly ConnectionHistory _history;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _handing = new();
    private readonly Thread _thread;
    private readonly string _broker;
    private volatile MqttConnection? _connection;
    private volatile bool _receivingStopped;
    private volatile bool _resumesAtOnce;
    private int _state = (int)BrokerLinkState.Connecting;
    private bool _givenUp;
    private long _received;
    private long _protocolErrors;

    /// <param name="handler">Takes the messages received; null for a client that publishes only.</param>
    /// <param name="journal">Journal for the packets that the handler takes in; receives what the broker will not send again.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public BrokerLink(BrokerLinkOptions options, MqttPublishHandler? handler, ILogger logger, TimeProvider? clock = null, IDeliveryJournal? journal = null)
    {
        options.Validate();
        (_options, _handler, _logger, Clock) = (options, handler, logger, clock ?? TimeProvider.System);
        _journal = handler is null ? null : journal;
        _source = new PacketSource(id: 0, options.ClientId, DuplicateRule.None, capacity: 1);
        _broker = options.Address.ToString();
        _refused = new RefusedMessages(options, _broker, logger, Clock);
        _publications = new Publications(options, _refused, Clock, _stop.Token);
        _history = new ConnectionHistory(options, _broker, logger);
        _thread = new Thread(Run) { Name = "mqtt " + options.ClientId, IsBackground = true };
        foreach ((string one, string other) in MqttSubscription.Overlaps(options.Subscriptions))
            Log.Overlap(logger, options.ClientId, one, other);
    }

    /// <summary>Callback at each change of <see cref="State"/>, on the thread that made it.</summary>
    public Action<BrokerLinkState>? StateChanged { get; init; }

    /// <summary>
    /// Called when the broker says no to us or to a subscription, by the thread that reads; <see cref="LastFailure"/> has the words. Says
    /// whether the client is to go on trying: only its owner knows whether that makes sense.
    /// </summary>
    public Func<MqttReasonCode, bool>? Refused { get; init; }

    public BrokerLinkState State => (BrokerLinkState)Volatile.Read(ref _state);

    /// <summary>True if the last connection ended over a message of ours: the broker is there, and what follows is the same connection but for that.</summary>
    public bool ResumesAtOnce
    {
        get => _resumesAtOnce;
        private set => _resumesAtOnce = value;
    }

    /// <summary>Reason of the last failed connection or attempt; null while connected.</summary>
    public string? LastFailure { get; private set; }

    /// <summary>Messages handed over.</summary>
    public long ReceivedCount => Interlocked.Read(ref _received);

    /// <summary>Messages taken for sending.</summary>
    public long PublishedCount => _publications.PublishedCount;

    /// <summary>Messages above QoS 0 that the broker has, by its word.</summary>
    public long ConfirmedCount => _publications.ConfirmedCount;

    /// <summary>Messages that the broker refused: by a code, as longer than it takes, or by ending the connection over them time and again.</summary>
    public long RejectedCount => _publications.RejectedCount;

    /// <summary>Messages never sent: at QoS 0 without a connection, or larger than the buffer.</summary>
    public long DroppedCount => _publications.DroppedCount;

    /// <summary>The fate of the messages that are outputs.</summary>
    public PublishOutcome Outputs => _publications.Outputs;

    /// <summary>Connections made.</summary>
    public long ConnectCount => _history.ConnectCount;

    /// <summary>Connections on which the broker no longer knew a session it should have: messages may be missing.</summary>
    public long SessionsLostCount => _history.SessionsLostCount;

    /// <summary>Messages published and not yet confirmed.</summary>
    public int UnconfirmedCount => _publications.UnconfirmedCount;

    /// <summary>Connections ended because the broker sent what is not MQTT.</summary>
    public long ProtocolErrorCount => Interlocked.Read(ref _protocolErrors);

    /// <summary>Messages that the broker refused with this code; success stands for those it ended the connection over without a code.</summary>
    public long RejectedBy(MqttReasonCode code) => _refused.Of(code);

    internal TimeProvider Clock { get; }

    public void Start() => _thread.Start();

    /// <summary>Takes a message for sending; it leaves with the next <see cref="Flush"/> or sooner. Any thread; order is that of the calls.</summary>
    /// <param name="publish">Its packet id is ours to choose.</param>
    /// <param name="isOutput">True for a message that <see cref="Outputs"/> counts, false for one about the sender itself.</param>
    /// <returns>False while the buffer is full.</returns>
    public bool TryPublish(in MqttPublish publish, bool isOutput = true)
    {
        MqttConnection? connection = _connection;
        bool connected = State is BrokerLinkState.Connected or BrokerLinkState.Ready;
        return _publications.TryAdd(publish, connected ? connection?.Limits ?? BrokerLimits.From(default) : null, isOutput);
    }

    /// <summary>Takes a message for sending and waits while the buffer is full.</summary>
    /// <exception cref="ObjectDisposedException">The client was stopped meanwhile.</exception>
    public void Publish(in MqttPublish publish)
    {
        while (true)
        {
            ObjectDisposedException.ThrowIf(_stop.IsCancellationRequested, this);   // also with room: nobody would send it
            long seen = _publications.Released;
            if (TryPublish(publish))
                return;
            Flush();
            _publications.WaitForRoom(seen);
        }
    }

    /// <summary>Sends what was published, as far as the broker's window allows; the rest follows its confirmations.</summary>
    public void Flush() => _connection?.SendMessages();

    /// <summary>
    /// Says when the broker has confirmed, or refused, everything published so far. Called at once where nothing is open, else by the thread
    /// that reads the last confirmation; must not block.
    /// </summary>
    /// <param name="position">Whatever the caller knows the mark by.</param>
    public void Mark(long position, Action<long> confirmed) => _publications.Mark(position, confirmed);

    /// <summary>Waits until the broker has confirmed everything published.</summary>
    /// <returns>False when the time was over first.</returns>
    public bool Drain(TimeSpan timeout)
    {
        Flush();
        return _publications.Drain(timeout);
    }

    /// <summary>
    /// Stops handing messages over, and returns when the last one has been. The connection stays for acknowledgements; messages above QoS 0
    /// that arrive meanwhile are not acknowledged and come again in the next session.
    /// </summary>
    public void StopReceiving()
    {
        _receivingStopped = true;
        lock (_handing)
        {
        }
    }

    /// <summary>Sends the acknowledgements that are due, says goodbye and ends. The broker keeps the session.</summary>
    public void Stop()
    {
        if (_stop.IsCancellationRequested)
            return;
        if (_connection is MqttConnection connection)
        {
            connection.SendAcknowledgements();
            _stop.Cancel();
            connection.Disconnect();
        }
        _stop.Cancel();
        if (!_thread.ThreadState.HasFlag(ThreadState.Unstarted) && Thread.CurrentThread != _thread)
            _thread.Join();
        SetState(BrokerLinkState.Stopped);
        _publications.Wake();
    }

    public void Dispose()
    {
        Stop();
        _stop.Dispose();
    }

    /// <summary>The broker accepted us.</summary>
    /// <param name="isKnown">True if an earlier run of this process had the session.</param>
    /// <returns>True if the subscriptions are to be made: not in a session that has them, or retained messages would come again.</returns>
    internal bool Connected(bool sessionPresent, bool isKnown)
    {
        _publications.Restart(sessionPresent);
        bool first = ConnectCount == 0;
        LastFailure = null;
        _history.Connected(sessionPresent, isKnown);
        SetState(BrokerLinkState.Connected);
        return first || !sessionPresent;   // the first time the filters may be others than those of the session
    }

    internal void Subscribed(ReadOnlySpan<byte> codes)
    {
        int refused = -1;
        for (int i = 0; i < codes.Length; i++)
        {
            MqttSubscription subscription = _options.Subscriptions[i];
            if (codes[i] >= 0x80)
            {
                refused = i;
                Log.SubscriptionRefused(_logger, _options.ClientId, _broker, subscription.Filter, (MqttReasonCode)codes[i]);
            }
            else if (codes[i] < subscription.Qos)
            {
                Log.SubscriptionWeakened(_logger, _options.ClientId, _broker, subscription.Filter, codes[i], subscription.Qos);
            }
        }
        if (refused < 0)
            Ready();
        else
            Refuse((MqttReasonCode)codes[refused], $"the broker refuses the subscription to '{_options.Subscriptions[refused].Filter}': {(MqttReasonCode)codes[refused]}");
    }

    /// <summary>The broker has refused CONNECT.</summary>
    /// <param name="remedy">What to look at; an owner who gives up has a better one.</param>
    internal void RefuseConnection(MqttReasonCode code, string words, string remedy)
    {
        Refuse(code, words);
        LastFailure = words + remedy;
        if (!_givenUp)
            _history.Refused(words + remedy);
    }

    /// <summary>The broker has not answered CONNECT for a while.</summary>
    internal void Silent(string words)
    {
        LastFailure = words;
        _history.Silent(words);
    }

    internal void Refuse(MqttReasonCode code, string words)
    {
        LastFailure = words;
        _givenUp = Refused?.Invoke(code) == false;
    }

    internal void Ready() => SetState(BrokerLinkState.Ready);

    internal void Received(in MqttPublish publish, in MqttPublishContext context, IncomingMessages incoming)
    {
        lock (_handing)
        {
            if (_receivingStopped || _handler is null)
                return;
            Interlocked.Increment(ref _received);
            incoming.Note(publish);
            _handler(publish, context);
        }
    }

    internal void Violated() => Interlocked.Increment(ref _protocolErrors);

    private void Run()
    {
        while (!_stop.IsCancellationRequested)
        {
            long start = Clock.GetTimestamp();
            long connects = ConnectCount;
            ConnectionEnd end = ConnectAndRead();
            if (_stop.IsCancellationRequested || _givenUp)
                break;
            if (ConnectCount > connects)
                _history.Stood(Clock.GetElapsedTime(start), end);
            LastFailure = end.Reason;
            ResumesAtOnce = end.IsProgress;
            if (end.TakenOver)
            {
                Log.Stopped(_logger, _options.ClientId, "another client connected with our client id; give each worker its own");
                _stop.Cancel();
                SetState(BrokerLinkState.Stopped);
                _publications.Wake();
                return;
            }

            SetState(BrokerLinkState.Connecting);
            Pause(_history.Lost(end));
        }
        Log.Left(_logger, _options.ClientId, _broker);
    }

    private ConnectionEnd ConnectAndRead()
    {
        using var timeout = new CancellationTokenSource(_options.ConnectTimeout, Clock);
        using var cancelled = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, _stop.Token);
        var connection = new MqttConnection(this, _options, _publications, _journal, _source, cancelled.Token);
        using CancellationTokenRegistration giveUp = cancelled.Token.Register(connection.GiveUp);
        _connection = connection;
        string reason;
        try
        {
            reason = connection.Run();
        }
        catch (Exception e) when (e is SocketException or IOException or AuthenticationException or CryptographicException)
        {
            reason = e is CryptographicException ? "certificate: " + e.Message : e.InnerException?.Message ?? e.Message;
        }
        finally
        {
            _connection = null;
            connection.Dispose();   // nobody sends any more
        }
        var end = new ConnectionEnd(reason) { TakenOver = connection.TakenOver, Code = connection.EndCode };
        bool givesUp = _options.GivesUpMessages && !_stop.IsCancellationRequested;
        if (connection.WasEstablished && _publications.End(connection.EndedOverPacket, givesUp, ref end) is string topic)
            Log.MessageGivenUp(_logger, _options.ClientId, _broker, PoisonWatch.Patience, topic);
        return end;
    }

    private void Pause(TimeSpan pause)
    {
        try
        {
            Task.Delay(pause, Clock, _stop.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            // Stopping is the other way to end a pause.
        }
    }

    private void SetState(BrokerLinkState state)
    {
        if (Interlocked.Exchange(ref _state, (int)state) != (int)state)
            StateChanged?.Invoke(state);
    }
}
