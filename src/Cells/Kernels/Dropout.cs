using StreamRnn.Cells.Layers;

namespace StreamRnn.Cells.Kernels;

/// <summary>Dropout rates in [0, 1) for training; a kept value is divided by 1 - rate. All 0: no dropout, as in evaluation.</summary>
/// <param name="BetweenLayers">Of what a layer reads from the one below; drawn anew at every step.</param>
/// <param name="Output">Of what the top layer gives to the dense layers or the head; drawn anew at every step.</param>
/// <param name="Recurrent">Of the h that U multiplies; one draw for all steps of a window (Gal and Ghahramani, arXiv:1512.05287).</param>
/// <param name="Seed">Seed of the masks. A mask is a function of seed, row, layer, unit and step alone, so it is the same on any number of
/// threads. Change it with every batch.</param>
public readonly record struct DropoutSettings(float BetweenLayers = 0, float Output = 0, float Recurrent = 0, ulong Seed = 0)
{
    /// <exception cref="ArgumentOutOfRangeException">A rate is no rate.</exception>
    internal void Check()
    {
        foreach (float rate in (ReadOnlySpan<float>)[BetweenLayers, Output, Recurrent])
        {
            if (!(rate >= 0 && rate < 1))
                throw new ArgumentOutOfRangeException(nameof(DropoutSettings), rate, "A dropout rate lies in [0, 1).");
        }
    }
}

/// <summary>Masks out of nothing but their place: the way back finds those of the way forward without keeping them.</summary>
internal static unsafe class Dropout
{
    /// <summary>Multiplies values by their mask: 0, or 1 / (1 - rate).</summary>
    /// <param name="place">Number of what reads the values: which layer, or the head.</param>
    public static void Apply(float* values, int count, float rate, ulong seed, int place, int row, int step)
    {
        if (rate == 0)
            return;
        ulong key = Mix(Mix(Mix(seed + (uint)place) + (uint)row) + (uint)step);
        uint threshold = (uint)((double)rate * (1u << 24));
        float kept = 1f / (1f - rate);
        for (int unit = 0; unit < count; unit++)
            values[unit] *= (uint)(Mix(key + (uint)unit) >> 40) < threshold ? 0 : kept;
    }

    /// <summary>SplitMix64 (Steele, Lea and Flood, 2014).</summary>
    private static ulong Mix(ulong x)
    {
        x += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}
