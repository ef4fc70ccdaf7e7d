namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// What is published through a client, from any thread, until the broker has it by its word: kept over connections, bounded, counted.
/// Connections take from it what they may send and tell it what has been confirmed.
/// </summary>
internal sealed class Publications
{
    private readonly BrokerLinkOptions _options;
    private readonly OutgoingMessages _messages;   // whose monitor guards everything here
    private readonly PoisonWatch _poison = new();
    private readonly Queue<(long Tail, long Position, Action<long> Confirmed)> _marks = new();
    private readonly CancellationToken _stopped;
    private long _released;
    private long _published;
    private long _confirmed;
    private long _rejected;
    private long _dropped;

    /// <param name="stopped">Who waits here is woken by <see cref="Wake"/> after it.</param>
    public Publications(BrokerLinkOptions options, CancellationToken stopped)
    {
        (_options, _stopped) = (options, stopped);
        _messages = new OutgoingMessages(options.PublishBufferMessages, options.PublishBufferBytes);
    }

    public long PublishedCount => Interlocked.Read(ref _published);

    public long ConfirmedCount => Interlocked.Read(ref _confirmed);

    public long RejectedCount => Interlocked.Read(ref _rejected);

    public long DroppedCount => Interlocked.Read(ref _dropped);

    public int UnconfirmedCount
    {
        get
        {
            lock (_messages)
                return _messages.Count;
        }
    }

    /// <param name="limits">Of the broker we are connected to; null while we are not.</param>
    /// <returns>False while the buffer is full.</returns>
    public bool TryAdd(in MqttPublish publish, BrokerLimits? limits)
    {
        if (publish.Qos > limits?.MaximumQos)
            return TryAdd(publish with { Qos = limits.Value.MaximumQos }, limits);
        int length = MqttPacketWriter.LengthOf(_options.Version, publish);
        if (length > _options.PublishBufferBytes || length > limits?.MaximumPacketBytes || (publish.Qos == 0 && limits is null))
        {
            Interlocked.Increment(ref _dropped);
            return true;
        }
        lock (_messages)
            if (!_messages.TryAdd(publish, _options.Version))
                return false;
        Interlocked.Increment(ref _published);
        return true;
    }

    /// <summary>What <see cref="WaitForRoom"/> is to be told, read before a try that fails.</summary>
    public long Released => Interlocked.Read(ref _released);

    /// <summary>Waits until messages have left since then and a quarter of the buffer is free, or the client is stopped.</summary>
    public void WaitForRoom(long since)
    {
        lock (_messages)
        {
            while ((_released == since || !_messages.IsRoomy) && !_stopped.IsCancellationRequested)
                Monitor.Wait(_messages);
        }
    }

    /// <summary>Waits until nothing is left.</summary>
    /// <returns>False when the time was over first.</returns>
    public bool Drain(TimeSpan timeout, TimeProvider clock)
    {
        long start = clock.GetTimestamp();
        lock (_messages)
        {
            while (_messages.Count > 0 && !_stopped.IsCancellationRequested)
            {
                TimeSpan left = timeout - clock.GetElapsedTime(start);
                if (left <= TimeSpan.Zero)
                    return false;
                Monitor.Wait(_messages, left);
            }
            return _messages.Count == 0;
        }
    }

    public void Wake()
    {
        lock (_messages)
            Monitor.PulseAll(_messages);
    }

    /// <summary>As of <see cref="BrokerLink.Mark"/>.</summary>
    public void Mark(long position, Action<long> confirmed)
    {
        lock (_messages)
        {
            if (_messages.Count > 0)
            {
                _marks.Enqueue((_messages.Tail, position, confirmed));
                return;
            }
        }
        confirmed(position);
    }

    /// <summary>The next messages to send, as packets; empty when there are none or the windows are full.</summary>
    /// <param name="window">Messages above QoS 0 in flight, at most.</param>
    /// <param name="windowAtQos2">In flight when one at QoS 2 is sent, at most.</param>
    public ReadOnlySpan<byte> TakeUnsent(int window, int windowAtQos2, int longest)
    {
        lock (_messages)
        {
            window = _poison.Window(_messages.Head, window);
            return _messages.TakeUnsent(window, Math.Min(window, windowAtQos2), longest);
        }
    }

    /// <summary>What was taken has been written to the socket.</summary>
    public void Written()
    {
        lock (_messages)
        {
            _messages.Written();
            Release();
        }
    }

    /// <summary>The broker has received a message at QoS 2 and waits for its release.</summary>
    public void Received(ushort packetId)
    {
        lock (_messages)
            _messages.TryReceive(packetId);
    }

    /// <summary>The broker has a message by its word, or refuses it.</summary>
    /// <param name="qos">At which it was confirmed.</param>
    /// <param name="mayGoOn">Whether so much of the window is free that sending is worth a write: a quarter, not each message.</param>
    /// <returns>False for a message that an earlier connection had confirmed already.</returns>
    public bool TryConfirm(ushort packetId, byte qos, MqttReasonCode reason, int window, int windowAtQos2, out bool mayGoOn)
    {
        lock (_messages)
        {
            mayGoOn = false;
            if (!_messages.TryConfirm(packetId, qos))
                return false;
            if ((byte)reason < 0x80)
                Interlocked.Increment(ref _confirmed);
            else
                Interlocked.Increment(ref _rejected);
            Release();
            window = _poison.Window(_messages.Head, _messages.IsQos2Next ? windowAtQos2 : window);
            mayGoOn = _messages.UnsentCount > 0 && _messages.InFlight <= window * 3 / 4;
            return true;
        }
    }

    /// <summary>A new connection: what is open is to be sent again.</summary>
    public void Restart(bool sessionPresent)
    {
        lock (_messages)
            _messages.Restart(sessionPresent);
    }

    /// <summary>The broker has ended a connection. Gives up a message that is the reason for it, time and again.</summary>
    /// <returns>The topic of the one given up; null where there is none.</returns>
    public string? GiveUpPoison()
    {
        lock (_messages)
        {
            if (!_poison.Broke(_messages.Head, _messages.Next))
                return null;
            string topic = _messages.GiveUpOldest(_options.Version);
            Interlocked.Increment(ref _dropped);
            Release();
            return topic;
        }
    }

    private void Release()
    {
        int count = _messages.Release();
        if (count == 0)
            return;
        _released += count;
        while (_marks.TryPeek(out (long Tail, long Position, Action<long> Confirmed) mark) && mark.Tail <= _messages.Head)
        {
            _marks.Dequeue();
            mark.Confirmed(mark.Position);
        }
        if (_messages.IsRoomy)
            Monitor.PulseAll(_messages);
    }
}
