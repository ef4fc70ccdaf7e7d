namespace StreamRnn.Ingest.Ticks;

/// <summary>
/// Brings the ticks of a packet to the shards that own their streams, shard = stream % shards: one stream, one shard, one order. Room is reserved
/// first and the blocks are written after. Safe for any number of threads, each with <see cref="PacketBlocks"/> of its own; allocates nothing.
/// </summary>
public sealed class TickRouter
{
    private readonly TickInbox[] _inboxes;

    /// <param name="inboxes">One per shard, in the order of the shards.</param>
    public TickRouter(IReadOnlyList<TickInbox> inboxes)
    {
        ArgumentOutOfRangeException.ThrowIfZero(inboxes.Count, nameof(inboxes));
        _inboxes = [.. inboxes];
    }

    /// <summary>Sets room aside for all ticks of a packet or, where one of its shards lacks it, for none.</summary>
    public bool TryReserve(PacketBlocks packet)
    {
        ReadOnlySpan<Tick> ticks = packet.Ticks;
        if (IsForOne(ticks, out int only))
        {
            if (!_inboxes[only].TryReserve(ticks.Length))
                return false;
            TakeAll(packet, only);
            return true;
        }
        Span<int> counts = stackalloc int[_inboxes.Length];
        Count(ticks, counts);
        for (int shard = 0; shard < _inboxes.Length; shard++)
        {
            if (counts[shard] == 0 || _inboxes[shard].TryReserve(counts[shard]))
                continue;
            while (--shard >= 0)
            {
                if (counts[shard] > 0)
                    _inboxes[shard].Release(counts[shard]);
            }
            return false;
        }
        // Blocks are filled when there is room in all: one that had grown for a packet without room would wait in the pool for a packet of one tick.
        for (int shard = 0; shard < _inboxes.Length; shard++)
            Take(packet, shard, counts[shard]);
        return true;
    }

    /// <summary>Sets room aside for all ticks of a packet and waits for it, always from the first shard to the last.</summary>
    public void Reserve(PacketBlocks packet)
    {
        ReadOnlySpan<Tick> ticks = packet.Ticks;
        if (IsForOne(ticks, out int only))
        {
            _inboxes[only].Reserve(ticks.Length);
            TakeAll(packet, only);
            return;
        }
        Span<int> counts = stackalloc int[_inboxes.Length];
        Count(ticks, counts);
        for (int shard = 0; shard < _inboxes.Length; shard++)
        {
            if (counts[shard] > 0)
                _inboxes[shard].Reserve(counts[shard]);
            Take(packet, shard, counts[shard]);
        }
    }

    /// <summary>Sets room aside for a control message to every shard, or to the shard of a stream, and waits for it.</summary>
    /// <param name="stream">Negative for every shard.</param>
    public void Reserve(PacketBlocks message, TickBlockKind kind, int stream = -1, int plan = 0)
    {
        message.Begin();
        for (int shard = 0; shard < _inboxes.Length; shard++)
        {
            if (stream >= 0 && stream % _inboxes.Length != shard)
                continue;
            _inboxes[shard].Reserve(1);
            TickBlock block = _inboxes[shard].Rent();
            block.Ask(kind, stream, plan);
            message.Take(_inboxes[shard], block);
        }
    }

    /// <summary>Hands all ticks of a packet to their shards and waits for room.</summary>
    /// <param name="position">In the log; 0 where nothing is logged.</param>
    public void Route(PacketBlocks packet, long position = 0)
    {
        Reserve(packet);
        packet.Write(position);
    }

    /// <summary>Broadcasts a control message to all shards, ordered with this thread's ticks; blocks while a shard is full.</summary>
    /// <param name="position">In the log.</param>
    public void Broadcast(PacketBlocks message, TickBlockKind kind, long position, int plan = 0)
    {
        Reserve(message, kind, plan: plan);
        message.Write(position);
    }

    /// <summary>Ends the way in: every shard ends when it has read what waits.</summary>
    public void Complete()
    {
        foreach (TickInbox inbox in _inboxes)
            inbox.Complete();
    }

    private bool IsForOne(ReadOnlySpan<Tick> ticks, out int shard)
    {
        shard = _inboxes.Length == 1 || ticks.IsEmpty ? 0 : ticks[0].Stream % _inboxes.Length;
        return _inboxes.Length == 1 || ticks.Length == 1;
    }

    private void TakeAll(PacketBlocks packet, int shard)
    {
        TickBlock block = _inboxes[shard].Rent();
        block.Fill(packet.Ticks);
        packet.Take(_inboxes[shard], block);
    }

    private void Take(PacketBlocks packet, int shard, int count)
    {
        if (count == 0)
            return;
        TickBlock block = _inboxes[shard].Rent();
        block.Fill(packet.Ticks, count, shard, _inboxes.Length);
        packet.Take(_inboxes[shard], block);
    }

    private static void Count(ReadOnlySpan<Tick> ticks, Span<int> byShard)
    {
        byShard.Clear();
        foreach (ref readonly Tick tick in ticks)
            byShard[tick.Stream % byShard.Length]++;
    }
}
