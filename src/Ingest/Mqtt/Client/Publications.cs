using System.Text;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// Messages published through a client, from any thread, until the broker confirms them: kept over connections, bounded, counted. A
/// connection takes the messages it may send and reports confirmations.
/// </summary>
internal sealed class Publications
{
    // Both come in one piece; so long only where this machine or the way to the broker is busy.
    private static readonly TimeSpan RightBehindRefusal = TimeSpan.FromSeconds(1);

    private readonly BrokerLinkOptions _options;
    private readonly OutgoingMessages _messages;   // whose monitor guards everything here
    private readonly PoisonWatch _poison = new();
    private readonly TimeProvider _clock;
    private readonly LinkedList<(long Tail, long Position, Action<long> Confirmed)> _marks = [];   // one for each tail at most
    private readonly RefusedMessages _refused;
    private readonly RefusalSuspect? _suspect;
    private readonly CancellationToken _stopped;
    private PublishOutcome _outputs;
    private long _released;
    private long _published;
    private long _confirmed;
    private long _dropped;
    private long _confirmedHere;   // on this connection, and so is what was refused
    private long _refusedHere;
    private long _refusedAt;

    /// <param name="stopped">Cancels the waits here, with <see cref="Wake"/> after it.</param>
    public Publications(BrokerLinkOptions options, RefusedMessages refused, TimeProvider clock, CancellationToken stopped)
    {
        (_options, _refused, _clock, _stopped) = (options, refused, clock, stopped);
        _messages = new OutgoingMessages(options.PublishBufferMessages, options.PublishBufferBytes);
        _suspect = options.Version == MqttVersion.V311 ? new RefusalSuspect(clock) : null;
    }

    public long PublishedCount => Interlocked.Read(ref _published);

    public long ConfirmedCount => Interlocked.Read(ref _confirmed);

    public long RejectedCount => _refused.Total;

    public long DroppedCount => Interlocked.Read(ref _dropped);

    public int UnconfirmedCount
    {
        get
        {
            lock (_messages)
                return _messages.Count;
        }
    }

    /// <summary>The fate of the messages that are outputs.</summary>
    public PublishOutcome Outputs
    {
        get
        {
            lock (_messages)
                return _outputs;
        }
    }

    /// <param name="limits">Of the broker we are connected to; null while we are not.</param>
    /// <param name="isOutput">True for a message that <see cref="Outputs"/> counts.</param>
    /// <returns>False while the buffer is full.</returns>
    public bool TryAdd(in MqttPublish publish, BrokerLimits? limits, bool isOutput = true)
    {
        if (publish.Qos > limits?.MaximumQos)
            return TryAdd(publish with { Qos = limits.Value.MaximumQos }, limits, isOutput);
        int length = MqttPacketWriter.LengthOf(_options.Version, publish);
        if (length > _options.PublishBufferBytes || (publish.Qos == 0 && limits is null))
        {
            Interlocked.Increment(ref _dropped);
            lock (_messages)
                _outputs = _outputs with { Dropped = _outputs.Dropped + (isOutput ? 1 : 0) };
            return true;
        }
        lock (_messages)
        {
            if (length > limits?.MaximumPacketBytes)
                Reject(MqttReasonCode.PacketTooLarge, publish.Topic, text: default, length, isOutput);
            else if (!_messages.TryAdd(publish, _options.Version, isOutput))
                return false;
            if (isOutput)
                _outputs = _outputs with { Published = _outputs.Published + 1 };
        }
        Interlocked.Increment(ref _published);
        return true;
    }

