using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;

namespace StreamRnn.Ingest.Ticks;

/// <summary>
/// A bounded channel from any number of writers to one thread that reads it. The thread sleeps on a <see cref="ThreadSignal"/>; the channel is
/// written and read without waiting, because a hop through the thread pool costs more than a step.
/// </summary>
public sealed class BlockChannel<T> where T : class
{
    private readonly Channel<T> _channel;
    private readonly ThreadSignal _ready = new();
    private bool _readerSleeps;

    /// <param name="capacity">Items that may wait.</param>
    public BlockChannel(int capacity)
    {
        Capacity = capacity;
        _channel = Channel.CreateBounded<T>(new BoundedChannelOptions(capacity) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
    }

    public int Capacity { get; }

    /// <summary>Items waiting; a moment's value.</summary>
    public int Count => _channel.Reader.Count;

    /// <returns>False where the channel is full or complete.</returns>
    public bool TryWrite(T item)
    {
        if (!_channel.Writer.TryWrite(item))
            return false;
        Wake();
        return true;
    }

    public bool TryRead([MaybeNullWhen(false)] out T item) => _channel.Reader.TryRead(out item);

    /// <summary>Waits while nothing is there. Called by the reading thread only.</summary>
    /// <returns>False when the channel is complete and empty.</returns>
    public bool WaitToRead()
    {
        while (!_channel.Reader.TryPeek(out _))
        {
            if (_channel.Reader.Completion.IsCompleted)
                return false;

            // The reader says that it will sleep and looks once more; a writer writes and looks whether the reader sleeps. The fences on both
            // sides let at least one see the other, so no item waits for the next one.
            Volatile.Write(ref _readerSleeps, true);
            Interlocked.MemoryBarrier();
            if (!_channel.Reader.TryPeek(out _) && !_channel.Reader.Completion.IsCompleted)
                _ready.Wait();
            Volatile.Write(ref _readerSleeps, false);
        }
        return true;
    }

    /// <summary>Ends the channel: nothing more can be written, and what is in it is still read.</summary>
    public void Complete()
    {
        _channel.Writer.TryComplete();
        Wake();
    }

    private void Wake()
    {
        Interlocked.MemoryBarrier();
        if (!Volatile.Read(ref _readerSleeps))
            return;
        Volatile.Write(ref _readerSleeps, false);   // once, however much comes before it is awake
        _ready.Set();
    }
}
