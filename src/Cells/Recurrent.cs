using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace StreamRnn.Cells;

/// <summary>One recurrent layer, packed for a lane: steps rows of [h | x] and writes their next state in place.</summary>
internal sealed unsafe partial class Recurrent<TLane, TGates, TPanel>
    where TLane : struct, ILane<TLane>
    where TGates : struct, IGates<TLane, TPanel>
    where TPanel : struct, IPanel<TPanel, TLane>
{
    private readonly PinnedFloats _packed;
    private readonly int _inputs;
    private readonly int _hidden;
    private readonly int _tiles;
    private readonly int _tileFloats;
    private readonly int _paddedHidden;

    /// <param name="parameters">The whole block.</param>
    /// <param name="slots">This layer's part of it.</param>
    /// <param name="paddedHidden">Units with the padding, a multiple of 16.</param>
    public Recurrent(ReadOnlySpan<float> parameters, LayerSlots slots, int paddedHidden)
    {
        (_inputs, _hidden) = (slots.InputWeights.Columns, slots.RecurrentWeights.Columns);
        _tiles = (_hidden + TLane.Width - 1) / TLane.Width;
        _tileFloats = Affine<TLane, TGates, TPanel>.TileFloats(_inputs, _hidden);
        _paddedHidden = paddedHidden;
        _packed = new PinnedFloats(checked(_tiles * _tileFloats));
        for (int unit = 0; unit < _hidden; unit++)
            Pack(parameters, slots, unit);
    }

    /// <summary>Floats of one row of [h | x], in whole cache lines.</summary>
    public int RowFloats => _paddedHidden + (_inputs + 15) / 16 * 16;

    /// <summary>Frames that a step needs at most.</summary>
    public int FramesFloats => Math.Max(6, _tiles) * Affine<TLane, TGates, TPanel>.FrameFloats;

    private static int RowsPerBlock => TLane.Width == 16 || AdvSimd.IsSupported || Vector512.IsHardwareAccelerated ? 6 : 3;

    /// <summary>
    /// Enough chains to hide the latency of a multiply-add, and no more: two passes over a layer of 64 units let alternating order keep one
    /// of them in the first cache level.
    /// </summary>
    private static int TilesInFlight => TPanel.Lanes > 1 && TLane.Width > 4 ? 2 : 4;

    /// <param name="inputs">[count] addresses of x.</param>
    /// <param name="states">[count] addresses of this layer's h, then c where the cell has one; the next state on return.</param>
    /// <param name="rows">[count] rows of [h | x], working memory.</param>
    /// <param name="frames">[FramesFloats], working memory.</param>
    /// <param name="backwards">
    /// Walks the tiles from the last to the first. A caller that alternates finds the most recent part of a model that is somewhat larger
    /// than a cache level still there.
    /// </param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Step(nint* inputs, nint* states, int count, float* rows, float* frames, bool backwards)
    {
        int done = 0;
        if (count >= 3)
        {
            for (int row = 0; row < count; row++)
                Gather((float*)inputs[row], (float*)states[row], rows + row * (nint)RowFloats);
            if (RowsPerBlock == 6)
                done = StepBlocks(6, done, states, count, rows, frames, backwards);
            done = StepBlocks(3, done, states, count, rows, frames, backwards);
        }

        for (; done < count; done++)
            StepOne((float*)inputs[done], (float*)states[done], frames, backwards);
    }

    /// <summary>Tile outermost, so that its weights stay in the first cache level while the rows pass by. Returns the rows done.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private int StepBlocks(int block, int first, nint* states, int count, float* rows, float* frames, bool backwards)
    {
        nint stride = RowFloats;
        int end = first + (count - first) / block * block;
        for (int i = 0; i < _tiles; i++)
        {
            int tile = backwards ? _tiles - 1 - i : i;
            float* weights = _packed.Start + (nint)tile * _tileFloats;
            for (int row = first; row < end; row += block)
            {
                if (block == 6)
                    Affine<TLane, TGates, TPanel>.SixRows(weights, rows + row * stride, stride, _paddedHidden, _inputs, _hidden, frames);
                else
                    Affine<TLane, TGates, TPanel>.ThreeRows(weights, rows + row * stride, stride, _paddedHidden, _inputs, _hidden, frames);
                UpdateRows(frames, states + row, block, tile * TLane.Width);
            }
        }

        return end;
    }

    /// <summary>All sums come before the first update, so h may be read where it is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void StepOne(float* x, float* state, float* frames, bool backwards)
    {
        for (int done = 0; done < _tiles;)
        {
            int left = _tiles - done;
            int tiles = left >= TilesInFlight ? TilesInFlight : left >= 2 ? 2 : 1;
            int tile = backwards ? left - tiles : done;
            float* weights = _packed.Start + (nint)tile * _tileFloats;
            float* frame = frames + tile * Affine<TLane, TGates, TPanel>.FrameFloats;
            if (tiles == 4)
                Affine<TLane, TGates, TPanel>.FourTiles(weights, _tileFloats, x, _inputs, state, _hidden, frame);
            else if (tiles == 2)
                Affine<TLane, TGates, TPanel>.TwoTiles(weights, _tileFloats, x, _inputs, state, _hidden, frame);
            else
                Affine<TLane, TGates, TPanel>.OneTile(weights, x, _inputs, state, _hidden, frame);
            done += tiles;
        }

        UpdateTiles(frames, state, _tiles);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void UpdateRows(float* frame, nint* states, int count, int offset)
    {
        for (int i = 0; i < count; i++, frame += Affine<TLane, TGates, TPanel>.FrameFloats)
        {
            float* h = (float*)states[i] + offset;
            TGates.Update(frame, h, h + _paddedHidden);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void UpdateTiles(float* frame, float* h, int count)
    {
        for (int i = 0; i < count; i++, frame += Affine<TLane, TGates, TPanel>.FrameFloats, h += TLane.Width)
            TGates.Update(frame, h, h + _paddedHidden);
    }

    /// <summary>Copies x and h of one event to where the kernels for many rows read them, so that h may be replaced in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Gather(float* x, float* h, float* row)
    {
        Copy(x, row + _paddedHidden, _inputs);
        Copy(h, row, _paddedHidden);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy(float* from, float* to, int count)
    {
        int i = 0;
        for (; i <= count - TLane.Width; i += TLane.Width)
            TLane.Store(TLane.Load(in from[i]), ref to[i]);
        for (; i < count; i++)
            to[i] = from[i];
    }

    private void Pack(ReadOnlySpan<float> parameters, LayerSlots slots, int unit)
    {
        Span<float> tile = _packed.Span.Slice(unit / TLane.Width * _tileFloats, _tileFloats)[(unit % TLane.Width)..];
        ReadOnlySpan<float> inputWeights = slots.InputWeights.In(parameters), recurrentWeights = slots.RecurrentWeights.In(parameters);
        ReadOnlySpan<float> inputBias = slots.InputBias.In(parameters), recurrentBias = slots.RecurrentBias.In(parameters);
        int gates = TPanel.Lanes;
        for (int gate = 0; gate < gates; gate++)
        {
            int row = gate * _hidden + unit;
            float scale = TGates.Scale(gate);
            bool parted = gate == gates - 1 && TGates.Chains > gates;
            tile[gate * TLane.Width] = scale * (parted ? inputBias[row] : inputBias[row] + recurrentBias[row]);
            if (parted)
                tile[gates * TLane.Width] = scale * recurrentBias[row];

            Span<float> weights = tile[((TGates.Chains + gate) * TLane.Width)..];
            for (int k = 0; k < _inputs; k++)
                weights[k * gates * TLane.Width] = scale * inputWeights[row * _inputs + k];
            for (int k = 0; k < _hidden; k++)
                weights[(_inputs + k) * gates * TLane.Width] = scale * recurrentWeights[row * _hidden + k];
        }
    }
}
