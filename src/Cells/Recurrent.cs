using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace StreamRnn.Cells;

/// <summary>One recurrent layer, packed for a lane: steps rows of [x | h] and writes their next state in place.</summary>
internal sealed unsafe class Recurrent<TLane, TGates, TPanel>
    where TLane : struct, ILane<TLane>
    where TGates : struct, IGates<TLane, TPanel>
    where TPanel : struct, IPanel<TPanel, TLane>
{
    private readonly PinnedFloats _packed;
    private readonly int _inputs;
    private readonly int _hidden;
    private readonly int _tiles;
    private readonly int _tileFloats;
    private readonly int _cellOffset;

    /// <param name="parameters">The whole block.</param>
    /// <param name="slots">This layer's part of it.</param>
    /// <param name="paddedHidden">Units with the padding, a multiple of 16.</param>
    public Recurrent(ReadOnlySpan<float> parameters, LayerSlots slots, int paddedHidden)
    {
        (_inputs, _hidden) = (slots.InputWeights.Columns, slots.RecurrentWeights.Columns);
        _tiles = (_hidden + TLane.Width - 1) / TLane.Width;
        _tileFloats = Affine<TLane, TGates, TPanel>.TileFloats(_inputs, _hidden);
        _cellOffset = paddedHidden;
        _packed = new PinnedFloats(checked(_tiles * _tileFloats));
        for (int unit = 0; unit < _hidden; unit++)
            Pack(parameters, slots, unit);
    }

    /// <summary>Floats of one row of [x | h], in whole cache lines.</summary>
    public int RowFloats => (_inputs + _hidden + 15) / 16 * 16;

    /// <summary>Frames that a step needs at most.</summary>
    public static int FramesFloats => 6 * Affine<TLane, TGates, TPanel>.FrameFloats;

    private static int RowsPerBlock => TLane.Width == 16 || AdvSimd.IsSupported || Vector512.IsHardwareAccelerated ? 6 : 3;

    /// <summary>Twice as many tiles in flight need more than 16 registers where a unit has four gates.</summary>
    private static bool FourTilesFit => RowsPerBlock == 6 || TPanel.Lanes < 4;

    /// <summary>Copies x and h of one event to where the kernels read them, so that h may be replaced in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Gather(float* inputs, float* state, float* row)
    {
        Copy(inputs, row, _inputs);
        Copy(state, row + _inputs, _hidden);
    }

    /// <param name="rows">[count] rows of [x | h].</param>
    /// <param name="states">[count] addresses; at <paramref name="offset"/> from each this layer's h, then c where the cell has one.</param>
    /// <param name="frames">[FramesFloats] working memory.</param>
    /// <param name="backwards">
    /// Walks the tiles from the last to the first. A caller that alternates finds the most recent part of a model that is somewhat larger
    /// than a cache level still there.
    /// </param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Step(float* rows, nint* states, int count, int offset, float* frames, bool backwards)
    {
        int block = RowsPerBlock;
        int blocked = count / block * block;
        nint stride = RowFloats;
        if (blocked > 0)
        {
            for (int i = 0; i < _tiles; i++)
            {
                int tile = backwards ? _tiles - 1 - i : i;
                float* weights = _packed.Start + (nint)tile * _tileFloats;
                for (int row = 0; row < blocked; row += block)
                {
                    if (block == 6)
                        Affine<TLane, TGates, TPanel>.SixRows(weights, rows + row * stride, stride, _inputs, _hidden, frames);
                    else
                        Affine<TLane, TGates, TPanel>.ThreeRows(weights, rows + row * stride, stride, _inputs, _hidden, frames);
                    UpdateRows(frames, states + row, block, offset + tile * TLane.Width);
                }
            }
        }

        for (int row = blocked; row < count; row++)
            StepOne(rows + row * stride, (float*)states[row] + offset, frames, backwards);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void StepOne(float* row, float* state, float* frames, bool backwards)
    {
        for (int done = 0; done < _tiles;)
        {
            int left = _tiles - done;
            int tiles = left >= 4 && FourTilesFit ? 4 : left >= 2 ? 2 : 1;
            int tile = backwards ? left - tiles : done;
            float* weights = _packed.Start + (nint)tile * _tileFloats;
            if (tiles == 4)
                Affine<TLane, TGates, TPanel>.FourTiles(weights, _tileFloats, row, _inputs, _hidden, frames);
            else if (tiles == 2)
                Affine<TLane, TGates, TPanel>.TwoTiles(weights, _tileFloats, row, _inputs, _hidden, frames);
            else
                Affine<TLane, TGates, TPanel>.OneTile(weights, row, _inputs, _hidden, frames);
            UpdateTiles(frames, state + tile * TLane.Width, tiles);
            done += tiles;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void UpdateRows(float* frame, nint* states, int count, int offset)
    {
        for (int i = 0; i < count; i++, frame += Affine<TLane, TGates, TPanel>.FrameFloats)
        {
            float* h = (float*)states[i] + offset;
            TGates.Update(frame, h, h + _cellOffset);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void UpdateTiles(float* frame, float* h, int count)
    {
        for (int i = 0; i < count; i++, frame += Affine<TLane, TGates, TPanel>.FrameFloats, h += TLane.Width)
            TGates.Update(frame, h, h + _cellOffset);
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
