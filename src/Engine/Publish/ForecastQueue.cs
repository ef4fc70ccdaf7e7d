using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Intake;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Publish;

/// <summary>The bounded channel from the shards to the publisher, and the pool of its blocks. All blocks there will ever be are made here.</summary>
public sealed class ForecastQueue
{
    /// <summary>Forecasts of one block: a few micro-batches, small enough to stay in a core's second cache.</summary>
    public const int BlockForecasts = 512;

    private readonly BlockChannel<ForecastBlock> _blocks;
    private readonly int _places;   // for blocks of forecasts
    private readonly Stack<ForecastBlock> _free;
    private readonly object _room = new();   // shards that wait for the publisher
    private readonly WhenFull _whenFull;
    private readonly WorkerMetrics _metrics;
    private readonly ITickLog _log;
    private int _producers;
    private int _waiting;
    private long _dropped;

    /// <param name="capacity">Forecasts that may wait; at least one block.</param>
    /// <param name="producers">Shards; the queue ends when each has called <see cref="Complete"/>.</param>
    /// <param name="log">Says when a tick may be acknowledged.</param>
    public ForecastQueue(int capacity, int producers, WhenFull whenFull, WorkerMetrics metrics, ITickLog log)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(producers);
        (_producers, Producers, _whenFull, _metrics, _log) = (producers, producers, whenFull, metrics, log);
        _places = (capacity + BlockForecasts - 1) / BlockForecasts;
        // A barrier finds a place where forecasts do not: one of each shard is under way at a time, and each shard may have been told of the same last place.
        _blocks = new BlockChannel<ForecastBlock>(_places + 2 * producers);

        // One in the hands of each shard, one in the publisher's.
        int blocks = _blocks.Capacity + producers + 1;
        _free = new Stack<ForecastBlock>(blocks);
        for (int i = 0; i < blocks; i++)
            _free.Push(new ForecastBlock(BlockForecasts));
    }

    /// <summary>Shards that fill it.</summary>
    public int Producers { get; }

    /// <summary>Forecasts given up so far; 0 under <see cref="WhenFull.Wait"/>.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>Blocks waiting; a moment's value.</summary>
    public int Count => _blocks.Count;

    /// <summary>True if a shard may wait for the sinks.</summary>
    public bool MayWait => _whenFull == WhenFull.Wait;

    /// <summary>Takes an empty block out of the pool; there is one for each shard to start with.</summary>
    public ForecastBlock Rent()
    {
        lock (_free)
            return _free.Pop();
    }

    /// <summary>Exchanges a filled block for an empty one.</summary>
    public ForecastBlock Exchange(ForecastBlock filled)
    {
        if (filled.IsEmpty)
            return filled;
        // A barrier is no forecast: it is not dropped and does not wait.
        while ((filled.Barrier == 0 && _blocks.Count >= _places) || !_blocks.TryWrite(filled))
        {
            if (!MayWait && filled.Barrier == 0)
                return Drop(filled);
            WaitForRoom();
        }
        return Rent();
    }

    /// <summary>Waits while there is no block. Called by the publisher's thread only.</summary>
    /// <returns>False when every shard has finished and nothing is left.</returns>
    public bool WaitToTake() => _blocks.WaitToRead();

    /// <summary>Takes the oldest block; there is one. Called by the publisher's thread only.</summary>
    public ForecastBlock Take()
    {
        if (!_blocks.TryRead(out ForecastBlock? block))
            throw new InvalidOperationException("No block waits.");
        Interlocked.MemoryBarrier();   // a shard counts itself and then looks for room: one of the two sees the other
        if (Volatile.Read(ref _waiting) > 0)
        {
            lock (_room)
                Monitor.PulseAll(_room);
        }
        return block;
    }

    /// <summary>Gives back a block that was taken.</summary>
    public void Return(ForecastBlock done)
    {
        done.Clear();
        lock (_free)
            _free.Push(done);
    }

    /// <summary>Says that one shard has finished.</summary>
    public void Complete()
    {
        if (Interlocked.Decrement(ref _producers) == 0)
            _blocks.Complete();
    }

    private void WaitForRoom()
    {
        lock (_room)
        {
            Interlocked.Increment(ref _waiting);
            while (_blocks.Count >= _places)
                Monitor.Wait(_room);
            Interlocked.Decrement(ref _waiting);
        }
    }

    /// <summary>Drops outputs and counts them. That is no reason to have a tick sent again: it has been stepped.</summary>
    private ForecastBlock Drop(ForecastBlock filled)
    {
        Interlocked.Add(ref _dropped, filled.Count);
        _metrics.ForecastsDropped("queue", "full", filled.Count);
        filled.CompleteWhenDurable(_log);
        filled.Clear();
        return filled;
    }
}
