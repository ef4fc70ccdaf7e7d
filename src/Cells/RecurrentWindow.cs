using System.Runtime.CompilerServices;

namespace StreamRnn.Cells;

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
            float* weights = _packed.Start + (nint)tile * _tileFloats, frame = frames + tile * tileStep, row = rows;
            int left = count;
            for (; RowsPerBlock == 6 && left >= 6; left -= 6, row += 6 * stride, frame += 6 * frameFloats)
                Affine<TLane, TGates, TPanel>.SixRows(weights, row, stride, _paddedHidden, _inputs, _hidden, frame);
            for (; left >= 3; left -= 3, row += 3 * stride, frame += 3 * frameFloats)
                Affine<TLane, TGates, TPanel>.ThreeRows(weights, row, stride, _paddedHidden, _inputs, _hidden, frame);
            for (; left > 0; left--, row += stride, frame += frameFloats)
                Affine<TLane, TGates, TPanel>.OneTile(weights, row + _paddedHidden, _inputs, row, _hidden, frame);
        }
    }
}
