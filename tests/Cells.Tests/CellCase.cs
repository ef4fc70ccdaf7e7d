using System.Runtime.InteropServices;

namespace StreamRnn.Cells.Tests;

/// <summary>A seeded network with seeded inputs: the same numbers wherever a test asks for it.</summary>
public sealed record CellCase(CellKind Cell, int Inputs, int Hidden, int Layers, int Outputs)
{
    private const int Seed = 20260;

    /// <summary>Every cell; sizes below, at and above a lane, multiples of 16 and not, one to three layers, with head and without.</summary>
    public static TheoryData<CellCase> All => [.. Cases];

    public static IEnumerable<CellCase> Cases =>
        from cell in (CellKind[])[CellKind.Rnn, CellKind.Lstm, CellKind.Gru]
        from size in Sizes
        select new CellCase(cell, size.Inputs, size.Hidden, size.Layers, size.Outputs);

    private static readonly (int Inputs, int Hidden, int Layers, int Outputs)[] Sizes =
        [(1, 1, 1, 1), (2, 32, 1, 1), (3, 20, 2, 0), (5, 16, 3, 2), (1, 50, 2, 1), (4, 96, 1, 3)];

    public override string ToString() => $"{Shape} (seed {Seed})";

    internal ModelShape Shape => new(Cell, Inputs, Hidden, Layers, Outputs);

    /// <summary>Uniform in +-1/sqrt(hidden), as PyTorch initialises.</summary>
    internal float[] Parameters()
    {
        var random = new Random(Seed);
        float[] block = new float[new ParameterLayout(Shape).Length];
        foreach (ref float parameter in block.AsSpan())
            parameter = (float)((2 * random.NextDouble() - 1) / Math.Sqrt(Hidden));
        return block;
    }

    internal SequenceModel Model(int? laneFloats = null) => SequenceModel.Create(Shape, Parameters(), laneFloats ?? LaneWidth.Floats);

    /// <summary>What stream <paramref name="stream"/> sees at step <paramref name="step"/>.</summary>
    internal float[] Input(int stream, int step)
    {
        var random = new Random(Seed + 7919 * stream + step);
        return [.. Enumerable.Range(0, Inputs).Select(_ => (float)(4 * random.NextDouble() - 2))];
    }

    /// <summary>
    /// Steps some streams together and returns, for each stream, the outputs of every step and then its final state: floats as bits, so
    /// that equal means equal.
    /// </summary>
    internal int[][] Run(SequenceModel model, int[] streams, int steps, Action<StateSlab>? between = null)
    {
        var slab = new StateSlab(model.StateFloats + 5);
        int[] rows = [.. streams.Select(_ => slab.Add())];
        StepScratch scratch = model.CreateScratch(streams.Length);
        float[] x = new float[streams.Length * Inputs], y = new float[streams.Length * Outputs];
        List<float>[] seen = [.. streams.Select(_ => new List<float>())];
        for (int t = 0; t < steps; t++)
        {
            for (int b = 0; b < streams.Length; b++)
                Input(streams[b], t).CopyTo(x, b * Inputs);
            model.Step(x, slab, rows, y, scratch);
            for (int b = 0; b < streams.Length; b++)
                seen[b].AddRange(y.AsSpan(b * Outputs, Outputs));
            between?.Invoke(slab);
        }

        for (int b = 0; b < streams.Length; b++)
            seen[b].AddRange(slab[rows[b]][..model.StateFloats]);
        return [.. seen.Select(floats => MemoryMarshal.Cast<float, int>(CollectionsMarshal.AsSpan(floats)).ToArray())];
    }
}
