using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace StreamRnn.Cells.Layers;

/// <summary>
/// The persisted floats of many streams: one row per stream, all rows of one size, kept in pages so that growing never copies a row.
/// A shard's slab is touched by its loop alone.
/// </summary>
/// <remarks>Rows start on a 64-byte boundary and never move, so a row's reference stays valid until it is given back.</remarks>
public sealed class StateSlab
{
    private const int Alignment = 16;   // floats in a cache line, which is also the widest lane
    private readonly int _rowsPerPage;
    private readonly int _shift;
    private Page[] _pages = [];
    private int[] _free = [];
    private int _freeCount;

    /// <param name="rowFloats">Floats of one row; rounded up to whole cache lines.</param>
    /// <param name="pageBytes">Size a page aims at: at least one row, a power of two of rows.</param>
    public StateSlab(int rowFloats, int pageBytes = 1 << 20)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowFloats);
        RowFloats = (rowFloats + Alignment - 1) / Alignment * Alignment;
        _rowsPerPage = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, pageBytes / (RowFloats * sizeof(float))));
        _shift = BitOperations.Log2((uint)_rowsPerPage);
    }

    /// <summary>Floats from one row to the next.</summary>
    public int RowFloats { get; }

    /// <summary>Rows in use.</summary>
    public int Count => Extent - _freeCount;

    /// <summary>One more than the highest row that was ever in use.</summary>
    public int Extent { get; private set; }

    /// <summary>True if the next row takes another page.</summary>
    public bool IsFull => _freeCount == 0 && Extent == _pages.Length << _shift;

    /// <summary>Bytes of a page.</summary>
    public long PageBytes => (long)_rowsPerPage * RowFloats * sizeof(float);

    /// <summary>Bytes held, pages included that are not full yet.</summary>
    public long Bytes => _pages.Length * PageBytes;

    /// <summary>The row, <see cref="RowFloats"/> long.</summary>
    public Span<float> this[int row] => MemoryMarshal.CreateSpan(ref RowStart(row), RowFloats);

    /// <summary>Hands out a row, all zero: one that was given back, else the next.</summary>
    public int Add()
    {
        if (_freeCount > 0)
        {
            int row = _free[--_freeCount];
            this[row].Clear();
            return row;
        }
        if (IsFull)
            _pages = [.. _pages, new Page(_rowsPerPage * RowFloats)];
        return Extent++;
    }

    /// <summary>Takes a row back.</summary>
    /// <param name="row">In use.</param>
    public void Remove(int row)
    {
        if (_freeCount == _free.Length)
            Array.Resize(ref _free, Math.Max(16, 2 * _freeCount));
        _free[_freeCount++] = row;
    }

    /// <summary>The first float of a row. The row must have been handed out.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref float RowStart(int row)
    {
        ref Page page = ref _pages[row >> _shift];
        return ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(page.Floats), page.Start + (nint)(row & (_rowsPerPage - 1)) * RowFloats);
    }

    private readonly struct Page
    {
        public readonly float[] Floats;
        public readonly int Start;

        public Page(int length)
        {
            // Pinned, so that the distance to the next cache line is settled once.
            Floats = GC.AllocateArray<float>(length + Alignment, pinned: true);
            nint address = Marshal.UnsafeAddrOfPinnedArrayElement(Floats, 0);
            Start = (int)((-address & (Alignment * sizeof(float) - 1)) / sizeof(float));
        }
    }
}
