using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>
/// One client's socket: the thread that reads it, which blocks in the kernel while the client is silent, and the outbox that the
/// <see cref="BrokerSender"/> empties. What the packets mean is the <see cref="BrokerProtocol"/>'s business.
/// </summary>
internal sealed class BrokerConnection
{
    private const int InitialBuffer = 16 * 1024;
    private const int LingerMilliseconds = 500;
    private const int LingerBytes = 64 * 1024;

    [ThreadStatic]
    private static BrokerConnection? _serving;   // by this thread, which will send what it adds

    private readonly MqttBroker _broker;
    private readonly Socket _socket;
    private readonly Outbox _outbox;
    private readonly BrokerProtocol _protocol;
    private readonly Thread _reader;
    private byte[] _buffer = new byte[InitialBuffer];
    private int _marked;
    private int _close;
    private volatile bool _aborted;
    private long _sentBytes = -1;
    private long _sentAt;

    public BrokerConnection(MqttBroker broker, Socket socket)
    {
        _broker = broker;
        _socket = socket;
        Remote = socket.RemoteEndPoint;
        _outbox = new Outbox(broker.Options.MaximumOutboxBytes);
        _protocol = new BrokerProtocol(broker, this);
        _reader = new Thread(Run, 256 * 1024) { IsBackground = true, Name = "mqtt broker connection" };
    }

    public EndPoint? Remote { get; }

    /// <summary>Deliveries above QoS 0 that the client takes unacknowledged.</summary>
    public int SendMaximum => _protocol.SendMaximum;

    public bool IsReader => Environment.CurrentManagedThreadId == _reader.ManagedThreadId;

    /// <summary>Bytes that the socket has not taken.</summary>
    public int WaitingBytes => _outbox.WaitingBytes;

    /// <summary>Another thread has asked for the connection's end.</summary>
    public bool IsAborted => _aborted;

    public void Start() => _reader.Start();

    public bool Join(TimeSpan timeout) => _reader.Join(timeout);

    /// <summary>Claims the connection's place among those the sender is to serve; false where it has one.</summary>
    public bool TryMark() => Interlocked.Exchange(ref _marked, 1) == 0;

    /// <summary>Adds a reply; one too many that the client does not read ends the connection.</summary>
    public void Reply(ReadOnlySpan<byte> packet)
    {
        if (!_outbox.TryAdd(packet))
            Abort(MqttBrokerClose.SlowConsumer, MqttReasonCode.Success);
        MarkForSender();
    }

    /// <summary>Tells the client that its receipt of a QoS 2 delivery is known.</summary>
    public void Release(ushort packetId) => _protocol.Reply(MqttPacketType.Pubrel, packetId);

    public BrokerSend TrySend(in Delivery delivery, bool dup, long now)
    {
        BrokerSend result = _outbox.TryAdd(_protocol.Version, delivery, dup, now, _protocol.ClientMaximumPacketBytes);
        if (result == BrokerSend.Sent)
        {
            _broker.Counters.MessageSent();
            MarkForSender();
        }
        return result;
    }

    /// <summary>Ends the connection from any thread; the first reason stands.</summary>
    public void Abort(MqttBrokerClose reason, MqttReasonCode code)
    {
        if (Interlocked.CompareExchange(ref _close, (int)reason, (int)MqttBrokerClose.None) != (int)MqttBrokerClose.None)
            return;
        _protocol.SayGoodbye(code);
        _aborted = true;
        _protocol.WakeReader();
        _broker.Sender.Mark(this);
    }

    /// <summary>Sends what is due. Called by the sender.</summary>
    /// <returns>False when the socket took not all: come again.</returns>
    public bool Serve()
    {
        Interlocked.Exchange(ref _marked, 0);
        try
        {
            bool all = Send();
            if (_aborted || IsOverdue(all))
            {
                _socket.Shutdown(SocketShutdown.Both);
                return true;
            }
            return all;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            Abort(MqttBrokerClose.ConnectionLost, MqttReasonCode.Success);
            return true;
        }
    }

    /// <summary>Sends what the reader has brought about itself, without waking the sender.</summary>
    public void FlushReplies()
    {
        if (!Send())
            _broker.Sender.Mark(this);
    }

    /// <summary>Sends what is due on the thread that brought it about; what the socket does not take is left to the sender.</summary>
    public void ServeNow()
    {
        Interlocked.Exchange(ref _marked, 0);
        try
        {
            FlushReplies();
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            Abort(MqttBrokerClose.ConnectionLost, MqttReasonCode.Success);
        }
    }

    /// <summary>Sends acknowledgements that are due and what waits; then what the session holds back may follow.</summary>
    /// <returns>False when the socket took not all of it.</returns>
    private bool Send()
    {
        _serving = this;
        try
        {
            _protocol.TakeAcknowledgements();
            if (_outbox.WaitingBytes > 0 && !_outbox.Flush(_socket))
                return false;
            _protocol.Pump();
            if (_outbox.WaitingBytes > 0)
                _broker.Sender.Mark(this);
            return true;
        }
        finally
        {
            _serving = null;
        }
    }

