namespace StreamRnn.Ingest;

/// <summary>
/// Brings the ticks of a packet to the shards that own their streams, shard = stream % shards: one stream, one shard, one order. Safe for
/// any number of threads; allocates nothing.
/// </summary>
public sealed class TickRouter
{
    private readonly TickQueue[] _queues;

    /// <param name="queues">One per shard, in the order of the shards.</param>
    public TickRouter(IReadOnlyList<TickQueue> queues)
    {
        ArgumentOutOfRangeException.ThrowIfZero(queues.Count, nameof(queues));
        _queues = [.. queues];
    }

    public int ShardCount => _queues.Length;

    /// <summary>Ticks waiting in all queues; a moment's value.</summary>
    public int Count
    {
        get
        {
            int count = 0;
            foreach (TickQueue queue in _queues)
                count += queue.Count;
            return count;
        }
    }

    /// <summary>Adds all ticks of a packet or, where one of its queues lacks room, none.</summary>
    /// <param name="ticks">In order of arrival, which each shard keeps.</param>
    /// <param name="scratch">As long as <paramref name="ticks"/>; overwritten.</param>
    public bool TryRoute(ReadOnlySpan<Tick> ticks, Span<Tick> scratch)
    {
        if (_queues.Length == 1)
            return _queues[0].TryAdd(ticks);
        if (ticks.Length == 1)
            return _queues[ticks[0].Stream % _queues.Length].TryAdd(ticks);
        if (!TryReserve(ticks))
            return false;
        AddReserved(ticks, scratch);
        return true;
    }

    /// <summary>Sets room aside for all ticks of a packet or, where one of its queues lacks it, for none.</summary>
    public bool TryReserve(ReadOnlySpan<Tick> ticks)
    {
        if (ticks.Length == 1)
            return _queues[ticks[0].Stream % _queues.Length].TryReserve(1);
        for (int shard = 0; shard < _queues.Length; shard++)
        {
            int count = CountOf(shard, ticks);
            if (count == 0 || _queues[shard].TryReserve(count))
                continue;
            while (--shard >= 0)
                _queues[shard].Release(CountOf(shard, ticks));
            return false;
        }
        return true;
    }

    /// <summary>Sets room aside for all ticks of a packet and waits for it, always from the first shard to the last.</summary>
    /// <param name="ticks">No more than a queue holds.</param>
    public void Reserve(ReadOnlySpan<Tick> ticks)
    {
        if (ticks.Length == 1)
            _queues[ticks[0].Stream % _queues.Length].Reserve(1);
        else
            for (int shard = 0; shard < _queues.Length; shard++)
                if (CountOf(shard, ticks) is > 0 and int count)
                    _queues[shard].Reserve(count);
    }

    /// <summary>Adds ticks to the room reserved for them; waits for nothing.</summary>
    /// <inheritdoc cref="TryRoute"/>
    public void AddReserved(ReadOnlySpan<Tick> ticks, Span<Tick> scratch)
    {
        if (ticks.Length == 1)
            _queues[ticks[0].Stream % _queues.Length].AddReserved(ticks);
        else
            for (int shard = 0; shard < _queues.Length; shard++)
                if (Gather(shard, ticks, scratch) is > 0 and int count)
                    _queues[shard].AddReserved(scratch[..count]);
    }

    /// <summary>Gives the room reserved for ticks back.</summary>
    public void Release(ReadOnlySpan<Tick> ticks)
    {
        for (int shard = 0; shard < _queues.Length; shard++)
            if (CountOf(shard, ticks) is > 0 and int count)
                _queues[shard].Release(count);
    }

    /// <summary>Adds all ticks of a packet and waits for room: the socket is not read meanwhile, so the peer waits as well.</summary>
    /// <inheritdoc cref="TryRoute"/>
    public void Route(ReadOnlySpan<Tick> ticks, Span<Tick> scratch)
    {
        if (_queues.Length == 1)
            _queues[0].Add(ticks);
        else if (ticks.Length == 1)
            _queues[ticks[0].Stream % _queues.Length].Add(ticks);
        else
            for (int shard = 0; shard < _queues.Length; shard++)
                if (Gather(shard, ticks, scratch) is > 0 and int count)
                    _queues[shard].Add(scratch[..count]);
    }

    /// <summary>Adds one and the same to every queue, at one place in the order of all that this thread adds; waits for room.</summary>
    public void RouteEach(in Tick control)
    {
        ReserveEach();
        AddReservedEach(in control);
    }

    /// <summary>Sets room for one aside in every queue and waits for it.</summary>
    public void ReserveEach()
    {
        foreach (TickQueue queue in _queues)
            queue.Reserve(1);
    }

    /// <summary>Adds one and the same to every queue, in the room reserved for it.</summary>
    public void AddReservedEach(in Tick control)
    {
        foreach (TickQueue queue in _queues)
            queue.AddReserved([control]);
    }

    /// <summary>No more ticks will come: every shard ends when it has taken what is queued.</summary>
    public void Complete()
    {
        foreach (TickQueue queue in _queues)
            queue.Complete();
    }

    private int CountOf(int shard, ReadOnlySpan<Tick> ticks)
    {
        int count = 0;
        foreach (ref readonly Tick tick in ticks)
            count += tick.Stream % _queues.Length == shard ? 1 : 0;
        return count;
    }

    private int Gather(int shard, ReadOnlySpan<Tick> ticks, Span<Tick> into)
    {
        int count = 0;
        foreach (ref readonly Tick tick in ticks)
            if (tick.Stream % _queues.Length == shard)
                into[count++] = tick;
        return count;
    }
}
