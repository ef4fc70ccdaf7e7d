namespace StreamRnn.Ingest;

/// <summary>
/// A bounded queue of ticks between many readers of sockets and the one thread of a shard, which blocks on it. A hop through the thread
/// pool would cost more than the step (docs/decisions).
/// </summary>
public sealed class TickQueue
{
    private readonly Tick[] _ring;
    private readonly object _lock = new();
    private int _head;
    private int _count;
    private int _reserved;
    private int _waitingProducers;
    private bool _readerWaits;
    private bool _completed;

    public TickQueue(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        _ring = new Tick[capacity];
    }

    public int Capacity => _ring.Length;

    /// <summary>Ticks waiting; a moment's value.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Adds all of the ticks or, where they do not fit, none.</summary>
    public bool TryAdd(ReadOnlySpan<Tick> ticks)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_completed, this);
            if (ticks.Length > Room)
                return false;
            Append(ticks);
            return true;
        }
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
            if (count > Room)
                return false;
            _reserved += count;
            return true;
        }
    }

    /// <summary>The same, waiting for room. Who needs several queues asks them in one order, or two wait for each other for ever.</summary>
    public void Reserve(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Capacity);
        lock (_lock)
        {
            while (true)
            {
                ObjectDisposedException.ThrowIf(_completed, this);
                if (count <= Room)
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
        lock (_lock)
        {
            _reserved -= ticks.Length;
            Append(ticks);
        }
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
        lock (_lock)
        {
            while (true)
            {
                ObjectDisposedException.ThrowIf(_completed, this);
                int fit = Math.Min(ticks.Length, Room);
                Append(ticks[..fit]);
                ticks = ticks[fit..];
                if (ticks.IsEmpty)
                    return;
                _waitingProducers++;
                Monitor.Wait(_lock);
                _waitingProducers--;
            }
        }
    }

    /// <summary>Takes what is there, waiting while nothing is. Called by the shard's thread only.</summary>
    /// <returns>0 when the queue is complete and empty.</returns>
    public int Take(Span<Tick> into)
    {
        lock (_lock)
        {
            while (_count == 0)
            {
                if (_completed)
                    return 0;
                _readerWaits = true;
                Monitor.Wait(_lock);
            }

            int taken = Math.Min(into.Length, _count);
            int first = Math.Min(taken, _ring.Length - _head);
            _ring.AsSpan(_head, first).CopyTo(into);
            _ring.AsSpan(0, taken - first).CopyTo(into[first..]);
            _head = (_head + taken) % _ring.Length;
            _count -= taken;
            if (_waitingProducers > 0 && (_count == 0 || Room >= _ring.Length / 2))
                Monitor.PulseAll(_lock);   // not for every little room: two threads that wake each other cost more than the steps
            return taken;
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
    }

    private int Room => _ring.Length - _count - _reserved;

    private void Append(ReadOnlySpan<Tick> ticks)
    {
        if (ticks.IsEmpty)
            return;
        int tail = (_head + _count) % _ring.Length;
        int first = Math.Min(ticks.Length, _ring.Length - tail);
        ticks[..first].CopyTo(_ring.AsSpan(tail));
        ticks[first..].CopyTo(_ring);
        _count += ticks.Length;
        if (_readerWaits)
        {
            _readerWaits = false;   // one wake-up is enough, however many ticks come before the reader has the lock
            Monitor.PulseAll(_lock);
        }
    }
}
