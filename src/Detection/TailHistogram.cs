using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using StreamRnn.Cells.Kernels;

namespace StreamRnn.Detection;

/// <summary>
/// Rarity of a non-negative number among those before it, in nats: -ln of the share of faded mass above it. A histogram of 240 bins, 8 to
/// the octave, from 2^-15 to 2^15.
/// </summary>
/// <remarks>
/// <para>A bin is the exponent and the top three bits of the mantissa, so finding it and the place inside it costs no logarithm.</para>
/// <para>What is stored are suffix sums on two levels, [15 blocks of 16 bins | 15 block sums | 0]: the mass in this bin and those above it in its
/// block, the mass in this block and those above it. A look-up reads two cells of each level, an addition touches two cache lines.</para>
/// <para>Fading: newer rows weigh more, by 2^(1/3000) a row; after every 3000 rows, whatever the values, all masses are halved, which is exact.</para>
/// </remarks>
[InlineArray(Length)]
internal struct TailHistogram
{
    public const int Length = Bins + Block;

    /// <summary>Rows after which a row counts half.</summary>
    public const int HalfLife = 3000;

    private const int Bins = 240;
    private const int Block = 16;
    private const int MantissaBits = 20;                        // of a bin's width
    private const int FirstBin = (127 - 15) << 3;               // 2^-15
    private const float Occupied = 0.02f;                       // faded rows; less than that is no precedent
    private const float Vanishing = 1e-6f;                      // forgotten altogether, before it turns subnormal
    private const float BinsPerOctave = 8;

    private static readonly float[] Steps = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    private float _first;

    /// <summary>The rarity of a number, which is then counted.</summary>
    /// <param name="u">Finite, at least 0.</param>
    /// <param name="weight">Weight of a row: 2^(rows since the last halving / 3000).</param>
    public float Score(float u, float weight)
    {
        ref float masses = ref Unsafe.As<TailHistogram, float>(ref this);
        int bits = BitConverter.SingleToInt32Bits(u) - (FirstBin << MantissaBits);
        int bin = Math.Min(Math.Max(bits >> MantissaBits, 0), Bins - 1);
        float inside = bits < 0 ? 0 : bin < bits >> MantissaBits ? 1 : (bits & ((1 << MantissaBits) - 1)) * (1f / (1 << MantissaBits));

        int block = bin / Block;
        float aboveBlock = Unsafe.Add(ref masses, Bins + block + 1);
        float fromBin = Unsafe.Add(ref masses, bin);
        float aboveBin = bin % Block == Block - 1 ? 0 : Unsafe.Add(ref masses, bin + 1);
        float above = aboveBlock + aboveBin + (fromBin - aboveBin) * (1 - inside);
        float total = Unsafe.Add(ref masses, Bins);

        double nats = -Elementary.Log((above + 0.5f * weight) / (total + weight));
        if (aboveBlock + fromBin <= Occupied * weight && total > 0)
            nats += Elementary.Ln2 * OctavesBeyond(bin, inside, weight);

        Add(ref masses, bin, block, weight);
        return (float)nats;
    }

    /// <summary>Halves every mass: the turn of 3000 rows.</summary>
    public void Halve()
    {
        foreach (ref float mass in MemoryMarshal.CreateSpan(ref _first, Length))
            mass = mass < Vanishing ? 0 : 0.5f * mass;
    }

    private static void Add(ref float masses, int bin, int block, float weight)
    {
        ref float inBlock = ref Unsafe.Add(ref masses, block * Block);
        ref float blocks = ref Unsafe.Add(ref masses, Bins);
        ref float binSteps = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(Steps), Block - 1 - bin % Block);
        ref float blockSteps = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(Steps), Block - 1 - block);
        Vector512<float> scale = Vector512.Create(weight);
        (Vector512.LoadUnsafe(ref inBlock) + Vector512.LoadUnsafe(ref binSteps) * scale).StoreUnsafe(ref inBlock);
        (Vector512.LoadUnsafe(ref blocks) + Vector512.LoadUnsafe(ref blockSteps) * scale).StoreUnsafe(ref blocks);
    }

    /// <summary>Octaves from the top of the highest occupied bin to a place in a bin above it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly double OctavesBeyond(int bin, float inside, float weight)
    {
        int top = bin;
        while (top >= 0 && this[top] + this[Bins + top / Block + 1] <= Occupied * weight)
            top--;
        double octaves = bin / (int)BinsPerOctave - (top + 1) / (int)BinsPerOctave;
        double at = 1 + (bin % 8 + inside) / BinsPerOctave;
        double edge = 1 + (top + 1) % 8 / BinsPerOctave;
        return octaves + Elementary.Log(at / edge) / Elementary.Ln2;
    }
}
