using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Training;
using StreamRnn.Trainer.Fit;

namespace StreamRnn.Lab.Textbook;

/// <summary>Learning curve of a network, update by update.</summary>
/// <param name="Losses">Mean squared error of each batch before its update; infinite where it is no number.</param>
/// <param name="Norms">Of the gradient, before clipping.</param>
/// <param name="CpuSeconds">Of the whole run.</param>
internal sealed record LearningRun(ModelShape Shape, float[] Parameters, double[] Losses, double[] Norms, double CpuSeconds)
{
    private const int Averaged = 50;   // batches

    /// <summary>Mean over the last batches.</summary>
    public double FinalLoss => Losses[^Math.Min(Averaged, Losses.Length)..].Average();

    /// <summary>Updates after which the mean over the last batches fell below; null where it never did.</summary>
    public int? UpdatesUntil(double loss)
    {
        double sum = 0;
        for (int i = 0; i < Losses.Length; i++)
        {
            sum += Losses[i] - (i >= Averaged ? Losses[i - Averaged] : 0);
            if (i >= Averaged && sum < Averaged * loss)
                return i + 1;
        }

        return null;
    }

    /// <summary>Draws the next windows and their targets, as many as the batch has outputs; NaN is none.</summary>
    internal delegate void Draw(WindowBatch batch, Span<float> targets);

    /// <summary>Trains on fresh windows at every update; stops at the first loss that is no number.</summary>
    /// <param name="batch">Made for the shape; its size stays.</param>
    /// <param name="clip">Total norm beyond which a gradient is scaled down; 0 leaves it as it is.</param>
    public static LearningRun Train(WindowBatch batch, Draw draw, float[] initial, OptimiserSettings settings, double clip, int updates)
    {
        float[] parameters = [.. initial], gradient = new float[initial.Length], targets = new float[batch.Outputs.Length];
        double[] losses = new double[updates], norms = new double[updates];
        var optimiser = new Optimiser(settings, parameters.Length);
        using WindowNetwork network = WindowNetwork.Create(batch.Shape, batch.Rows, batch.Steps);
        TimeSpan before = Environment.CpuUsage.UserTime;
        for (int update = 0; update < updates; update++)
        {
            draw(batch, targets);
            network.SetParameters(parameters);
            network.Forward(batch);
            losses[update] = Loss.MeanSquared.Evaluate(batch.Outputs, targets, batch.OutputGradients).Mean;
            network.Backward(batch, gradient);
            norms[update] = Gradient.Norm(gradient);
            if (!double.IsFinite(losses[update]) || !double.IsFinite(norms[update]))
            {
                (losses, norms) = (losses[..(update + 1)], norms[..(update + 1)]);
                break;
            }

            if (clip > 0)
                Gradient.ClipByNorm(gradient, norms[update], clip);
            optimiser.Step(parameters, gradient, settings.LearningRate);
        }

        return new LearningRun(batch.Shape, parameters, losses, norms, (Environment.CpuUsage.UserTime - before).TotalSeconds);
    }
}
