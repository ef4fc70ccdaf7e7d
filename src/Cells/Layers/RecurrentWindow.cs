using System.Runtime.CompilerServices;
using StreamRnn.Cells.Kernels;

namespace StreamRnn.Cells.Layers;

/// <summary>The part of a layer that runs over windows: its sums alone, left on the tape, and new parameters in the old place.</summary>
internal sealed unsafe partial class Recurrent<TLane, TGates, TPanel>
{
    /// <summary>Tiles of one lane of units each.</summary>
    public int Tiles => _tiles;

    /// <summary>Packs other parameters of the same shape.</summary>
    public void Repack(ReadOnlySpan<float> parameters, LayerSlots slots)
    {
        for (int unit = 0; unit < _hidden; unit++)
            Pack(parameters, slots, unit);
    }

    /// <summary>The sums of some rows, by the kernels that a step uses; the update is the caller's.</summary>
    /// <param name="rows">[count] rows of [h | x], h padded to whole cache lines.</param>
    /// <param name="stride">Floats from one row to the next.</param>
    /// <param name="count">Rows.</param>
    /// <param name="frames">[tiles, count] frames, overwritten.</param>
    /// <param name="tileStep">Floats from the frames of one tile to those of the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Sums(float* rows, nint stride, int count, float* frames, nint tileStep)
    {
        nint frameFloats = Affine<TLane, TGates, TPanel>.FrameFloats;
        for (int tile = 0; tile < _tiles; tile++)
        {
            float* weights = _packed.Start + (nint)tile * _tileFloats;
            for (int row = 0, block; row < count; row += block)
                block = SumBlock(weights, rows + row * stride, stride, count - row, frames + tile * tileStep + row * frameFloats);
        }
    }
}
