using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace StreamRnn.Cells;

/// <summary>
/// The persisted floats of many streams: one row per stream, all rows of one size, kept in pages so that growing never copies a row.
/// A shard's slab is touched by its loop alone.
/// </summary>
/// <remarks>Rows start on a 64-byte boundary and never move, so a row's reference stays valid for the life of the slab.</remarks>
public sealed class StateSlab
{
    private const int Alignment = 16;   // floats in a cache line, which is also the widest lane
    private readonly int _rowsPerPage;
    private readonly int _shift;
    private Page[] _pages = [];

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

    /// <summary>Rows handed out so far.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes held, pages included that are not full yet.</summary>
    public long Bytes => (long)_pages.Length * _rowsPerPage * RowFloats * sizeof(float);

    /// <summary>The row, <see cref="RowFloats"/> long.</summary>
    public Span<float> this[int row] => MemoryMarshal.CreateSpan(ref RowStart(row), RowFloats);

    /// <summary>Hands out the next row, all zero.</summary>
    public int Add()
    {
        if (Count == _pages.Length << _shift)
            _pages = [.. _pages, new Page(_rowsPerPage * RowFloats)];
        return Count++;
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
