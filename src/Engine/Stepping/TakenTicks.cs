using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Stepping;

/// <summary>The ticks that a shard has read and not stepped yet, side by side whatever blocks they came in, and a control message behind them.</summary>
public sealed class TakenTicks
{
    // A few micro-batches: with fewer each would be small, with more the room in the inbox would be given back late.
    private const int Enough = 4 * MicroBatch.Capacity;

    private readonly TickBlock[] _blocks = new TickBlock[Enough];
    private readonly TickOrigin[] _origins = new TickOrigin[Enough];
    private Tick[] _ticks = new Tick[2 * Enough];
    private int[] _block = new int[2 * Enough];   // of each tick, which block it came in
    private int _count;

    public ReadOnlySpan<Tick> Ticks => _ticks.AsSpan(0, _count);

    /// <summary>The kind of the control message that follows the ticks; <see cref="TickBlockKind.Ticks"/> where none does.</summary>
    public TickBlockKind Control { get; private set; }

    /// <summary>The stream of a reset.</summary>
    public int Stream { get; private set; }

    /// <summary>The set-up of a switch.</summary>
    public int Plan { get; private set; }

    /// <summary>The position of the control message in the log.</summary>
    public long Position { get; private set; }

    /// <summary>The facts of the packet that a tick came in.</summary>
    public ref readonly TickOrigin OriginOf(int tick) => ref _origins[_block[tick]];

    /// <summary>Reads what is there, whole blocks, up to the first control message; waits while nothing is.</summary>
    /// <returns>False at the end.</returns>
    public bool Read(TickInbox inbox)
    {
        (_count, Control) = (0, TickBlockKind.Ticks);
        if (!inbox.WaitToRead())
            return false;
        int blocks = 0;
        while (Control == TickBlockKind.Ticks && _count < Enough && blocks < Enough && inbox.TryRead(out TickBlock? block))
        {
            if (block.Kind == TickBlockKind.Ticks)
                Add(block, blocks);
            else
                (Control, Stream, Plan, Position) = (block.Kind, block.Stream, block.Plan, block.Origin.Position);
            _blocks[blocks++] = block;
        }
        inbox.Return(_blocks.AsSpan(0, blocks));
        return true;
    }

    private void Add(TickBlock block, int index)
    {
        ReadOnlySpan<Tick> ticks = block.Ticks;
        if (_count + ticks.Length > _ticks.Length)
        {
            int length = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)(_count + ticks.Length));
            Array.Resize(ref _ticks, length);
            Array.Resize(ref _block, length);
        }
        ticks.CopyTo(_ticks.AsSpan(_count));
        _block.AsSpan(_count, ticks.Length).Fill(index);
        _origins[index] = block.Origin;
        _count += ticks.Length;
    }
}