    /// <summary>Counter for <see cref="WaitForRoom"/>, read before an attempt that fails.</summary>
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
    public bool Drain(TimeSpan timeout)
    {
        long start = _clock.GetTimestamp();
        lock (_messages)
        {
            while (_messages.Count > 0 && !_stopped.IsCancellationRequested)
            {
                TimeSpan left = timeout - _clock.GetElapsedTime(start);
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

    /// <summary>Implements <see cref="BrokerLink.Mark"/>.</summary>
    public void Mark(long position, Action<long> confirmed)
    {
        lock (_messages)
        {
            if (_messages.Count > 0)
            {
                if (_marks.Last is { } last && last.Value.Tail == _messages.Tail)
                    _marks.RemoveLast();   // a later position behind the same message
                _marks.AddLast((_messages.Tail, position, confirmed));
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

    /// <summary>Records that the taken bytes are written to the socket.</summary>
    public void Written()
    {
        lock (_messages)
        {
            _outputs = _outputs with { Confirmed = _outputs.Confirmed + _messages.Written() };
            _suspect?.Sent();
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
    /// <param name="reason">Any code; from 0x80 on it refuses the message.</param>
    /// <param name="text">The broker's words for it, UTF-8; empty where it has none.</param>
    /// <param name="mayGoOn">True if so much of the window is free that sending is worth a write: a quarter, not each message.</param>
    /// <returns>False for a message that an earlier connection had confirmed already.</returns>
    public bool TryConfirm(ushort packetId, byte qos, MqttReasonCode reason, ReadOnlySpan<byte> text, int window, int windowAtQos2, out bool mayGoOn)
    {
        lock (_messages)
        {
            mayGoOn = false;
            if (!_messages.TryConfirm(packetId, qos, out long message))
                return false;
            if (reason.Refuses())
            {
                _refusedHere++;
                _refusedAt = _clock.GetTimestamp();
                Reject(reason, _messages.TopicOf(message), text, _messages.LengthOf(message), _messages.IsOutput(message));
            }
            else
            {
                _confirmedHere++;
                Interlocked.Increment(ref _confirmed);
                if (_messages.IsOutput(message))
                    _outputs = _outputs with { Confirmed = _outputs.Confirmed + 1 };
                _suspect?.Confirmed(_suspect.NotesTopics ? _messages.TopicOf(message) : default);
            }
            Release();
            window = _poison.Window(_messages.Head, _messages.IsQos2Next ? windowAtQos2 : window);
            mayGoOn = _messages.UnsentCount > 0 && _messages.InFlight <= window * 3 / 4;
            return true;
        }
    }

    /// <summary>Starts on a new connection: unconfirmed messages are resent.</summary>
    public void Restart(bool sessionPresent)
    {
        lock (_messages)
        {
            (_confirmedHere, _refusedHere) = (0, 0);
            _outputs = _outputs with { Confirmed = _outputs.Confirmed + _messages.Restart(sessionPresent) };
        }
    }

    /// <summary>A connection that the broker had accepted is over. Gives up a message that has ended it time and again.</summary>
    /// <param name="blames">True if the broker may have ended it over what we sent.</param>
    /// <param name="givesUp">True if a message may be given up for it.</param>
    /// <param name="end">The end so far; what happened to messages is added.</param>
    /// <returns>The topic of the message given up; null where there is none.</returns>
    public string? End(bool blames, bool givesUp, ref ConnectionEnd end)
    {
        lock (_messages)
        {
            ReadOnlySpan<byte> oldest = _messages.Head < _messages.Next ? _messages.TopicOf(_messages.Head) : default;
            end = end with
            {
                Refused = _refusedHere,
                IsBehindRefusal = _refusedHere > 0 && _clock.GetElapsedTime(_refusedAt) <= RightBehindRefusal,
                Confirmed = _confirmedHere,
                Suspect = _suspect?.Ended(blames, _confirmedHere, oldest),
            };
            if (end.IsBehindRefusal || end.Suspect is not null)
                _poison.Refused(_messages.Next);
            if (!blames || !givesUp || !_poison.Broke(_messages.Head, _messages.Next))
                return null;
            string topic = Encoding.UTF8.GetString(oldest);
            bool isOutput = _messages.IsOutput(_messages.Head);
            _messages.GiveUpOldest();
            _refused.Count(end.Code);
            if (isOutput)
                _outputs = _outputs with { Rejected = _outputs.Rejected + 1 };
            Release();
            return topic;
        }
    }

    private void Reject(MqttReasonCode code, ReadOnlySpan<byte> topic, ReadOnlySpan<byte> text, int length, bool isOutput)
    {
        _refused.Note(code, topic, text, length);
        if (isOutput)
            _outputs = _outputs with { Rejected = _outputs.Rejected + 1 };
    }

    private void Release()
    {
        int count = _messages.Release();
        if (count == 0)
            return;
        _released += count;
        while (_marks.First is { } mark && mark.Value.Tail <= _messages.Head)
        {
            _marks.RemoveFirst();
            mark.Value.Confirmed(mark.Value.Position);
        }
        if (_messages.IsRoomy)
            Monitor.PulseAll(_messages);
    }
}
