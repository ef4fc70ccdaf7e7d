using StreamRnn.Ingest;
using StreamRnn.Worker.Telemetry;

namespace StreamRnn.Worker.Publish;

/// <summary>What a shard does when the publisher is behind by the whole queue.</summary>
public enum WhenFull
{
    /// <summary>It waits, its ticks queue up, and intake waits: at QoS 1 and 2 as far back as the sender. Nothing is lost.</summary>
    Wait = 0,

    /// <summary>Forecasts are dropped and counted: states stay exact, outputs do not.</summary>
    DropForecasts = 1,
}

/// <summary>The bounded way from the shards to the publisher. All blocks there will ever be are made here.</summary>
public sealed class ForecastQueue
{
    /// <summary>Forecasts of one block: a few micro-batches, small enough to stay in a core's second cache.</summary>
    public const int BlockForecasts = 512;

    private readonly object _lock = new();
    private readonly ForecastBlock[] _ring;
    private readonly Stack<ForecastBlock> _free;
    private readonly WhenFull _whenFull;
    private readonly WorkerMetrics _metrics;
    private readonly ITickLog _log;
    private int _head;
    private int _count;
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
        _ring = new ForecastBlock[(capacity + BlockForecasts - 1) / BlockForecasts];

        // One in the hands of each shard, one in the publisher's.
        int blocks = _ring.Length + producers + 1;
        _free = new Stack<ForecastBlock>(blocks);
        for (int i = 0; i < blocks; i++)
            _free.Push(new ForecastBlock(BlockForecasts));
    }

    /// <summary>Shards that fill it.</summary>
    public int Producers { get; }

    /// <summary>Forecasts given up so far; 0 under <see cref="WhenFull.Wait"/>.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>Blocks waiting; a moment's value.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>The empty block a shard starts with.</summary>
    public ForecastBlock Rent()
    {
        lock (_lock)
            return _free.Pop();
    }

    /// <summary>Hands a filled block over for an empty one.</summary>
    public ForecastBlock Exchange(ForecastBlock filled)
    {
        if (filled.IsEmpty)
            return filled;

        lock (_lock)
        {
            while (_count == _ring.Length && (_whenFull == WhenFull.Wait || filled.Cut > 0))   // a cut is no forecast and is not dropped
                Wait();

            if (_count < _ring.Length)
            {
                _ring[(_head + _count++) % _ring.Length] = filled;
                Signal();
                return _free.Pop();
            }
        }

        // Dropped outputs are no reason to have a tick sent again: it has been stepped.
        Interlocked.Add(ref _dropped, filled.Count);
        _metrics.ForecastsDropped("queue", "full", filled.Count);
        filled.CompleteWhenDurable(_log);
        filled.Clear();
        return filled;
    }

    /// <summary>Whether a shard may wait for the sinks.</summary>
    public bool MayWait => _whenFull == WhenFull.Wait;

    /// <summary>Waits while there is no block. Called by the publisher's thread only.</summary>
    /// <returns>False when every shard has finished and nothing is left.</returns>
    public bool WaitToTake()
    {
        lock (_lock)
        {
            while (_count == 0 && _producers > 0)
                Wait();
            return _count > 0;
        }
    }

    /// <summary>Takes the oldest block; there is one. Called by the publisher's thread only.</summary>
    public ForecastBlock Take()
    {
        lock (_lock)
        {
            ForecastBlock block = _ring[_head];
            _head = (_head + 1) % _ring.Length;
            _count--;
            Signal();
            return block;
        }
    }

    /// <summary>Gives back a block that was taken.</summary>
    public void Return(ForecastBlock done)
    {
        done.Clear();
        lock (_lock)
            _free.Push(done);
    }

    /// <summary>One shard has finished.</summary>
    public void Complete()
    {
        lock (_lock)
        {
            _producers--;
            Signal();
        }
    }

    private void Wait()
    {
        _waiting++;
        Monitor.Wait(_lock);
        _waiting--;
    }

    // A pulse that nobody waits for is a cost per block for nothing.
    private void Signal()
    {
        if (_waiting > 0)
            Monitor.PulseAll(_lock);
    }
}
