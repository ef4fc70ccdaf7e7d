namespace StreamRnn.Trainer.Fit;

/// <summary>Treatment of a gradient between backpropagation and the optimiser.</summary>
public static class Gradient
{
    private const int Lanes = 8;

    /// <summary>The total L2 norm. Sums of squares in double over eight virtual lanes, folded in one order on every machine.</summary>
    public static double Norm(ReadOnlySpan<float> gradient)
    {
        Span<double> sums = stackalloc double[Lanes];
        sums.Clear();
        for (int i = 0; i < gradient.Length; i += Lanes)
        {
            ReadOnlySpan<float> eight = gradient.Slice(i, Math.Min(Lanes, gradient.Length - i));
            for (int lane = 0; lane < eight.Length; lane++)
                sums[lane] += (double)eight[lane] * eight[lane];
        }
        return Math.Sqrt(((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7])));
    }

    /// <summary>Scales by limit / (norm + 1e-6) where that is below 1, as torch.nn.utils.clip_grad_norm_ does.</summary>
    /// <returns>True if the gradient was scaled.</returns>
    public static bool ClipByNorm(Span<float> gradient, double norm, double limit)
    {
        float scale = (float)(limit / (norm + 1e-6));
        if (!(scale < 1))
            return false;
        foreach (ref float g in gradient)
            g *= scale;
        return true;
    }

    /// <summary>Cuts every element to [-limit, limit].</summary>
    /// <returns>True if a value was clipped.</returns>
    public static bool ClipByValue(Span<float> gradient, float limit)
    {
        bool cut = false;
        foreach (ref float g in gradient)
        {
            cut |= Math.Abs(g) > limit;
            g = Math.Clamp(g, -limit, limit);
        }
        return cut;
    }
}
