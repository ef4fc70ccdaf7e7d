using System.Runtime.CompilerServices;

namespace StreamRnn.Cells.Kernels;

/// <summary>
/// The sums of a layer, sum = b + W x + U h: one kernel that reads a tile's weights once for several rows, and one that keeps several
/// tiles in flight for a single row. Either way each sum is one ordered chain of fused multiply-adds: bias, inputs, hidden. So the numbers
/// depend neither on the kernel nor on the lane.
/// </summary>
/// <remarks>
/// A packed tile holds the weights of one lane of units:
/// <code>
///   bias [Chains][lane] | row 0 [gate][lane] | row 1 | ... | row inputs + hidden - 1
/// </code>
/// The accumulators are handed to the cell through a frame in memory and no method is called once a loop has begun: otherwise the
/// register allocator spills inside the loop (1.5 times as slow). Nor does a method hold two updates: beyond 512 locals the JIT stops
/// inlining, and every operation of a lane becomes a call (three times as slow), so that several tiles pass through one loop.
/// </remarks>
internal static unsafe class Affine<TLane, TGates, TPanel>
    where TLane : struct, ILane<TLane>
    where TGates : struct, IGates<TLane, TPanel>
    where TPanel : struct, IPanel<TPanel, TLane>
{
    private const MethodImplOptions Kernel = MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining;

    /// <summary>Floats of one frame: the sums of one lane of units for one row.</summary>
    public static int FrameFloats
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TGates.Chains * TLane.Width;
    }

    public static int TileFloats(int inputs, int hidden) => FrameFloats + (inputs + hidden) * TPanel.Lanes * TLane.Width;

    /// <summary>Six rows, one tile: 24 accumulators, 4 weights and a broadcast in the 32 registers of AVX-512 and NEON.</summary>
    /// <param name="tile">One packed tile.</param>
    /// <param name="x">The first row of [h | x], h padded to whole cache lines.</param>
    /// <param name="stride">Floats from one row to the next.</param>
    /// <param name="padded">Offset of x within a row.</param>
    /// <param name="inputs">Values of x in a row.</param>
    /// <param name="hidden">Values of h in a row.</param>
    /// <param name="frame">[6] frames, overwritten.</param>
    [MethodImpl(Kernel)]
    public static void SixRows(float* tile, float* x, nint stride, nint padded, nint inputs, nint hidden, float* frame)
    {
        float* x1 = x + stride, x2 = x1 + stride, x3 = x2 + stride, x4 = x3 + stride, x5 = x4 + stride;
        float* weights = tile + FrameFloats;
        TPanel s0 = TPanel.Load(tile), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0;
        for (nint k = padded, end = padded + inputs; k < end; k++, weights += TPanel.Lanes * TLane.Width)
        {
            TPanel w = TPanel.Load(weights);
            s0 = TPanel.MultiplyAdd(w, TLane.Broadcast(x[k]), s0);
            s1 = TPanel.MultiplyAdd(w, TLane.Broadcast(x1[k]), s1);
            s2 = TPanel.MultiplyAdd(w, TLane.Broadcast(x2[k]), s2);
            s3 = TPanel.MultiplyAdd(w, TLane.Broadcast(x3[k]), s3);
            s4 = TPanel.MultiplyAdd(w, TLane.Broadcast(x4[k]), s4);
            s5 = TPanel.MultiplyAdd(w, TLane.Broadcast(x5[k]), s5);
        }

        s0 = TGates.Turn(s0, tile, frame);
        s1 = TGates.Turn(s1, tile, frame + FrameFloats);
        s2 = TGates.Turn(s2, tile, frame + 2 * FrameFloats);
        s3 = TGates.Turn(s3, tile, frame + 3 * FrameFloats);
        s4 = TGates.Turn(s4, tile, frame + 4 * FrameFloats);
        s5 = TGates.Turn(s5, tile, frame + 5 * FrameFloats);
        for (nint k = 0; k < hidden; k++, weights += TPanel.Lanes * TLane.Width)
        {
            TPanel w = TPanel.Load(weights);
            s0 = TPanel.MultiplyAdd(w, TLane.Broadcast(x[k]), s0);
            s1 = TPanel.MultiplyAdd(w, TLane.Broadcast(x1[k]), s1);
            s2 = TPanel.MultiplyAdd(w, TLane.Broadcast(x2[k]), s2);
            s3 = TPanel.MultiplyAdd(w, TLane.Broadcast(x3[k]), s3);
            s4 = TPanel.MultiplyAdd(w, TLane.Broadcast(x4[k]), s4);
            s5 = TPanel.MultiplyAdd(w, TLane.Broadcast(x5[k]), s5);
        }

        TPanel.Store(s0, frame);
        TPanel.Store(s1, frame + FrameFloats);
        TPanel.Store(s2, frame + 2 * FrameFloats);
        TPanel.Store(s3, frame + 3 * FrameFloats);
        TPanel.Store(s4, frame + 4 * FrameFloats);
        TPanel.Store(s5, frame + 5 * FrameFloats);
    }

    /// <summary>Three rows, one tile: 12 accumulators, for the 16 registers of AVX2 and for what six leave over.</summary>
    /// <inheritdoc cref="SixRows"/>
    [MethodImpl(Kernel)]
    public static void ThreeRows(float* tile, float* x, nint stride, nint padded, nint inputs, nint hidden, float* frame)
    {
        float* x1 = x + stride, x2 = x1 + stride;
        float* weights = tile + FrameFloats;
        TPanel s0 = TPanel.Load(tile), s1 = s0, s2 = s0;
        for (nint k = padded, end = padded + inputs; k < end; k++, weights += TPanel.Lanes * TLane.Width)
            TPanel.MultiplyAdd(weights, TLane.Broadcast(x[k]), TLane.Broadcast(x1[k]), TLane.Broadcast(x2[k]), ref s0, ref s1, ref s2);

        s0 = TGates.Turn(s0, tile, frame);
        s1 = TGates.Turn(s1, tile, frame + FrameFloats);
        s2 = TGates.Turn(s2, tile, frame + 2 * FrameFloats);
        for (nint k = 0; k < hidden; k++, weights += TPanel.Lanes * TLane.Width)
            TPanel.MultiplyAdd(weights, TLane.Broadcast(x[k]), TLane.Broadcast(x1[k]), TLane.Broadcast(x2[k]), ref s0, ref s1, ref s2);

        TPanel.Store(s0, frame);
        TPanel.Store(s1, frame + FrameFloats);
        TPanel.Store(s2, frame + 2 * FrameFloats);
    }

    /// <summary>Computes two rows and one tile, for the remainder after blocks of three.</summary>
    /// <inheritdoc cref="SixRows"/>
    [MethodImpl(Kernel)]
    public static void TwoRows(float* tile, float* x, nint stride, nint padded, nint inputs, nint hidden, float* frame)
    {
        float* x1 = x + stride;
        float* weights = tile + FrameFloats;
        TPanel s0 = TPanel.Load(tile), s1 = s0;
        for (nint k = padded, end = padded + inputs; k < end; k++, weights += TPanel.Lanes * TLane.Width)
        {
            TPanel w = TPanel.Load(weights);
            s0 = TPanel.MultiplyAdd(w, TLane.Broadcast(x[k]), s0);
            s1 = TPanel.MultiplyAdd(w, TLane.Broadcast(x1[k]), s1);
        }

        s0 = TGates.Turn(s0, tile, frame);
        s1 = TGates.Turn(s1, tile, frame + FrameFloats);
        for (nint k = 0; k < hidden; k++, weights += TPanel.Lanes * TLane.Width)
        {
            TPanel w = TPanel.Load(weights);
            s0 = TPanel.MultiplyAdd(w, TLane.Broadcast(x[k]), s0);
            s1 = TPanel.MultiplyAdd(w, TLane.Broadcast(x1[k]), s1);
        }

        TPanel.Store(s0, frame);
        TPanel.Store(s1, frame + FrameFloats);
    }

    /// <summary>One row, one tile, for the frame of a window.</summary>
    /// <param name="tile">One packed tile.</param>
    /// <param name="x">[inputs].</param>
    /// <param name="inputs">Values per event.</param>
    /// <param name="h">[hidden].</param>
    /// <param name="hidden">Units.</param>
    /// <param name="frame">One frame, overwritten.</param>
    [MethodImpl(Kernel)]
    public static void OneTile(float* tile, float* x, nint inputs, float* h, nint hidden, float* frame)
    {
        TPanel s = TPanel.Load(tile);
        float* weights = tile + FrameFloats;
        for (nint k = 0; k < inputs; k++, weights += TPanel.Lanes * TLane.Width)
            s = TPanel.MultiplyAdd(weights, TLane.Broadcast(x[k]), s);

        s = TGates.Turn(s, tile, frame);
        for (nint k = 0; k < hidden; k++, weights += TPanel.Lanes * TLane.Width)
            s = TPanel.MultiplyAdd(weights, TLane.Broadcast(h[k]), s);

        TPanel.Store(s, frame);
    }

    /// <summary>One row, two tiles, up to the next state: eight chains hide most of the latency of a multiply-add.</summary>
    /// <param name="tile">The first packed tile.</param>
    /// <param name="tileFloats">Floats from one tile to the next.</param>
    /// <param name="x">[inputs].</param>
    /// <param name="inputs">Values per event.</param>
    /// <param name="h">[hidden].</param>
    /// <param name="hidden">Units.</param>
    /// <param name="unit">The tile's first unit.</param>
    /// <param name="c">[hidden], these units replaced.</param>
    /// <param name="frame">A frame for each tile, working memory.</param>
    /// <param name="next">[hidden], the next h of these units; may be h where there are no other tiles.</param>
    [MethodImpl(Kernel)]
    public static void StepTwoTiles(float* tile, nint tileFloats, float* x, nint inputs, float* h, nint hidden, nint unit, float* c, float* frame, float* next)
    {
        float* t1 = tile + tileFloats;
        TPanel s0 = TPanel.Load(tile), s1 = TPanel.Load(t1);
        float* weights = tile + FrameFloats, w1 = t1 + FrameFloats;
        for (nint k = 0; k < inputs; k++)
        {
            TLane value = TLane.Broadcast(x[k]);
            s0 = TPanel.MultiplyAdd(weights, value, s0);
            s1 = TPanel.MultiplyAdd(w1, value, s1);
            weights += TPanel.Lanes * TLane.Width;
            w1 += TPanel.Lanes * TLane.Width;
        }

        s0 = TGates.Turn(s0, tile, frame);
        s1 = TGates.Turn(s1, t1, frame + FrameFloats);
        for (nint k = 0; k < hidden; k++)
        {
            TLane value = TLane.Broadcast(h[k]);
            s0 = TPanel.MultiplyAdd(weights, value, s0);
            s1 = TPanel.MultiplyAdd(w1, value, s1);
            weights += TPanel.Lanes * TLane.Width;
            w1 += TPanel.Lanes * TLane.Width;
        }

        TPanel.Store(s0, frame);
        TPanel.Store(s1, frame + FrameFloats);
        Update(2, frame, h + unit, c + unit, next + unit);
    }

    /// <summary>One row, four tiles, up to the next state, where a tile has few chains.</summary>
    /// <inheritdoc cref="StepTwoTiles"/>
    [MethodImpl(Kernel)]
    public static void StepFourTiles(float* tile, nint tileFloats, float* x, nint inputs, float* h, nint hidden, nint unit, float* c, float* frame, float* next)
    {
        float* t1 = tile + tileFloats, t2 = t1 + tileFloats, t3 = t2 + tileFloats;
        TPanel s0 = TPanel.Load(tile), s1 = TPanel.Load(t1), s2 = TPanel.Load(t2), s3 = TPanel.Load(t3);
        float* weights = tile + FrameFloats, w1 = t1 + FrameFloats, w2 = t2 + FrameFloats, w3 = t3 + FrameFloats;
        for (nint k = 0; k < inputs; k++)
        {
            TLane value = TLane.Broadcast(x[k]);
            s0 = TPanel.MultiplyAdd(weights, value, s0);
            s1 = TPanel.MultiplyAdd(w1, value, s1);
            s2 = TPanel.MultiplyAdd(w2, value, s2);
            s3 = TPanel.MultiplyAdd(w3, value, s3);
            weights += TPanel.Lanes * TLane.Width;
            w1 += TPanel.Lanes * TLane.Width;
            w2 += TPanel.Lanes * TLane.Width;
            w3 += TPanel.Lanes * TLane.Width;
        }

        s0 = TGates.Turn(s0, tile, frame);
        s1 = TGates.Turn(s1, t1, frame + FrameFloats);
        s2 = TGates.Turn(s2, t2, frame + 2 * FrameFloats);
        s3 = TGates.Turn(s3, t3, frame + 3 * FrameFloats);
        for (nint k = 0; k < hidden; k++)
        {
            TLane value = TLane.Broadcast(h[k]);
            s0 = TPanel.MultiplyAdd(weights, value, s0);
            s1 = TPanel.MultiplyAdd(w1, value, s1);
            s2 = TPanel.MultiplyAdd(w2, value, s2);
            s3 = TPanel.MultiplyAdd(w3, value, s3);
            weights += TPanel.Lanes * TLane.Width;
            w1 += TPanel.Lanes * TLane.Width;
            w2 += TPanel.Lanes * TLane.Width;
            w3 += TPanel.Lanes * TLane.Width;
        }

        TPanel.Store(s0, frame);
        TPanel.Store(s1, frame + FrameFloats);
        TPanel.Store(s2, frame + 2 * FrameFloats);
        TPanel.Store(s3, frame + 3 * FrameFloats);
        Update(4, frame, h + unit, c + unit, next + unit);
    }

    /// <summary>One row, one tile, up to the next state.</summary>
    /// <inheritdoc cref="StepTwoTiles"/>
    [MethodImpl(Kernel)]
    public static void StepOneTile(float* tile, float* x, nint inputs, float* h, nint hidden, nint unit, float* c, float* frame, float* next)
    {
        TPanel s0 = TPanel.Load(tile);
        float* weights = tile + FrameFloats;
        for (nint k = 0; k < inputs; k++)
        {
            TLane value = TLane.Broadcast(x[k]);
            s0 = TPanel.MultiplyAdd(weights, value, s0);
            weights += TPanel.Lanes * TLane.Width;
        }

        s0 = TGates.Turn(s0, tile, frame);
        for (nint k = 0; k < hidden; k++)
        {
            TLane value = TLane.Broadcast(h[k]);
            s0 = TPanel.MultiplyAdd(weights, value, s0);
            weights += TPanel.Lanes * TLane.Width;
        }

        TLane.Store(TGates.Next(s0, frame, h + unit, c + unit), next + unit);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Update(int tiles, float* frame, float* h, float* c, float* next)
    {
        for (int i = 0; i < tiles; i++, frame += FrameFloats, h += TLane.Width, c += TLane.Width, next += TLane.Width)
            TLane.Store(TGates.Next(TPanel.Load(frame), frame, h, c), next);
    }
}
