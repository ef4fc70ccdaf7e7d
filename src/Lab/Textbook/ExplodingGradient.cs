using StreamRnn.Cells.Layers;
using StreamRnn.Trainer.Fit;

namespace StreamRnn.Lab.Textbook;

/// <summary>
/// A plain RNN whose recurrent weights are so large that a gradient grows on its way back (Bengio, Simard and Frasconi 1994): the same start
/// and the same windows with and without clipping (Pascanu, Mikolov and Bengio, arXiv:1211.5063).
/// </summary>
internal static class ExplodingGradient
{
    private const float RecurrentGain = 4;   // times PyTorch's start: the largest eigenvalue is then about 2.3
    private const double ClipNorm = 1;
    private const double Rate = 0.05;

    public static (LearningRun Free, LearningRun Clipped) Run(int steps, int rows, int hidden, int updates, ulong seed)
    {
        ModelShape shape = AddingProblem.Shape(CellKind.Rnn, hidden);
        float[] initial = Initialisation.Uniform(shape, seed);
        foreach (ref float weight in new ParameterLayout(shape).Layer(0).RecurrentWeights.In(initial.AsSpan()))
            weight *= RecurrentGain;
        return (Train(clip: 0), Train(ClipNorm));

        LearningRun Train(double clip)
        {
            var problem = new AddingProblem(steps, rows, seed);
            return LearningRun.Train(problem.CreateBatch(shape), problem.Fill, initial, new OptimiserSettings(OptimiserKind.Sgd) { LearningRate = Rate }, clip, updates);
        }
    }
}
