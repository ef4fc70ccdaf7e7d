using System.Runtime.InteropServices;

namespace StreamRnn.Cells.Kernels;

/// <summary>Floats at a fixed address on a cache line, all zero at first. Valid while this object is reachable.</summary>
internal sealed unsafe class PinnedFloats
{
    private const int LineBytes = 64;
    private readonly float[] _floats;

    public PinnedFloats(int length)
    {
        Length = length;
        _floats = GC.AllocateArray<float>(checked(length + LineBytes / sizeof(float)), pinned: true);
        nint address = Marshal.UnsafeAddrOfPinnedArrayElement(_floats, 0);
        Start = (float*)((address + LineBytes - 1) & -LineBytes);
    }

    /// <summary>Rounds a number of floats up to whole cache lines.</summary>
    public static int WholeLines(int floats) => checked((floats + 15) / 16 * 16);

    public int Length { get; }

    public float* Start { get; }

    public Span<float> Span => new(Start, Length);
}
