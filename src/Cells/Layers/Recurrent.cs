using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using StreamRnn.Cells.Kernels;

namespace StreamRnn.Cells.Layers;

/// <summary>A layer of one cell whose sums need nothing but x and h: steps rows of [h | x] and writes their next state in place.</summary>
internal sealed unsafe partial class Recurrent<TLane, TGates, TPanel> : RecurrentLayer
    where TLane : struct, ILane<TLane>
    where TGates : struct, IGates<TLane, TPanel>
    where TPanel : struct, IPanel<TPanel, TLane>
{
    private const int MaxFrames = 6, RowsAhead = 2 * MaxFrames;
    private readonly PinnedFloats _packed;
    private readonly int _inputs;
    private readonly int _hidden;
    private readonly int _tiles;
    private readonly int _tileFloats;
    private readonly int _paddedHidden;
    private readonly int _rowFloats;

    /// <inheritdoc cref="RecurrentLayer.Create"/>
    public Recurrent(ReadOnlySpan<float> parameters, LayerSlots slots, int paddedHidden)
    {
        (_inputs, _hidden) = (slots.InputWeights.Columns, slots.RecurrentWeights.Columns);
        _tiles = (_hidden + TLane.Width - 1) / TLane.Width;
        _tileFloats = Affine<TLane, TGates, TPanel>.TileFloats(_inputs, _hidden);
        (_paddedHidden, _rowFloats) = (paddedHidden, paddedHidden + PinnedFloats.WholeLines(_inputs));
        _packed = new PinnedFloats(checked(_tiles * _tileFloats));
        for (int unit = 0; unit < _hidden; unit++)
            Pack(parameters, slots, unit);
    }

    /// <summary>Frames of the largest block and the next h of one row.</summary>
    private int FramesFloats => MaxFrames * Affine<TLane, TGates, TPanel>.FrameFloats + _paddedHidden;

    /// <summary>Rows that share one read of the weights: as many as their sums fit the registers, of which AVX2 has 16.</summary>
    private static int MaxBlock
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TPanel.Lanes == 1 || AdvSimd.IsSupported || Vector512.IsHardwareAccelerated ? 6 : 3;
    }

    /// <summary>
    /// Enough chains to hide the latency of a multiply-add, and no more: two passes over a layer of 64 units let alternating order keep one
    /// of them in the first cache level.
    /// </summary>
    private static int TilesInFlight
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TPanel.Lanes > 1 && TLane.Width > 4 ? 2 : 4;
    }

    public override int WorkFloats(int rows) => checked(FramesFloats + rows * _rowFloats);

    /// <summary>
    /// Tile outermost, so that its weights stay in the first cache level while the rows pass by. Streams come in random order, and their
    /// rows from far away: a row is asked for two blocks before its h is gathered, and its c before the sums that need it.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void StepMany(nint* inputs, nint* states, int count, float* work, bool backwards)
    {
        float* rows = work + FramesFloats;
        nint stride = _rowFloats;
        for (int row = 0; row < RowsAhead && row < count; row++)
            Prefetch((float*)states[row], _paddedHidden);

        int gathered = 0;
        for (int i = 0; i < _tiles; i++)
        {
            int tile = backwards ? _tiles - 1 - i : i, unit = tile * TLane.Width;
            float* weights = _packed.Start + (nint)tile * _tileFloats;
            for (int row = 0, block; row < count; row += block)
            {
                int end = Math.Min(row + MaxFrames, count);
                for (; gathered < end; gathered++)
                {
                    Gather((float*)inputs[gathered], (float*)states[gathered], rows + gathered * stride);
                    if (gathered + RowsAhead < count)
                        Prefetch((float*)states[gathered + RowsAhead], _paddedHidden);
                }

                for (int next = row; TGates.HasCell && next < end; next++)
                    Prefetch((float*)states[next] + _paddedHidden + unit, 1);
                block = SumBlock(weights, rows + row * stride, stride, count - row, work);
                UpdateRows(work, states + row, block, unit);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(float* from, int floats)
    {
        for (int i = 0; Sse.IsSupported && i < floats; i += 16)
            Sse.Prefetch0(from + i);
    }

    /// <summary>The sums of six, three or two of the rows that are left, so that a single one stays behind only where it was alone.</summary>
    /// <returns>Rows done.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int SumBlock(float* weights, float* rows, nint stride, int left, float* frames)
    {
        if (MaxBlock == 6 && left >= 6 && left != 7)
        {
            Affine<TLane, TGates, TPanel>.SixRows(weights, rows, stride, _paddedHidden, _inputs, _hidden, frames);
            return 6;
        }

        if (left >= 3 && left != 4)
        {
            Affine<TLane, TGates, TPanel>.ThreeRows(weights, rows, stride, _paddedHidden, _inputs, _hidden, frames);
            return 3;
        }

        if (left >= 2)
        {
            Affine<TLane, TGates, TPanel>.TwoRows(weights, rows, stride, _paddedHidden, _inputs, _hidden, frames);
            return 2;
        }

        Affine<TLane, TGates, TPanel>.OneTile(weights, rows + _paddedHidden, _inputs, rows, _hidden, frames);
        return 1;
    }

    /// <summary>
    /// Every sum reads all of h, so the next h is set aside until the last tile is done; a single pass writes it at once.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void StepOne(float* x, float* state, float* work, bool backwards)
    {
        float* c = state + _paddedHidden;
        float* next = _tiles <= 2 || _tiles == TilesInFlight ? state : work + MaxFrames * Affine<TLane, TGates, TPanel>.FrameFloats;
        for (int done = 0; done < _tiles;)
        {
            int left = _tiles - done;
            int tiles = left >= TilesInFlight ? TilesInFlight : left >= 2 ? 2 : 1;
            int tile = backwards ? left - tiles : done;
            int unit = tile * TLane.Width;
            float* weights = _packed.Start + (nint)tile * _tileFloats;
            if (tiles == 4)
                Affine<TLane, TGates, TPanel>.StepFourTiles(weights, _tileFloats, x, _inputs, state, _hidden, unit, c, work, next);
            else if (tiles == 2)
                Affine<TLane, TGates, TPanel>.StepTwoTiles(weights, _tileFloats, x, _inputs, state, _hidden, unit, c, work, next);
            else
                Affine<TLane, TGates, TPanel>.StepOneTile(weights, x, _inputs, state, _hidden, unit, c, work, next);
            done += tiles;
        }

        if (next != state)
            Copy(next, state, _tiles * TLane.Width);
    }

    public override void Gates(float* x, float* state, float* work, float* gates)
    {
        for (int tile = 0; tile < _tiles; tile++)
        {
            Affine<TLane, TGates, TPanel>.OneTile(_packed.Start + (nint)tile * _tileFloats, x, _inputs, state, _hidden, work);
            TGates.Gates(work, gates + tile * TLane.Width, _paddedHidden);
        }
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
            TLane.Store(TLane.Load(from + i), to + i);
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
