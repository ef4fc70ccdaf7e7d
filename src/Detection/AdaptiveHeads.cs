using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using StreamRnn.Cells.Kernels;

namespace StreamRnn.Detection;

/// <summary>
/// Linear forecasts of z, 1 and 16 steps ahead, whose weights follow the stream by recursive least squares. The weights are taken for a
/// random walk (a Kalman filter with unit observation noise), so the gain never dies and the covariance never blows up:
///   p = P f    k = p / (1 + f'p)    P' = P - p p' / (1 + f'p)    P'_ii = min(P'_ii + 1e-6, 3)
/// The gain does not depend on the target: one covariance serves both horizons, and (f, k) wait in a ring until their target arrives.
/// </summary>
/// <remarks>
/// <para>Floats of a stream: [near weights | far weights | 16 x (f | k) | P], F features padded to whole blocks of 16 with zeros.</para>
/// <para>P is kept as the lower triangle of its 16 x 16 blocks: row i of block row b holds columns 0 to 16 (b + 1) - 1.
/// For F = 45: 16 x 16 + 16 x 32 + 13 x 48 = 1392 floats.</para>
/// <para>Every sum runs over 16 virtual lanes, folded in one order, or along rows in their order: the same bits for every lane width.</para>
/// </remarks>
internal abstract class AdaptiveHeads
{
    /// <summary>Steps ahead of the second forecast.</summary>
    public const int FarHorizon = 16;

    protected const int Block = 16;
    protected const float InitialVariance = 0.3f;
    protected const float WalkVariance = 1e-6f;
    protected const float LargestVariance = 3;

    private protected AdaptiveHeads(int featureCount)
    {
        FeatureCount = featureCount;
        BlockCount = (featureCount + Block - 1) / Block;
        FeatureFloats = BlockCount * Block;
        RingStart = 2 * FeatureFloats;
        CovarianceStart = RingStart + FarHorizon * 2 * FeatureFloats;
        Floats = CovarianceStart + CovarianceRow(featureCount);
        ScratchFloats = (Block + 2) * FeatureFloats;
    }

    public int FeatureCount { get; }

    /// <summary>Floats of one stream.</summary>
    public int Floats { get; }

    /// <summary>Floats of working memory a call needs.</summary>
    public int ScratchFloats { get; }

    protected int BlockCount { get; }

    protected int FeatureFloats { get; }

    protected int RingStart { get; }

    /// <summary>Start of P, which fills the rest.</summary>
    public int CovarianceStart { get; }

    /// <summary>The heads for this machine's lanes.</summary>
    public static AdaptiveHeads Create(int featureCount) => LaneWidth.Floats switch
    {
        16 => new AdaptiveHeads<Lane512>(featureCount),
        8 => new AdaptiveHeads<Lane256>(featureCount),
        _ => new AdaptiveHeads<Lane128>(featureCount),
    };

    /// <summary>Gives a stream's floats, all zero, their first values.</summary>
    public void Initialise(Span<float> state)
    {
        for (int i = 0; i < FeatureCount; i++)
            state[CovarianceStart + CovarianceRow(i) + i] = InitialVariance;
    }

    /// <summary>Features of a row before <see cref="File"/>.</summary>
    /// <param name="row">Rows seen before this one.</param>
    public Span<float> Features(Span<float> state, long row) => state.Slice(FeaturesStart(row), FeatureCount);

    /// <summary>The forecast of the next z from the features of a row.</summary>
    public abstract float Forecast(Span<float> state, long row, Span<float> scratch);

    /// <summary>Corrects the near weights by the error of the forecast that the row before made.</summary>
    public abstract void LearnNear(Span<float> state, long row, float error);

    /// <summary>The error of the far forecast whose target z is; corrects its weights. 0 before there is one.</summary>
    public abstract float LearnFar(Span<float> state, long row, float z, Span<float> scratch);

