using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Serving;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Recovery;

/// <summary>Receiver of a log's ticks and control messages during replay, in log order: a router, or a reader that steps them itself.</summary>
internal interface IReplayTarget
{
    /// <param name="position">Of the packet, that of its last tick.</param>
    void Step(ReadOnlySpan<Tick> ticks, long position);

    void Reset(int stream, long position);

    void Switch(int plan, long position);
}

/// <summary>Brings a log back: names, sessions, and every tick to its shard again, in the order and with the position it had.</summary>
/// <param name="plans">Those of the log; null where there is one alone.</param>
/// <param name="sessions">Receives the embedded broker's records; null without one.</param>
internal sealed class LogReplay(LogIndex state, IReplayTarget target, ISessionJournal? sessions, long after, ServingHistory? plans = null)
{
    private Tick[] _ticks = new Tick[64];

    /// <summary>Ticks brought back so far.</summary>
    public long TickCount { get; private set; }

    public void Visit(ReadOnlySpan<byte> records, long firstPosition)
    {
        FrameReader frame = new(records, firstPosition);
        while (frame.TryRead(out LogRecord record))
        {
            if (record.TickCount > 0 && record.Position > after)
                Route(ref frame, in record);
            else if (record.TickCount > 0)
                frame.SkipTicks(record.TickCount);
            else if (record.Position > after && record.Kind == LogRecordKind.BrokerSession)
                sessions?.Apply(record.Bytes);
            else if (record.Position > after && record.Kind == LogRecordKind.Reset)
                target.Reset(Known(record.Number, record.Position), record.Position);
            else if (record.Position > after && record.Kind == LogRecordKind.ServingPlan)
                Switch(record.Position);
            else if (record.Position > after)
                state.Apply(in record);
        }
    }

    /// <summary>Switches to another set-up where it begins.</summary>
    public void Switch(long position)
    {
        int plan = plans?.At(position) ?? 0;
        if (plan != 0)
            target.Switch(plan, position);
    }

    private int Known(int stream, long position) => stream < state.DefinedStreams
        ? stream
        : throw new InvalidDataException($"the input log steps stream {stream} at position {position} and has not named it; was it written by a newer build?");

    private void Route(ref FrameReader frame, in LogRecord record)
    {
        int count = record.TickCount;
        if (_ticks.Length < count)
            _ticks = new Tick[count];
        long position = 0;
        for (int i = 0; i < count; i++)
        {
            position = frame.Position;
            frame.ReadTick(out int stream, out long time, out double value);
            _ticks[i] = new Tick
            {
                Stream = Known(stream, position),
                Time = time,
                Value = value,
                Number = record.TickNumber,
                Numbering = record.Numbering,
            };
        }
        if (record.Kind == LogRecordKind.SessionPacket)
            state.Source(record.Source)?.Note(record.PacketId, record.Qos, record.Hash, position);
        target.Step(_ticks.AsSpan(0, count), position);
        TickCount += count;
    }
}
