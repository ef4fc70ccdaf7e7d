namespace StreamRnn.Ingest.Ticks;

/// <summary>
/// The room of a shard, counted in ticks. It is taken before anything is written, so that a packet for several shards finds room in all of them
/// or takes none, and given back when the shard has read.
/// </summary>
/// <remarks>More ticks than there is room for at all count as the whole room: such a packet waits until it is alone.</remarks>
internal sealed class Credit
{
    private readonly object _lock = new();
    private int _free;
    private int _waiting;
    private bool _ended;

    public Credit(int capacity) => Capacity = _free = capacity;

    public int Capacity { get; }

    /// <summary>Ticks of room that are taken; a moment's value.</summary>
    public int Used => Capacity - Volatile.Read(ref _free);

    /// <returns>False where there is less room.</returns>
    public bool TryTake(int ticks)
    {
        int charge = Math.Min(ticks, Capacity);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_ended, this);
            if (charge > _free)
                return false;
            _free -= charge;
            return true;
        }
    }

    /// <summary>Waits for room. Who needs that of several shards asks them in one order, or two wait for each other for ever.</summary>
    public void Take(int ticks)
    {
        int charge = Math.Min(ticks, Capacity);
        lock (_lock)
        {
            while (!_ended && charge > _free)
            {
                _waiting++;
                Monitor.Wait(_lock);
                _waiting--;
            }
            ObjectDisposedException.ThrowIf(_ended, this);
            _free -= charge;
        }
    }

    /// <summary>Gives room back.</summary>
    /// <param name="charge">Sum of what was taken.</param>
    /// <param name="wakes">
    /// True where those who wait are woken in any case, because nothing is left to read. Otherwise they are once half of the room is free: two threads
    /// that wake each other for a little room cost more than the steps.
    /// </param>
    public void Give(int charge, bool wakes)
    {
        lock (_lock)
        {
            _free += charge;
            if (_waiting > 0 && (wakes || _free >= Capacity / 2))
                Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Refuses whoever asks from here on, and whoever waits.</summary>
    public void End()
    {
        lock (_lock)
        {
            _ended = true;
            Monitor.PulseAll(_lock);
        }
    }
}
