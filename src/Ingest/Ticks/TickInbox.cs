using System.Diagnostics.CodeAnalysis;

namespace StreamRnn.Ingest.Ticks;

/// <summary>
/// The way into a shard: room counted in ticks, a channel of blocks whose bound is that room, and the pool of the blocks. Any thread reserves and
/// writes; the shard's thread reads and gives back.
/// </summary>
public sealed class TickInbox
{
    private readonly BlockChannel<TickBlock> _blocks;
    private readonly Credit _credit;
    private readonly Stack<TickBlock> _free = new();
    private int _pooledTicks;

    /// <param name="capacity">Ticks that may wait.</param>
    public TickInbox(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        _credit = new Credit(capacity);
        _blocks = new BlockChannel<TickBlock>(capacity);   // a block takes room for one tick at least
    }

    public int Capacity => _credit.Capacity;

    /// <summary>Ticks that wait or have room reserved; a moment's value.</summary>
    public int Count => _credit.Used;

    /// <summary>True if no block waits; a moment's value.</summary>
    public bool IsEmpty => _blocks.Count == 0;

    /// <summary>Sets room aside for the ticks of one block.</summary>
    /// <returns>False where there is less.</returns>
    public bool TryReserve(int ticks) => _credit.TryTake(ticks);

    /// <summary>Waits for room and sets it aside.</summary>
    public void Reserve(int ticks) => _credit.Take(ticks);

    /// <summary>Gives back room that was set aside for a block.</summary>
    public void Release(int ticks) => _credit.Give(Math.Min(ticks, Capacity), wakes: true);

    /// <summary>Takes an empty block out of the pool.</summary>
    public TickBlock Rent()
    {
        lock (_free)
        {
            if (_free.TryPop(out TickBlock? block))
            {
                _pooledTicks -= block.Capacity;
                return block;
            }
        }
        return new TickBlock();
    }

    /// <summary>Writes a block that room is reserved for: it waits for nothing.</summary>
    public void Write(TickBlock block)
    {
        if (!_blocks.TryWrite(block))
            throw new InvalidOperationException("A block was written that no room is reserved for.");
    }

    /// <summary>Waits while nothing is there. Called by the shard's thread only.</summary>
    /// <returns>False when the inbox is complete and empty.</returns>
    public bool WaitToRead() => _blocks.WaitToRead();

    /// <summary>Takes the oldest block. Called by the shard's thread only, which gives it back by <see cref="Return(ReadOnlySpan{TickBlock})"/>.</summary>
    public bool TryRead([MaybeNullWhen(false)] out TickBlock block) => _blocks.TryRead(out block);

    /// <summary>Gives blocks that were read back to the pool, and their room to whoever waits for it.</summary>
    public void Return(ReadOnlySpan<TickBlock> done)
    {
        if (done.IsEmpty)
            return;
        int charge = 0;
        foreach (TickBlock block in done)
            charge += Math.Min(block.Charge, Capacity);
        Pool(done);
        _credit.Give(charge, wakes: IsEmpty);
    }

    /// <summary>Gives a block back that was not written, and its room.</summary>
    public void Return(TickBlock unused)
    {
        int charge = unused.Charge;
        Pool([unused]);
        Release(charge);
    }

    /// <summary>Ends the inbox: what is in it is still read.</summary>
    public void Complete()
    {
        _credit.End();
        _blocks.Complete();
    }

    // As many ticks as may wait; a block beyond that, of larger packets before, is left to the collector.
    private void Pool(ReadOnlySpan<TickBlock> done)
    {
        lock (_free)
        {
            foreach (TickBlock block in done)
            {
                block.Clear();
                if (_pooledTicks + block.Capacity > 2 * Capacity)
                    continue;
                _pooledTicks += block.Capacity;
                _free.Push(block);
            }
        }
    }
}
