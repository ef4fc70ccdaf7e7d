using StreamRnn.Ingest;

namespace StreamRnn.Worker.Durability;

/// <summary>Takes ticks on their way to the shards.</summary>
/// <param name="scratch">As long as <paramref name="ticks"/>; overwritten.</param>
internal delegate void TickTaker(ReadOnlySpan<Tick> ticks, Span<Tick> scratch);

/// <summary>Brings a log back: names, sessions, and every tick to its shard again, in the order and with the position it had.</summary>
/// <param name="take">Where ticks go: to a router, or to whoever steps them itself.</param>
/// <param name="setups">Those of the log; null where there is one alone.</param>
/// <param name="sessions">Who the embedded broker's records are for; null where there is none.</param>
internal sealed class LogReplay(JournalState state, TickTaker take, ISessionJournal? sessions, long after, SetupHistory? setups = null)
{
    private Tick[] _ticks = new Tick[64];
    private Tick[] _scratch = new Tick[64];

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
                Reset(in record);
            else if (record.Position > after && record.Kind == LogRecordKind.Setup)
                Switch(record.Position);
            else if (record.Position > after)
                state.Apply(in record);
        }
    }

    /// <summary>Where another set-up begins, says so among the ticks.</summary>
    public void Switch(long position)
    {
        int setup = setups?.At(position) ?? 0;
        if (setup == 0)
            return;
        _ticks[0] = Tick.Ask(TickControl.Switch, position) with { Packet = setup };
        take(_ticks.AsSpan(0, 1), _scratch.AsSpan(0, 1));
    }

    private void Reset(in LogRecord record)
    {
        _ticks[0] = Tick.Ask(TickControl.Reset, record.Position, Known(record.Number, record.Position));
        take(_ticks.AsSpan(0, 1), _scratch.AsSpan(0, 1));
    }

    private int Known(int stream, long position) => stream < state.DefinedStreams
        ? stream
        : throw new InvalidDataException($"the input log steps stream {stream} at position {position} and has not named it; was it written by a newer build?");

    private void Route(ref FrameReader frame, in LogRecord record)
    {
        int count = record.TickCount;
        if (_ticks.Length < count)
            (_ticks, _scratch) = (new Tick[count], new Tick[count]);
        for (int i = 0; i < count; i++)
        {
            long position = frame.Position;
            frame.ReadTick(out int stream, out long time, out double value);
            _ticks[i] = new Tick
            {
                Stream = Known(stream, position), Time = time, Value = value, Position = position, Number = record.TickNumber, Numbering = record.Numbering,
            };
        }
        if (record.Kind == LogRecordKind.SessionPacket)
            state.Source(record.Source)?.Note(record.PacketId, record.Qos, record.Hash, _ticks[count - 1].Position);
        take(_ticks.AsSpan(0, count), _scratch.AsSpan(0, count));
        TickCount += count;
    }
}