    /// <summary>Computes the gain of the row's features, files it for the rows that will need it and narrows the covariance.</summary>
    /// <returns>f'Pf: how new this state is; positive.</returns>
    public abstract float File(Span<float> state, long row, Span<float> scratch);

    /// <summary>P_ij; for tests.</summary>
    internal float Covariance(ReadOnlySpan<float> state, int i, int j) =>
        j / Block > i / Block ? Covariance(state, j, i) : state[CovarianceStart + CovarianceRow(i) + j];

    protected static int CovarianceRow(int i)
    {
        int block = i / Block;
        return Block * Block / 2 * block * (block + 1) + i % Block * Block * (block + 1);
    }

    /// <summary>A row is read at the next one and at the 16th, which is then overwritten by its own successor: 16 places are enough.</summary>
    protected int FeaturesStart(long row) => RingStart + (int)(row & (FarHorizon - 1)) * 2 * FeatureFloats;
}

/// <summary>The kernels, for one lane width.</summary>
internal sealed class AdaptiveHeads<TLane>(int featureCount) : AdaptiveHeads(featureCount)
    where TLane : struct, ILane<TLane>
{
    public override float Forecast(Span<float> state, long row, Span<float> scratch) =>
        Dot(ref state[0], ref state[FeaturesStart(row)], ref scratch[0]);

    public override void LearnNear(Span<float> state, long row, float error) =>
        Correct(ref state[0], ref state[FeaturesStart(row - 1) + FeatureFloats], error);

    public override float LearnFar(Span<float> state, long row, float z, Span<float> scratch)
    {
        if (row < FarHorizon)
            return 0;
        ref float weights = ref state[FeatureFloats];
        ref float features = ref state[FeaturesStart(row)];
        float error = z - Dot(ref weights, ref features, ref scratch[0]);
        Correct(ref weights, ref Unsafe.Add(ref features, FeatureFloats), error);
        return error;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override float File(Span<float> state, long row, Span<float> scratch)
    {
        ref float f = ref state[FeaturesStart(row)];
        ref float k = ref Unsafe.Add(ref f, FeatureFloats);
        ref float covariance = ref state[CovarianceStart];
        ref float products = ref scratch[0];
        ref float p = ref scratch[Block * FeatureFloats];
        ref float v = ref scratch[(Block + 1) * FeatureFloats];

        MultiplyColumns(ref covariance, ref f, ref p);
        MultiplyRows(ref covariance, ref f, ref products);
        for (int i = Block; i < FeatureCount; i++)
            Unsafe.Add(ref p, i) += Fold(ref Unsafe.Add(ref products, i * Block));

        float leverage = Dot(ref f, ref p, ref products);
        float innovation = 1 + leverage;
        TLane gain = TLane.Broadcast(1 / innovation);
        TLane root = TLane.Broadcast(1 / MathF.Sqrt(innovation));
        for (int i = 0; i < FeatureFloats; i += TLane.Width)
        {
            TLane lane = TLane.Load(ref Unsafe.Add(ref p, i));
            TLane.Store(lane * gain, ref Unsafe.Add(ref k, i));
            TLane.Store(lane * root, ref Unsafe.Add(ref v, i));
        }

        Narrow(ref covariance, ref v);
        return leverage;
    }

    /// <summary>p_j = sum over the stored rows i of P_ij f_i: the block of j on the diagonal and those below it.</summary>
    private void MultiplyColumns(ref float covariance, ref float f, ref float p)
    {
        for (int j = 0; j < FeatureFloats; j += TLane.Width)
        {
            TLane even = TLane.Zero;
            TLane odd = TLane.Zero;
            for (int block = j / Block; block < BlockCount; block++)
            {
                int stride = Block * (block + 1);
                int first = block * Block;
                int count = Math.Min(Block, FeatureCount - first);
                ref float cell = ref Unsafe.Add(ref covariance, CovarianceRow(first) + j);
                ref float factor = ref Unsafe.Add(ref f, first);
                int i = 0;
                for (; i + 1 < count; i += 2)
                {
                    even = TLane.MultiplyAdd(TLane.Load(ref cell), TLane.Broadcast(factor), even);
                    odd = TLane.MultiplyAdd(TLane.Load(ref Unsafe.Add(ref cell, stride)), TLane.Broadcast(Unsafe.Add(ref factor, 1)), odd);
                    cell = ref Unsafe.Add(ref cell, 2 * stride);
                    factor = ref Unsafe.Add(ref factor, 2);
                }

                if (i < count)
                    even = TLane.MultiplyAdd(TLane.Load(ref cell), TLane.Broadcast(factor), even);
            }

            TLane.Store(even + odd, ref Unsafe.Add(ref p, j));
        }
    }

    /// <summary>The blocks right of the diagonal, read by their mirror images: 16 partial sums of row i of P times f.</summary>
    private void MultiplyRows(ref float covariance, ref float f, ref float products)
    {
        for (int i = Block; i < FeatureCount; i++)
        {
            ref float row = ref Unsafe.Add(ref covariance, CovarianceRow(i));
            for (int lane = 0; lane < Block; lane += TLane.Width)
            {
                TLane sum = TLane.Zero;
                for (int j = lane; j < i / Block * Block; j += Block)
                    sum = TLane.MultiplyAdd(TLane.Load(ref Unsafe.Add(ref row, j)), TLane.Load(ref Unsafe.Add(ref f, j)), sum);
                TLane.Store(sum, ref Unsafe.Add(ref products, i * Block + lane));
            }
        }
    }

    /// <summary>P -= v v', symmetric to the bit; then the random walk on the diagonal.</summary>
    private void Narrow(ref float covariance, ref float v)
    {
        for (int i = 0; i < FeatureCount; i++)
        {
            ref float row = ref Unsafe.Add(ref covariance, CovarianceRow(i));
            TLane factor = TLane.Broadcast(-Unsafe.Add(ref v, i));
            for (int j = 0; j < (i / Block + 1) * Block; j += TLane.Width)
            {
                ref float cell = ref Unsafe.Add(ref row, j);
                TLane.Store(TLane.MultiplyAdd(factor, TLane.Load(ref Unsafe.Add(ref v, j)), TLane.Load(ref cell)), ref cell);
            }

            ref float variance = ref Unsafe.Add(ref row, i);
            variance = Math.Min(variance + WalkVariance, LargestVariance);
        }
    }

    private void Correct(ref float weights, ref float gain, float error)
    {
        TLane factor = TLane.Broadcast(error);
        for (int i = 0; i < FeatureFloats; i += TLane.Width)
        {
            ref float weight = ref Unsafe.Add(ref weights, i);
            TLane.Store(TLane.MultiplyAdd(TLane.Load(ref Unsafe.Add(ref gain, i)), factor, TLane.Load(ref weight)), ref weight);
        }
    }

    private float Dot(ref float a, ref float b, ref float scratch)
    {
        for (int lane = 0; lane < Block; lane += TLane.Width)
        {
            TLane sum = TLane.Zero;
            for (int i = lane; i < FeatureFloats; i += Block)
                sum = TLane.MultiplyAdd(TLane.Load(ref Unsafe.Add(ref a, i)), TLane.Load(ref Unsafe.Add(ref b, i)), sum);
            TLane.Store(sum, ref Unsafe.Add(ref scratch, lane));
        }

        return Fold(ref scratch);
    }

    /// <summary>Sixteen partial sums into one, by halves: 16 to 8 to 4 to 2 to 1.</summary>
    private static float Fold(ref float sums)
    {
        Vector128<float> low = Vector128.LoadUnsafe(ref sums) + Vector128.LoadUnsafe(ref sums, 8);
        Vector128<float> high = Vector128.LoadUnsafe(ref sums, 4) + Vector128.LoadUnsafe(ref sums, 12);
        Vector128<float> four = low + high;
        Vector128<float> two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1));
        return two.GetElement(0) + two.GetElement(1);
    }
}
