using System.Buffers;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>
/// Sessions on disk. Existence and subscriptions of lasting sessions go through the journal as they change; undelivered and retained
/// messages are in its snapshots. The owner's messages since the last snapshot are published again after a restart; those of clients since
/// then are lost to a session whose client was away.
/// </summary>
internal sealed partial class BrokerState : ISessionJournal
{
    private const int MaximumMarks = 1024;

    private readonly ArrayBufferWriter<byte> _record = new();
    private readonly Queue<(long Deliveries, long Position, Action<long> Confirmed)> _marks = new();
    private long _deliveries;
    private bool _isRestoring;

    /// <summary>
    /// Confirms, now or at a later mark, that every lasting session has received what was published so far: a restart then need not publish
    /// it again.
    /// </summary>
    /// <param name="position">Whatever the caller knows the mark by.</param>
    public void Mark(long position, Action<long> confirmed)
    {
        (long Deliveries, long Position, Action<long> Confirmed) reached = default;
        lock (_lock)
        {
            _marks.Enqueue((_deliveries, position, confirmed));
            long oldest = long.MaxValue;
            foreach (BrokerSession session in _sessions.Values)
                if (session.IsRecorded)
                    oldest = Math.Min(oldest, session.OldestOwed);

            // Of those reached the last says it all. While a client is long away the first ones go: a later one says more.
            while (_marks.TryPeek(out var mark) && (mark.Deliveries < oldest || _marks.Count > MaximumMarks))
            {
                if (mark.Deliveries < oldest)
                    reached = mark;
                _marks.Dequeue();
            }
        }
        reached.Confirmed?.Invoke(reached.Position);
    }

    /// <summary>The sessions on disk are back: from now on clients come.</summary>
    public void EndRestoring()
    {
        lock (_lock)
            _isRestoring = false;
    }

    /// <inheritdoc/>
    public void Apply(ReadOnlySpan<byte> record)
    {
        var reader = new SessionReader(record);
        var change = (SessionChange)reader.Byte();
        string clientId = reader.Text();
        lock (_lock)
        {
            _isRestoring = true;
            _sessions.TryGetValue(clientId, out BrokerSession? session);
            switch (change)
            {
                case SessionChange.Opened:
                    session ??= Restore(clientId);
                    session.ExpiryMilliseconds = session.RecordedExpiry = reader.Int64();
                    session.EndsAt = Now + session.ExpiryMilliseconds;
                    break;
                case SessionChange.Ended when session is not null:
                    End(session);
                    break;
                case SessionChange.Subscribed when session is not null:
                    Restore(session, ref reader);
                    break;
                case SessionChange.Unsubscribed when session is not null:
                    ReadOnlySpan<byte> filter = reader.Bytes();
                    if (session.Subscriptions.GetAlternateLookup<ReadOnlySpan<byte>>().Remove(filter, out _, out Subscription? gone))
                        Forget(filter, gone);
                    break;
            }
        }
    }

    /// <inheritdoc/>
    public void Write(IBufferWriter<byte> snapshot)
    {
        var writer = new SessionWriter(snapshot);
        lock (_lock)
        {
            long now = Now;
            BrokerSession[] lasting = [.. _sessions.Values.Where(session => session.IsRecorded)];
            writer.Byte(SessionWriter.Version);
            writer.UInt32((uint)lasting.Length);
            foreach (BrokerSession session in lasting)
                session.Write(writer, now);
            BrokerMessage[] retained = [.. _retained.All(now)];
            writer.UInt32((uint)retained.Length);
            foreach (BrokerMessage message in retained)
                writer.Message(message, now);
        }
    }

    /// <inheritdoc/>
    public void Read(ReadOnlySpan<byte> snapshot)
    {
        var reader = new SessionReader(snapshot);
        if (reader.Byte() is var version and not SessionWriter.Version)
            throw new InvalidDataException($"the broker's sessions on disk are of version {version}, this program reads {SessionWriter.Version}; start the one that wrote them");
        lock (_lock)
        {
            _isRestoring = true;
            long now = Now;
            for (uint sessions = reader.UInt32(); sessions > 0; sessions--)
            {
                BrokerSession session = Restore(reader.Text());
                session.ExpiryMilliseconds = reader.Int64();
                ushort lastPacketId = reader.UInt16();
                for (uint count = reader.UInt32(); count > 0; count--)
                    Restore(session, ref reader);
                session.Read(ref reader, lastPacketId, now);
            }
            for (uint count = reader.UInt32(); count > 0; count--)
                _retained.TryStore(reader.Message(now));
        }
    }

    private BrokerSession Restore(string clientId)
    {
        EnsureRoom();
        var session = new BrokerSession(clientId, options, counters, _budget, isRestored: true) { IsRecorded = true };
        _sessions.Add(clientId, session);
        return session;
    }

    private void Restore(BrokerSession session, ref SessionReader reader)
    {
        MqttTopicFilter filter = MqttTopicFilter.FromOptions(reader.Bytes(), reader.Byte());
        Add(session, filter, reader.UInt32(), out _);
    }

    /// <summary>Notes that a session lives for so long without its client, or not at all.</summary>
    private void RecordLife(BrokerSession session, bool isNew)
    {
        bool lasts = session.ExpiryMilliseconds > 0;
        if (journal is null || (!lasts && !session.IsRecorded))
            return;
        if (lasts && (isNew || !session.IsRecorded || session.RecordedExpiry != session.ExpiryMilliseconds))
        {
            SessionWriter writer = BeginRecord(SessionChange.Opened, session);
            writer.Int64(session.ExpiryMilliseconds);
            session.RecordedExpiry = session.ExpiryMilliseconds;
            EndRecord(session);
        }
        else if (!lasts)
        {
            RecordEnd(session);
        }
        session.IsRecorded = lasts;
    }

    private void RecordEnd(BrokerSession session)
    {
        if (journal is null || _isRestoring || !session.IsRecorded)
            return;
        BeginRecord(SessionChange.Ended, session);
        EndRecord(session);
        session.IsRecorded = false;
    }

    private void RecordSubscription(BrokerSession session, in MqttTopicFilter filter, uint identifier)
    {
        if (journal is null || !session.IsRecorded)
            return;
        SessionWriter writer = BeginRecord(SessionChange.Subscribed, session);
        writer.Bytes(filter.Filter);
        writer.Byte(filter.Options);
        writer.UInt32(identifier);
        EndRecord(session);
    }

    private void RecordUnsubscription(BrokerSession session, ReadOnlySpan<byte> filter)
    {
        if (journal is null || !session.IsRecorded)
            return;
        BeginRecord(SessionChange.Unsubscribed, session).Bytes(filter);
        EndRecord(session);
    }

    private SessionWriter BeginRecord(SessionChange change, BrokerSession session)
    {
        _record.ResetWrittenCount();
        var writer = new SessionWriter(_record);
        writer.Byte((byte)change);
        writer.Text(session.ClientId);
        return writer;
    }

    private void EndRecord(BrokerSession session) => session.RecordedAt = journal!.Append(_record.WrittenSpan);

    /// <summary>Closes the source of a session whose client will resend nothing.</summary>
    private void CloseSource(BrokerSession session)
    {
        if (journal is null || _isRestoring)
            return;
        if (session.Source is null && session.RecordedExpiry > 0)
            session.Source = journal.Open(session.ClientId, DuplicateRule.Redelivery, isResumed: false);   // of an earlier run: nobody reads for it
        if (session.Source is { Rule: not DuplicateRule.None } source)
            journal.Close(source);
    }
}
