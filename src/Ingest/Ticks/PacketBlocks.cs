namespace StreamRnn.Ingest.Ticks;

/// <summary>
/// One packet on its way to the shards: its ticks in the order of arrival, what they share, and, once room is reserved, a block for each shard
/// that owns some of them. Of one thread; reused.
/// </summary>
public sealed class PacketBlocks
{
    private readonly List<(TickInbox Inbox, TickBlock Block)> _blocks = [];
    private Tick[] _ticks = new Tick[64];
    private int _count;

    /// <summary>The facts its ticks share.</summary>
    public TickOrigin Origin { get; set; }

    /// <summary>In the order of arrival, of all shards.</summary>
    public ReadOnlySpan<Tick> Ticks => _ticks.AsSpan(0, _count);

    /// <summary>Begins a packet.</summary>
    public void Begin(in TickOrigin origin = default) => (Origin, _count) = (origin, 0);

    public void Add(in Tick tick)
    {
        if (_count == _ticks.Length)
            Array.Resize(ref _ticks, 2 * _count);
        _ticks[_count++] = tick;
    }

    public void Add(ReadOnlySpan<Tick> ticks)
    {
        foreach (ref readonly Tick tick in ticks)
            Add(in tick);
    }

    internal void Take(TickInbox inbox, TickBlock block) => _blocks.Add((inbox, block));

    /// <summary>Hands the blocks, for which room is reserved, to their shards; waits for nothing.</summary>
    /// <param name="position">In the log; 0 where nothing is logged.</param>
    public void Write(long position)
    {
        TickOrigin origin = Origin with { Position = position };
        foreach ((TickInbox inbox, TickBlock block) in _blocks)
        {
            block.Origin = origin;
            inbox.Write(block);
        }
        _blocks.Clear();
    }

    /// <summary>Gives blocks and room back.</summary>
    public void Release()
    {
        foreach ((TickInbox inbox, TickBlock block) in _blocks)
            inbox.Return(block);
        _blocks.Clear();
    }
}
