using StreamRnn.Cells.Kernels;

namespace StreamRnn.Cells.Layers;

/// <summary>Converts the raw outputs of a head into quantities.</summary>
internal static class Heads
{
    /// <param name="head">What the outputs are.</param>
    /// <param name="raw">[outputs] as a step gives them.</param>
    /// <param name="meaning">
    /// [outputs], overwritten; may be <paramref name="raw"/>. Softmax and sigmoid: probabilities. Gaussian: pairs of mean and variance.
    /// Linear and quantile: the numbers themselves.
    /// </param>
    public static void Interpret(HeadKind head, ReadOnlySpan<float> raw, Span<float> meaning)
    {
        if (meaning.Length != raw.Length)
            throw new ArgumentException($"{raw.Length} outputs do not fit {meaning.Length} floats.", nameof(meaning));
        switch (head)
        {
            case HeadKind.Gaussian:
                for (int i = 0; i < raw.Length; i++)
                    meaning[i] = i % 2 == 0 ? raw[i] : (float)Elementary.Exp(raw[i]);
                break;
            case HeadKind.Softmax:
                Softmax(raw, meaning);
                break;
            case HeadKind.Sigmoid:
                for (int i = 0; i < raw.Length; i++)
                    meaning[i] = (float)Elementary.Sigmoid(raw[i]);
                break;
            default:
                raw.CopyTo(meaning);
                break;
        }
    }

    /// <summary>
    /// Sorts the quantiles of one value by level. A network may cross them; sorted, they are no further from the true ones (Chernozhukov,
    /// Fernández-Val and Galichon, 2010).
    /// </summary>
    /// <param name="quantiles">By rising level.</param>
    public static void Rearrange(Span<float> quantiles) => quantiles.Sort();

    /// <summary>p_i = e^(x_i - m) / sum over k of e^(x_k - m), m the largest x.</summary>
    private static void Softmax(ReadOnlySpan<float> raw, Span<float> p)
    {
        float largest = float.NegativeInfinity;
        foreach (float x in raw)
            largest = Math.Max(largest, x);

        double sum = 0;
        foreach (float x in raw)
            sum += Elementary.Exp((double)x - largest);
        for (int i = 0; i < raw.Length; i++)
            p[i] = (float)(Elementary.Exp((double)raw[i] - largest) / sum);
    }
}
