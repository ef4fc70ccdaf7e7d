using StreamRnn.Cells.Kernels;

namespace StreamRnn.Trainer.Fit;

/// <summary>
/// The learning rate of each epoch, as a share of the first. A pure function of what has happened so far, so that nothing of it has to be
/// kept in a checkpoint.
/// </summary>
public abstract record Schedule
{
    public static Schedule Constant { get; } = new ConstantSchedule();

    /// <param name="epoch">Counted from 0.</param>
    /// <param name="validation">Validation losses of the epochs before, in their order.</param>
    public abstract double Factor(int epoch, IReadOnlyList<double> validation);

    private sealed record ConstantSchedule : Schedule
    {
        public override double Factor(int epoch, IReadOnlyList<double> validation) => 1;
    }
}

/// <summary>Multiplies the rate by <paramref name="Gamma"/> every so many epochs.</summary>
internal sealed record StepSchedule(int Epochs, double Gamma = 0.1) : Schedule
{
    public override double Factor(int epoch, IReadOnlyList<double> validation)
    {
        double factor = 1;
        for (int i = 0; i < epoch / Epochs; i++)
            factor *= Gamma;
        return factor;
    }
}

/// <summary>Half a cosine from 1 down to <paramref name="Minimum"/> over so many epochs (Loshchilov and Hutter, arXiv:1608.03983, without restarts).</summary>
internal sealed record CosineSchedule(int Epochs, double Minimum = 0) : Schedule
{
    public override double Factor(int epoch, IReadOnlyList<double> validation) =>
        Minimum + (1 - Minimum) * 0.5 * (1 + Elementary.SinCos(0.5 * Math.Min(epoch, Epochs) / Epochs).Cos);
}

/// <summary>
/// Multiplies the rate by <paramref name="Gamma"/> when more than <paramref name="Patience"/> epochs in a row have not improved on the best
/// validation loss by a share of 1e-4; PyTorch's ReduceLROnPlateau.
/// </summary>
internal sealed record PlateauSchedule(int Patience = 10, double Gamma = 0.1, double Minimum = 1e-4) : Schedule
{
    private const double Threshold = 1e-4;

    public override double Factor(int epoch, IReadOnlyList<double> validation)
    {
        double factor = 1, best = double.PositiveInfinity;
        int bad = 0;
        foreach (double loss in validation)
        {
            bool better = loss < best - Threshold * Math.Abs(best) || (double.IsPositiveInfinity(best) && double.IsFinite(loss));
            (best, bad) = better ? (loss, 0) : (best, bad + 1);
            if (bad <= Patience)
                continue;
            factor = Math.Max(factor * Gamma, Minimum);
            bad = 0;
        }
        return factor;
    }
}
