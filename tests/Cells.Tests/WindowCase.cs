using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Training;

namespace StreamRnn.Cells.Tests;

/// <summary>A seeded network with seeded windows, and weights of the outputs that make a loss of them: L = sum(outputs * w) + sum(final * v).</summary>
public sealed record WindowCase(CellKind Cell, string Kind)
{
    private const int Seed = 20261;

    /// <summary>Every cell with everything that stands around it.</summary>
    public static TheoryData<WindowCase> All => [.. Cases];

    internal static IEnumerable<WindowCase> Cases =>
        from cell in Enum.GetValues<CellKind>()
        from kind in (string[])["plain", "one lane", "no head", "stacked, lengths", "bidirectional, lengths", "tokens, dense", "dropout"]
        select new WindowCase(cell, kind);

    public override string ToString() => $"{Shape}, {Kind} (seed {Seed})";

    internal int Rows => Kind switch { "plain" => 35, "no head" => 3, _ => 5 };

    internal int Steps => Kind switch { "plain" => 9, "no head" => 3, _ => 6 };

    internal ModelShape Shape => Kind switch
    {
        "plain" => new(Cell, 1, 6, 1, 1),
        "one lane" => new(Cell, 2, 16, 1, 2),
        "no head" => new(Cell, 3, 17),
        "stacked, lengths" => new(Cell, 3, 5, 3, 2),
        "bidirectional, lengths" => new(Cell, 2, 5, 2, 3) { Bidirectional = true },
        "tokens, dense" => new(Cell, 4, 5, 1, 3) { Vocabulary = 7, Dense = [new(6, DenseActivation.Tanh), new(5, DenseActivation.Sigmoid), new(4, DenseActivation.Relu)] },
        _ => new(Cell, 2, 9, 2, 2) { Dense = [new(5, DenseActivation.None)] },
    };

    internal WindowBatch Batch(int? maxRows = null, int? maxSteps = null)
    {
        var random = new Random(Seed);
        OutputsAt at = Kind is "plain" or "dropout" ? OutputsAt.LastStep : OutputsAt.EveryStep;
        var batch = new WindowBatch(Shape, maxRows ?? Rows, maxSteps ?? Steps, at) { WantsInputGradients = true };
        batch.Resize(Rows, Steps);
        Fill(batch.Inputs, random, 2);
        Fill(batch.Initial, random, 1);
        Fill(batch.OutputGradients, random, 1);
        Fill(batch.FinalGradients, random, 1);
        foreach (ref int token in batch.Tokens)
            token = random.Next(Shape.Vocabulary);
        if (Kind.Contains("lengths", StringComparison.Ordinal))
            foreach (ref int length in batch.Lengths)
                length = random.Next(1, Steps + 1);
        if (Kind == "dropout")
            batch.Dropout = new DropoutSettings(0.3f, 0.2f, 0.4f, Seed);
        return batch;
    }

    internal float[] Parameters()
    {
        float[] block = new float[new ParameterLayout(Shape).Length];
        Fill(block, new Random(Seed + 1), 0.6f);
        return block;
    }

    /// <summary>Forward and back; everything the batch and the gradient hold afterwards.</summary>
    internal float[][] Run(int threads = 1, int? laneFloats = null, WindowBatch? batch = null)
    {
        batch ??= Batch();
        using WindowNetwork network = WindowNetwork.Create(Shape, batch.Rows + 3, batch.Steps + 2, threads, laneFloats ?? LaneWidth.Floats);
        float[] gradient = new float[network.Layout.Length];
        network.SetParameters(Parameters());
        network.Forward(batch);
        network.Backward(batch, gradient);
        return [batch.Outputs.ToArray(), batch.Final.ToArray(), gradient, batch.InputGradients.ToArray(), batch.InitialGradients.ToArray()];
    }

    internal static void Fill(Span<float> values, Random random, float scale)
    {
        foreach (ref float value in values)
            value = scale * (2 * random.NextSingle() - 1);
    }
}
