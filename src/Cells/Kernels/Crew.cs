namespace StreamRnn.Cells.Kernels;

/// <summary>
/// Threads that do the numbered parts of a job, each part once, on whichever thread is free. The caller is one of them. Between jobs
/// the others spin for a moment and then block.
/// </summary>
internal sealed class Crew : IDisposable
{
    private const int Spins = 2000;   // some tens of microseconds: the pause between two jobs of a training step

    private readonly Action<int> _part;
    private readonly Thread[] _threads;
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _jobs = new(0);
    private readonly ManualResetEventSlim _done = new(initialState: true, Spins);
    private long _parts;      // end in the upper half, next in the lower: taken with one exchange, so that no part is done twice
    private int _left;
    private int _asleep;
    private volatile bool _disposed;

    /// <param name="threads">The caller's included.</param>
    /// <param name="part">Does a part. Must not throw.</param>
    public Crew(int threads, Action<int> part)
    {
        _part = part;
        _threads = new Thread[threads - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            _threads[i] = new Thread(Work) { IsBackground = true, Name = $"window {i + 1}" };
            _threads[i].Start();
        }
    }

    /// <summary>Does parts 0 to count - 1 and returns when all are done.</summary>
    public void Run(int count)
    {
        _done.Reset();
        Volatile.Write(ref _left, count);
        Interlocked.Exchange(ref _parts, (long)count << 32);
        if (count > 1)
            Wake();
        while (TryDoPart())
        {
        }

        _done.Wait();
    }

    public void Dispose()
    {
        _disposed = true;
        Wake();
        foreach (Thread thread in _threads)
            thread.Join();
        _jobs.Dispose();
        _done.Dispose();
    }

    private void Wake()
    {
        lock (_gate)
        {
            if (_asleep > 0)
                _jobs.Release(_asleep);
            _asleep = 0;
        }
    }

    private bool TryDoPart()
    {
        while (true)
        {
            long parts = Volatile.Read(ref _parts);
            int end = (int)(parts >> 32), next = (int)parts;
            if (next >= end)
                return false;
            if (Interlocked.CompareExchange(ref _parts, parts + 1, parts) != parts)
                continue;

            _part(next);
            if (Interlocked.Decrement(ref _left) == 0)
                _done.Set();
            return true;
        }
    }

    private void Work()
    {
        int spins = 0;
        while (!_disposed)
        {
            if (TryDoPart())
            {
                spins = 0;
            }
            else if (spins++ < Spins)
            {
                Thread.SpinWait(10);
            }
            else
            {
                spins = 0;
                Sleep();
            }
        }
    }

    /// <summary>Announces the sleep before a last look at the job, so that a job which arrives in between wakes the thread.</summary>
    private void Sleep()
    {
        lock (_gate)
        {
            long parts = Volatile.Read(ref _parts);
            if (_disposed || (int)parts < (int)(parts >> 32))
                return;
            _asleep++;
        }

        _jobs.Wait();
    }
}
