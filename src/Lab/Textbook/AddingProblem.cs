using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Training;
using StreamRnn.Trainer.Fit;

namespace StreamRnn.Lab.Textbook;

/// <summary>
/// The adding problem (Hochreiter and Schmidhuber 1997): each step brings a number from [0, 1) and a mark. Two steps are marked, one in
/// each half, and the target after the last step is the sum of the two marked numbers. Always answering 1 has a mean squared error of 1/6;
/// a better result takes memory over half of the window.
/// </summary>
internal sealed class AddingProblem(int steps, int rows, ulong seed)
{
    /// <summary>Mean squared error of always answering 1: the variance of the sum of two uniform numbers.</summary>
    public const double ErrorOfOne = 1.0 / 6;

    private readonly SplitMix _random = new(seed);

    public int Steps => steps;

    public int Rows => rows;

    public static ModelShape Shape(CellKind cell, int hidden) => new(cell, inputs: 2, hidden, layers: 1, outputs: 1);

    public WindowBatch CreateBatch(ModelShape shape) => new(shape, rows, steps, OutputsAt.LastStep);

    /// <summary>Draws the next windows.</summary>
    /// <param name="targets">[rows], overwritten.</param>
    public void Fill(WindowBatch batch, Span<float> targets)
    {
        Span<float> inputs = batch.Inputs;   // [steps, rows, number and mark]
        for (int i = 0; i < steps * rows; i++)
            (inputs[2 * i], inputs[2 * i + 1]) = ((float)_random.Uniform(), 0);
        for (int b = 0; b < rows; b++)
        {
            int first = _random.Below(steps / 2), second = steps / 2 + _random.Below(steps - steps / 2);
            (inputs[2 * (first * rows + b) + 1], inputs[2 * (second * rows + b) + 1]) = (1, 1);
            targets[b] = inputs[2 * (first * rows + b)] + inputs[2 * (second * rows + b)];
        }
    }
}
