using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Ticks;

/// <summary>Kinds of blocks that travel to a shard. All but <see cref="Ticks"/> are control messages, at one place in the order of the ticks.</summary>
public enum TickBlockKind : byte
{
    /// <summary>Ticks of one packet.</summary>
    Ticks = 0,

    /// <summary>Releases the results of the ticks before it.</summary>
    Barrier,

    /// <summary>A barrier; the states that changed since the last time are saved as they are here.</summary>
    SaveChanged,

    /// <summary>A barrier; all states are saved as they are here.</summary>
    SaveAll,

    /// <summary>A stream's state is reset.</summary>
    Reset,

    /// <summary>Another set-up holds from here on.</summary>
    Switch,
}

/// <summary>The facts of a packet that all its ticks share.</summary>
public readonly record struct TickOrigin
{
    /// <summary>Connection that is owed an acknowledgement once the ticks are done with; null at QoS 0 and for recordings.</summary>
    public PacketLedger? Ledger { get; init; }

    /// <summary>The packet's number in its ledger.</summary>
    public long Packet { get; init; }

    /// <summary>Position of the packet in the log, that of its last tick; 0 where nothing is logged.</summary>
    public long Position { get; init; }

    /// <summary>Stopwatch stamp of the arrival; 0 without measurement.</summary>
    public long ReceivedAt { get; init; }

    /// <summary>Index of the sampled trace context; 0 where it is not traced.</summary>
    public int Trace { get; init; }
}

/// <summary>The ticks of one packet for one shard, or a control message; the item of a shard's channel. Reused.</summary>
public sealed class TickBlock
{
    /// <summary>Bytes of a block beside its ticks, and of its places in channel and pool.</summary>
    public const int OverheadBytes = 160;

    private Tick[] _ticks = new Tick[1];
    private int _count;

    public TickBlockKind Kind { get; private set; }

    public TickOrigin Origin { get; internal set; }

    /// <summary>The stream of a <see cref="TickBlockKind.Reset"/>.</summary>
    public int Stream { get; private set; }

    /// <summary>The number of the set-up of a <see cref="TickBlockKind.Switch"/>.</summary>
    public int Plan { get; private set; }

    /// <summary>In the order of arrival.</summary>
    public ReadOnlySpan<Tick> Ticks => _ticks.AsSpan(0, _count);

    /// <summary>Ticks of room that it takes: a control message counts as one.</summary>
    public int Charge => Math.Max(1, _count);

    internal int Capacity => _ticks.Length;

    internal void Fill(ReadOnlySpan<Tick> ticks)
    {
        Grow(ticks.Length);
        ticks.CopyTo(_ticks);
        _count = ticks.Length;
    }

    /// <summary>Adds the ticks of one shard.</summary>
    internal void Fill(ReadOnlySpan<Tick> ticks, int count, int shard, int shards)
    {
        Grow(count);
        foreach (ref readonly Tick tick in ticks)
        {
            if (tick.Stream % shards == shard)
                _ticks[_count++] = tick;
        }
    }

    internal void Ask(TickBlockKind kind, int stream, int plan) => (Kind, Stream, Plan) = (kind, stream, plan);

    internal void Clear() => (Kind, Origin, _count) = (TickBlockKind.Ticks, default, 0);

    private void Grow(int count)
    {
        if (count > _ticks.Length)
            _ticks = new Tick[System.Numerics.BitOperations.RoundUpToPowerOf2((uint)count)];
    }
}
