namespace StreamRnn.Ingest;

/// <summary>
/// A bounded queue of ticks between many readers of sockets and the one thread of a shard, which blocks on it. A hop through the thread
/// pool would cost more than the step (docs/decisions).
/// </summary>
public sealed class TickQueue
{
    private readonly Tick[] _ring;
    private readonly object _lock = new();       // producers wait on it for room
    private readonly ThreadSignal _ready = new();   // the shard waits for it
    private int _head;
    private int _count;
    private int _reserved;
    private int _waitingProducers;
    private bool _readerWaits;
    private bool _completed;

    public TickQueue(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        Capacity = capacity;
        _ring = new Tick[Math.Max(capacity, PacketIntake.MaximumTicks)];   // a packet that is larger than the queue goes in alone
    }

    public int Capacity { get; }

    /// <summary>Ticks waiting; a moment's value.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Adds all of the ticks or, where they do not fit, none.</summary>
    public bool TryAdd(ReadOnlySpan<Tick> ticks)
    {
        bool wakes;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_completed, this);
            if (ticks.Length > Room)
                return false;
            wakes = Append(ticks);
        }
        Wake(wakes);
        return true;
    }

    /// <summary>
    /// Sets room aside for a packet that needs several queues: a caller that gets it from all of them adds to each with
    /// <see cref="AddReserved"/>, one that does not gives it back with <see cref="Release"/>.
    /// </summary>
    public bool TryReserve(int count)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_completed, this);
            if (!HasRoom(count))
                return false;
            _reserved += count;
            return true;
        }
    }

    /// <summary>The same, waiting for room. Who needs several queues asks them in one order, or two wait for each other for ever.</summary>
    public void Reserve(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _ring.Length);
        lock (_lock)
        {
            while (true)
            {
                ObjectDisposedException.ThrowIf(_completed, this);
                if (HasRoom(count))
                    break;
                _waitingProducers++;
                Monitor.Wait(_lock);
                _waitingProducers--;
            }
            _reserved += count;
        }
    }

    /// <summary>Adds ticks to room that <see cref="TryReserve"/> or <see cref="Reserve"/> set aside.</summary>
    public void AddReserved(ReadOnlySpan<Tick> ticks)
    {
        bool wakes;
        lock (_lock)
        {
            _reserved -= ticks.Length;
            wakes = Append(ticks);
        }
        Wake(wakes);
    }

    /// <summary>Gives reserved room back.</summary>
    public void Release(int count)
    {
        lock (_lock)
        {
            _reserved -= count;
            if (_waitingProducers > 0)
                Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Adds the ticks in order and waits, in pieces if need be, until the last has been taken in.</summary>
    public void Add(ReadOnlySpan<Tick> ticks)
    {
        bool wakes;
        lock (_lock)
        {
            while (true)
            {
                ObjectDisposedException.ThrowIf(_completed, this);
                int fit = Math.Min(ticks.Length, Math.Max(Room, 0));
                wakes = Append(ticks[..fit]);
                ticks = ticks[fit..];
                if (ticks.IsEmpty)
                    break;
                Wake(wakes);
                _waitingProducers++;
                Monitor.Wait(_lock);
                _waitingProducers--;
            }
        }
        Wake(wakes);
    }

    /// <summary>Takes what is there, waiting while nothing is. Called by the shard's thread only.</summary>
    /// <returns>0 when the queue is complete and empty.</returns>
    public int Take(Span<Tick> into)
    {
        while (true)
        {
            lock (_lock)
            {
                if (_count > 0)
                    return TakeReady(into);
                if (_completed)
                    return 0;
                _readerWaits = true;
            }
            _ready.Wait();
        }
    }

    /// <summary>No more ticks will come; what is queued is still taken.</summary>
    public void Complete()
    {
        lock (_lock)
        {
            _completed = true;
            Monitor.PulseAll(_lock);
        }
        _ready.Set();
    }

    private int Room => Capacity - _count - _reserved;

    private bool HasRoom(int count) => count <= Room || Room == Capacity;

    private int TakeReady(Span<Tick> into)
    {
        int taken = Math.Min(into.Length, _count);
        int first = Math.Min(taken, _ring.Length - _head);
        _ring.AsSpan(_head, first).CopyTo(into);
        _ring.AsSpan(0, taken - first).CopyTo(into[first..]);
        _head = (_head + taken) % _ring.Length;
        _count -= taken;
        if (_waitingProducers > 0 && (_count == 0 || Room >= Capacity / 2))
            Monitor.PulseAll(_lock);   // not for every little room: two threads that wake each other cost more than the steps
        return taken;
    }

    /// <returns>Whether the shard is to be woken: once, however many ticks come before it is awake.</returns>
    private bool Append(ReadOnlySpan<Tick> ticks)
    {
        if (ticks.IsEmpty)
            return false;
        int tail = (_head + _count) % _ring.Length;
        int first = Math.Min(ticks.Length, _ring.Length - tail);
        ticks[..first].CopyTo(_ring.AsSpan(tail));
        ticks[first..].CopyTo(_ring);
        _count += ticks.Length;
        bool wakes = _readerWaits;
        _readerWaits = false;
        return wakes;
    }

    private void Wake(bool wakes)
    {
        if (wakes)
            _ready.Set();
    }
}
