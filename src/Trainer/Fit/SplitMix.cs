namespace StreamRnn.Trainer.Fit;

/// <summary>SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): all randomness of the trainer, the same for a seed on every machine.</summary>
public sealed class SplitMix(ulong seed)
{
    private const ulong Step = 0x9E3779B97F4A7C15;

    private ulong _state = seed;

    /// <summary>A generator for one purpose among several of the same seed, such as an epoch's order or a step's dropout.</summary>
    public static SplitMix Of(ulong seed, ulong purpose, ulong index = 0) => new(Seed(seed, purpose, index));

    /// <summary>A seed of its own for each purpose and index.</summary>
    public static ulong Seed(ulong seed, ulong purpose, ulong index = 0) => Mix(Mix(Mix(seed) ^ (purpose * 0xD1342543DE82EF95)) ^ (index * 0xDA942042E4DD58B5));

    public ulong Next()
    {
        ulong mixed = Mix(_state);
        _state += Step;
        return mixed;
    }

    /// <summary>Draws uniformly from [0, 1), with 53 bits.</summary>
    public double Uniform() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>In [0, bound).</summary>
    public int Below(int bound) => (int)(Uniform() * bound);

    /// <summary>Nearly normal, mean 0 and variance 1: twelve uniform numbers less six, which needs no logarithm.</summary>
    public double Normal()
    {
        double sum = -6;
        for (int i = 0; i < 12; i++)
            sum += Uniform();
        return sum;
    }

    /// <summary>Any order with the same chance (Fisher and Yates).</summary>
    public void Shuffle(Span<int> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int other = Below(i + 1);
            (items[i], items[other]) = (items[other], items[i]);
        }
    }

    private static ulong Mix(ulong state)
    {
        ulong z = state + Step;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