    private void MarkForSender()
    {
        // The reader flushes its own connection when it has handled what it received.
        if (!IsReader && _serving != this)
            _broker.Sender.Mark(this);
    }

    /// <summary>True if the socket has taken nothing for too long.</summary>
    private bool IsOverdue(bool allSent)
    {
        long now = _broker.State.Now;
        if (allSent || _outbox.SentBytes != _sentBytes)
            (_sentBytes, _sentAt) = (_outbox.SentBytes, now);
        if (allSent || now - _sentAt < _broker.Options.WriteTimeout.TotalMilliseconds)
            return false;
        Interlocked.CompareExchange(ref _close, (int)MqttBrokerClose.SlowConsumer, (int)MqttBrokerClose.None);
        return true;
    }

    private void Run()
    {
        BrokerVerdict verdict;
        try
        {
            verdict = Read();
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            verdict = new BrokerVerdict(MqttBrokerClose.ConnectionLost, MqttReasonCode.Success, e.Message);
        }

        if (_close != (int)MqttBrokerClose.None)
            verdict = new BrokerVerdict((MqttBrokerClose)_close, MqttReasonCode.Success, "ended by the broker");
        _protocol.End(verdict);
        Part(verdict);
        _socket.Dispose();
        _broker.Ended(this, _protocol.ClientId, verdict);
    }

    /// <summary>Receives, slices and handles until something ends the connection.</summary>
    private BrokerVerdict Read()
    {
        int start = 0;
        int end = 0;
        long deadline = SetDeadline();
        while (true)
        {
            if (!TryReceive(ref end, out int received))
                return _protocol.TimedOut();
            if (received == 0)
                return new BrokerVerdict(MqttBrokerClose.ConnectionLost, MqttReasonCode.Success, "closed by the client");
            _protocol.ReceivedAt = Stopwatch.GetTimestamp();

            int handled = 0;
            MqttReadResult result;
            MqttFault fault;
            while ((result = MqttPacketReader.TryRead(
                _buffer.AsSpan(start, end - start), _broker.Options.MaximumPacketBytes, out MqttPacket packet, out fault)) == MqttReadResult.Packet)
            {
                BrokerVerdict verdict = _protocol.Handle(packet);
                if (verdict.Ends)
                    return verdict;
                start += packet.Length;
                handled++;
            }
            if (result == MqttReadResult.Malformed)
                return BrokerVerdict.Malformed(fault);

            FlushReplies();
            if (_aborted)
                return BrokerVerdict.GoOn;
            if (handled > 0)
                deadline = SetDeadline();
            else if (_broker.State.Now > deadline)
                return _protocol.TimedOut();

            _buffer.AsSpan(start, end - start).CopyTo(_buffer);
            (start, end) = (0, end - start);
            FitBuffer(end);
        }
    }

    /// <summary>A packet has to be complete by then.</summary>
    private long SetDeadline()
    {
        int timeout = _protocol.TimeoutMilliseconds;
        if (_socket.ReceiveTimeout != timeout)
            _socket.ReceiveTimeout = timeout;
        return timeout == 0 ? BrokerMessage.Never : _broker.State.Now + timeout;
    }

    private bool TryReceive(ref int end, out int received)
    {
        received = 0;
        try
        {
            received = _socket.Receive(_buffer.AsSpan(end));
            end += received;
            SocketTuning.AcknowledgeAtOnce(_socket);
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
        {
            return false;
        }
    }

    /// <summary>Twice as large when a packet fills it (the reader has checked its length), small again when it is empty.</summary>
    private void FitBuffer(int used)
    {
        if (used == _buffer.Length)
            Array.Resize(ref _buffer, 2 * _buffer.Length);
        else if (used == 0 && _buffer.Length > 4 * InitialBuffer)
            _buffer = new byte[InitialBuffer];
    }

    /// <summary>
    /// Sends the reason and lets the client read it: a socket closed over unread bytes is reset, and the reason is lost with it.
    /// </summary>
    private void Part(BrokerVerdict verdict)
    {
        try
        {
            if (verdict.IsFault && !_aborted)
                _protocol.SayGoodbye(verdict.Code);
            bool unsent = _outbox.WaitingBytes > 0;
            _outbox.Flush(_socket);
            _socket.Shutdown(SocketShutdown.Send);
            if (!unsent)
                return;
            _socket.ReceiveTimeout = LingerMilliseconds;
            for (int read = 0; read < LingerBytes;)
            {
                int received = _socket.Receive(_buffer);
                if (received == 0)
                    return;
                read += received;
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The client is gone already: there is nobody to part from.
        }
    }
}
