using System.Runtime.InteropServices;

namespace StreamRnn.Engine.Stepping;

/// <summary>
/// The way of saved state rows from the shards to whoever writes them: a few pieces of memory that go round, so that a snapshot of any
/// size takes a bounded room. A shard waits for a piece only while the writer is behind by all of them.
/// <code>
/// piece   rows back to back: stream (4)  kind (4)  the row's floats
/// </code>
/// </summary>
public sealed class RowExchange
{
    private const int PieceBytes = 256 << 10;
    private const int PieceCount = 32;

    /// <summary>Upper bound of the memory of the pieces.</summary>
    /// <param name="rowBytes">Of the largest row.</param>
    public static long MemoryBoundBytes(int shards, int rowBytes) => (long)Math.Max(PieceCount, 2 * shards) * Math.Max(PieceBytes, rowBytes + RowPiece.RowHeaderBytes);

    private readonly object _lock = new();
    private readonly int _shards;
    private readonly Stack<RowPiece> _free = new();
    private readonly Queue<RowPiece> _filled = new();
    private int _made;
    private int _finished;
    private IOException? _failure;

    public RowExchange(int shards) => _shards = shards;

    /// <summary>An empty piece with room for a row.</summary>
    public RowPiece Rent(int rowBytes)
    {
        RowPiece? piece;
        lock (_lock)
        {
            while (!_free.TryPop(out piece) && _made >= Math.Max(PieceCount, 2 * _shards))
                Monitor.Wait(_lock);
            if (piece is null)
                _made++;
        }
        piece ??= new RowPiece(PieceBytes);
        piece.Begin(rowBytes);
        return piece;
    }

    public void Fill(RowPiece piece)
    {
        lock (_lock)
        {
            _filled.Enqueue(piece);
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>A shard has saved its last row.</summary>
    public void Finish()
    {
        lock (_lock)
        {
            _finished++;
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Fails the exchange because a shard cannot continue: no round will ever be complete again.</summary>
    public void Fail(IOException reason)
    {
        lock (_lock)
        {
            _failure ??= reason;
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Waits for the next filled piece.</summary>
    /// <returns>False when every shard has finished; then the next round may begin.</returns>
    /// <exception cref="IOException">A shard has failed.</exception>
    public bool TryTake(out RowPiece piece)
    {
        lock (_lock)
        {
            while (_filled.Count == 0 && _finished < _shards && _failure is null)
                Monitor.Wait(_lock);
            if (_failure is not null)
                throw new IOException(_failure.Message);
            if (_filled.TryDequeue(out piece!))
                return true;
            _finished = 0;
            return false;
        }
    }

    public void Return(RowPiece piece)
    {
        lock (_lock)
        {
            _free.Push(piece);
            Monitor.PulseAll(_lock);
        }
    }
}

/// <summary>A piece of memory with saved rows.</summary>
public sealed class RowPiece(int bytes)
{
    /// <summary>In front of each row: stream and kind.</summary>
    public const int RowHeaderBytes = 8;

    private byte[] _bytes = new byte[bytes];
    private int _length;

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    public int RowCount { get; private set; }

    public void Begin(int rowBytes)
    {
        (_length, RowCount) = (0, 0);
        if (_bytes.Length < rowBytes + RowHeaderBytes)
            _bytes = new byte[rowBytes + RowHeaderBytes];
    }

    /// <returns>False where there is no room for it.</returns>
    public bool TryAdd(int stream, int kind, ReadOnlySpan<float> row)
    {
        ReadOnlySpan<byte> floats = MemoryMarshal.AsBytes(row);
        if (_length + RowHeaderBytes + floats.Length > _bytes.Length)
            return false;
        Span<byte> to = _bytes.AsSpan(_length);
        MemoryMarshal.Write(to, stream);
        MemoryMarshal.Write(to[4..], kind);
        floats.CopyTo(to[RowHeaderBytes..]);
        _length += RowHeaderBytes + floats.Length;
        RowCount++;
        return true;
    }
}
