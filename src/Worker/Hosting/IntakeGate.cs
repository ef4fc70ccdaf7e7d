namespace StreamRnn.Worker.Hosting;

/// <summary>
/// Stands before the shards' queues, which must not end while a reading thread is adding to them. Closing it waits until the last one
/// is through.
/// </summary>
internal sealed class IntakeGate
{
    private int _inside;
    private volatile bool _closed;

    public bool TryEnter()
    {
        Interlocked.Increment(ref _inside);
        if (!_closed)
            return true;
        Exit();
        return false;
    }

    public void Exit() => Interlocked.Decrement(ref _inside);

    /// <summary>Closes the gate and returns when no thread is inside.</summary>
    public void Close()
    {
        _closed = true;
        SpinWait.SpinUntil(() => Volatile.Read(ref _inside) == 0);
    }
}
