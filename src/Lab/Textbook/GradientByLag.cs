using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Training;
using StreamRnn.Trainer.Fit;

namespace StreamRnn.Lab.Textbook;

/// <summary>Share of the gradient of the last step's loss that reaches the input of each earlier step.</summary>
internal static class GradientByLag
{
    /// <summary>Entry k is the root mean square, over windows, of dL/dx of k steps before the last one.</summary>
    public static double[] Of(AddingProblem problem, ModelShape shape, float[] parameters)
    {
        WindowBatch batch = problem.CreateBatch(shape);
        batch.WantsInputGradients = true;
        float[] targets = new float[problem.Rows];
        problem.Fill(batch, targets);
        using WindowNetwork network = WindowNetwork.Create(shape, problem.Rows, problem.Steps);
        network.SetParameters(parameters);
        network.Forward(batch);
        Loss.MeanSquared.Evaluate(batch.Outputs, targets, batch.OutputGradients);
        network.Backward(batch, new float[parameters.Length]);

        double[] norms = new double[problem.Steps];
        int stepFloats = problem.Rows * shape.Inputs;
        for (int lag = 0; lag < norms.Length; lag++)
        {
            double squared = 0;
            foreach (float gradient in batch.InputGradients.Slice((problem.Steps - 1 - lag) * stepFloats, stepFloats))
                squared += (double)gradient * gradient;
            norms[lag] = Math.Sqrt(squared * problem.Rows);   // the loss is a mean over windows
        }

        return norms;
    }
}
