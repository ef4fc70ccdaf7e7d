using System.Globalization;
using StreamRnn.Cells.Kernels;

namespace StreamRnn.Trainer.Fit;

/// <summary>Loss of a batch of outputs, as a sum and the number of its terms.</summary>
/// <param name="Sum">Over the targets that count, in double and in their order.</param>
/// <param name="Count">Targets that count.</param>
public readonly record struct LossSum(double Sum, long Count)
{
    /// <summary>NaN of no targets.</summary>
    public double Mean => Sum / Count;

    public static LossSum operator +(LossSum a, LossSum b) => new(a.Sum + b.Sum, a.Count + b.Count);
}

/// <summary>
/// Loss that training minimises, with its gradient: the mean over all targets. A target is one number and takes <see
/// cref="OutputsPerTarget"/> outputs, side by side; a NaN target has no weight and no gradient.
/// </summary>
/// <remarks>Computed in double, one target after the other, by <see cref="Elementary"/>: the same bits on every machine.</remarks>
public abstract record Loss
{
    /// <summary>(y - f)^2.</summary>
    public static Loss MeanSquared { get; } = new MeanSquaredLoss();

    /// <summary>|y - f|.</summary>
    public static Loss MeanAbsolute { get; } = new MeanAbsoluteLoss();

    /// <summary>-ln of the normal density, from a mean m and a log-variance s: (s + (y - m)^2 e^-s) / 2, without the constant.</summary>
    public static Loss Gaussian { get; } = new GaussianLoss();

    /// <summary>-ln of the probability of y = 1 (or 0) from its logit.</summary>
    public static Loss BinaryCrossEntropy { get; } = new BinaryCrossEntropyLoss();

    public abstract int OutputsPerTarget { get; }

    /// <summary>The loss of the outputs and its gradient.</summary>
    /// <param name="outputs">[targets, OutputsPerTarget].</param>
    /// <param name="targets">[targets]; NaN where there is none.</param>
    /// <param name="gradient">Of the mean, shaped as the outputs; overwritten. May be empty: then it is not computed.</param>
    public LossSum Evaluate(ReadOnlySpan<float> outputs, ReadOnlySpan<float> targets, Span<float> gradient)
    {
        int width = OutputsPerTarget;
        if (outputs.Length != targets.Length * width || (gradient.Length != outputs.Length && !gradient.IsEmpty))
            throw new ArgumentException($"{targets.Length} targets of {width} outputs are not {outputs.Length} outputs and {gradient.Length} gradients.", nameof(outputs));
        long count = 0;
        foreach (float target in targets)
            count += float.IsNaN(target) ? 0 : 1;

        double sum = 0;
        double share = 1.0 / count;
        Span<double> slope = stackalloc double[width];
        for (int i = 0; i < targets.Length; i++)
        {
            slope.Clear();
            if (!float.IsNaN(targets[i]))
                sum += Evaluate(outputs.Slice(i * width, width), targets[i], slope);
            for (int k = 0; k < width && !gradient.IsEmpty; k++)
                gradient[i * width + k] = (float)(slope[k] * share);
        }
        return new LossSum(sum, count);
    }

    /// <summary>The loss of one target.</summary>
    /// <param name="slope">By each output; zero on entry.</param>
    protected abstract double Evaluate(ReadOnlySpan<float> outputs, double target, Span<double> slope);

    private sealed record MeanSquaredLoss : Loss
    {
        public override int OutputsPerTarget => 1;

        protected override double Evaluate(ReadOnlySpan<float> outputs, double target, Span<double> slope)
        {
            double error = outputs[0] - target;
            slope[0] = 2 * error;
            return error * error;
        }
    }

    private sealed record MeanAbsoluteLoss : Loss
    {
        public override int OutputsPerTarget => 1;

        protected override double Evaluate(ReadOnlySpan<float> outputs, double target, Span<double> slope)
        {
            double error = outputs[0] - target;
            slope[0] = Math.Sign(error);
            return Math.Abs(error);
        }
    }

    private sealed record GaussianLoss : Loss
    {
        /// <summary>Bound of the log variance: a standard deviation between 1e-4 and 1e4 of scaled values.</summary>
        private const double LargestLogVariance = 18;

        public override int OutputsPerTarget => 2;

        protected override double Evaluate(ReadOnlySpan<float> outputs, double target, Span<double> slope)
        {
            double error = outputs[0] - target;
            double logVariance = Math.Clamp(outputs[1], -LargestLogVariance, LargestLogVariance);
            double precision = Elementary.Exp(-logVariance);
            slope[0] = error * precision;
            slope[1] = 0.5 * (1 - error * error * precision);   // beyond the limit too, so that it finds its way back
            return 0.5 * (logVariance + error * error * precision);
        }
    }

    private sealed record BinaryCrossEntropyLoss : Loss
    {
        public override int OutputsPerTarget => 1;

        protected override double Evaluate(ReadOnlySpan<float> outputs, double target, Span<double> slope)
        {
            double logit = outputs[0];
            slope[0] = Elementary.Sigmoid(logit) - target;
            return Math.Max(logit, 0) - logit * target + Elementary.Log(1 + Elementary.Exp(-Math.Abs(logit)));
        }
    }
}

/// <summary>Squared near zero and absolute beyond <paramref name="Delta"/>: e^2 / 2, or Delta (|e| - Delta / 2).</summary>
internal sealed record HuberLoss(double Delta = 1) : Loss
{
    public override int OutputsPerTarget => 1;

    protected override double Evaluate(ReadOnlySpan<float> outputs, double target, Span<double> slope)
    {
        double error = outputs[0] - target;
        slope[0] = Math.Clamp(error, -Delta, Delta);
        double size = Math.Abs(error);
        return size <= Delta ? 0.5 * error * error : Delta * (size - 0.5 * Delta);
    }
}

/// <summary>The mean over quantile levels q of max(q (y - f), (q - 1)(y - f)) (Koenker and Bassett 1978); one output per level.</summary>
internal sealed record PinballLoss(IReadOnlyList<double> Levels) : Loss
{
    public override int OutputsPerTarget => Levels.Count;

    public override string ToString() => $"PinballLoss({string.Join(", ", Levels.Select(level => level.ToString(CultureInfo.InvariantCulture)))})";

    protected override double Evaluate(ReadOnlySpan<float> outputs, double target, Span<double> slope)
    {
        double sum = 0;
        for (int i = 0; i < Levels.Count; i++)
        {
            double under = target - outputs[i];
            slope[i] = under > 0 ? -Levels[i] / Levels.Count : under < 0 ? (1 - Levels[i]) / Levels.Count : 0;
            sum += Math.Max(Levels[i] * under, (Levels[i] - 1) * under);
        }
        return sum / Levels.Count;
    }
}

/// <summary>-ln of the softmax probability of the target's class; one logit per class.</summary>
internal sealed record CrossEntropyLoss(int Classes) : Loss
{
    public override int OutputsPerTarget => Classes;

    protected override double Evaluate(ReadOnlySpan<float> outputs, double target, Span<double> slope)
    {
        double largest = double.NegativeInfinity;
        foreach (float logit in outputs)
            largest = Math.Max(largest, logit);
        double sum = 0;
        for (int i = 0; i < outputs.Length; i++)
            sum += slope[i] = Elementary.Exp(outputs[i] - largest);
        for (int i = 0; i < outputs.Length; i++)
            slope[i] /= sum;
        slope[(int)target] -= 1;
        return Elementary.Log(sum) - (outputs[(int)target] - largest);
    }
}
