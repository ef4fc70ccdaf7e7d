using StreamRnn.Cells.Layers;

namespace StreamRnn.Cells.Tests;

public class HeadsTests
{
    [Fact]
    public void Softmax_gives_probabilities_however_large_the_logits() => Compare(HeadKind.Softmax, [1000, 999, -1000], [0.7310586f, 0.2689414f, 0]);

    [Fact]
    public void Sigmoid_gives_a_probability_each() => Compare(HeadKind.Sigmoid, [0, 1, -1000], [0.5f, 0.7310586f, 0]);

    [Fact]
    public void Gaussian_gives_mean_and_variance() => Compare(HeadKind.Gaussian, [3, 0, -2, 1], [3, 1, -2, 2.7182818f]);

    [Fact]
    public void Values_and_quantiles_are_what_they_are()
    {
        Compare(HeadKind.Linear, [3, -1], [3, -1]);
        Compare(HeadKind.Quantile, [-1, 0, 1], [-1, 0, 1]);
    }

    [Fact]
    public void Crossed_quantiles_are_put_in_order()
    {
        float[] quantiles = [2, 1, 3];
        Heads.Rearrange(quantiles);
        Assert.Equal([1f, 2f, 3f], quantiles);
    }

    private static void Compare(HeadKind head, float[] raw, float[] expected)
    {
        Heads.Interpret(head, raw, raw);
        for (int i = 0; i < raw.Length; i++)
            Assert.Equal(expected[i], raw[i], 1e-7f);
    }
}
