using StreamRnn.Trainer.Fit;

namespace StreamRnn.Trainer.Tests;

public class LossTests
{
    private static readonly Random Random = new(3);

    public static TheoryData<Loss> Losses() =>
    [
        Loss.MeanSquared, Loss.MeanAbsolute, Loss.Gaussian, new HuberLoss(0.7), new PinballLoss([0.05, 0.5, 0.95]),
    ];

    [Theory, MemberData(nameof(Losses))]
    public void The_gradient_of_real_targets_is_that_of_central_differences(Loss loss) => CheckGradient(loss, () => Normal());

    [Fact]
    public void The_gradient_of_classes_is_that_of_central_differences()
    {
        CheckGradient(new CrossEntropyLoss(5), () => Random.Next(5));
        CheckGradient(Loss.BinaryCrossEntropy, () => Random.Next(2));
    }

    private static void CheckGradient(Loss loss, Func<float> target)
    {
        const int Count = 20;
        float[] targets = [.. Enumerable.Range(0, Count).Select(_ => target())];
        float[] outputs = [.. Enumerable.Range(0, Count * loss.OutputsPerTarget).Select(_ => Normal())];
        float[] gradient = new float[outputs.Length];
        loss.Evaluate(outputs, targets, gradient);
        for (int i = 0; i < outputs.Length; i++)
        {
            float at = outputs[i];
            (outputs[i], float high) = (at + 1e-3f, at + 1e-3f);
            double above = loss.Evaluate(outputs, targets, []).Mean;
            (outputs[i], float low) = (at - 1e-3f, at - 1e-3f);
            double below = loss.Evaluate(outputs, targets, []).Mean;
            outputs[i] = at;
            Assert.Equal((above - below) / (high - low), gradient[i], 5e-5);
        }
    }

    [Fact]
    public void Losses_are_what_they_are_by_hand()
    {
        Assert.Equal(2.5, Loss.MeanSquared.Evaluate([1, 2], [0, 4], []).Mean);
        Assert.Equal(1.5, Loss.MeanAbsolute.Evaluate([1, 2], [0, 4], []).Mean);
        Assert.Equal((0.5 + 1.5) / 2, new HuberLoss().Evaluate([1, 2], [0, 4], []).Mean);
        Assert.Equal(0.5 * (Math.Log(4) + 9 / 4.0), Loss.Gaussian.Evaluate([1, MathF.Log(4)], [4], []).Mean, 1e-7);
        Assert.Equal((0.1 * 3 + 0.1 * 1) / 2, new PinballLoss([0.1, 0.9]).Evaluate([1, 5], [4], []).Mean, 1e-12);
        Assert.Equal(Math.Log(1 + Math.Exp(-2)), Loss.BinaryCrossEntropy.Evaluate([2], [1], []).Mean, 1e-12);
        Assert.Equal(Math.Log(1 + Math.Exp(1) + Math.Exp(2)) - 1, new CrossEntropyLoss(3).Evaluate([0, 1, 2], [1], []).Mean, 1e-12);
    }

    [Fact]
    public void Large_logits_cost_much_and_stay_finite()
    {
        float[] gradient = new float[2];
        Assert.Equal(2000, new CrossEntropyLoss(2).Evaluate([-1000, 1000], [0], gradient).Mean, 1e-9);
        Assert.Equal([-1, 1], gradient);
        Assert.Equal(1000, Loss.BinaryCrossEntropy.Evaluate([-1000], [1], gradient.AsSpan(1)).Mean, 1e-9);
        Assert.Equal(-1, gradient[1]);
        Assert.True(double.IsFinite(Loss.Gaussian.Evaluate([0, -1e30f], [3], gradient).Mean));
    }

    [Theory, MemberData(nameof(Losses))]
    public void A_missing_target_changes_nothing(Loss loss)
    {
        int width = loss.OutputsPerTarget;
        float[] outputs = [.. Enumerable.Range(0, 3 * width).Select(_ => Normal())];
        float[] two = [.. outputs[..width], .. outputs[(2 * width)..]];
        float[] gradient = new float[3 * width], gradientOfTwo = new float[2 * width];
        LossSum sum = loss.Evaluate(outputs, [1, float.NaN, 2], gradient);
        Assert.Equal(loss.Evaluate(two, [1, 2], gradientOfTwo), sum);
        Assert.Equal([.. gradientOfTwo[..width], .. new float[width], .. gradientOfTwo[width..]], gradient);
    }

    private static float Normal() => (float)Enumerable.Range(0, 12).Sum(_ => Random.NextDouble() - 0.5);
}
