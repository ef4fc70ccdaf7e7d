using System.Runtime.InteropServices;
using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;

namespace StreamRnn.Cells.Tests;

/// <summary>A seeded network with seeded inputs: the same numbers wherever a test asks for it.</summary>
public sealed record CellCase(CellKind Cell, int Inputs, int Hidden, int Layers, int Outputs)
{
    private const int Seed = 20260;

    /// <summary>Every cell; sizes below, at and above a lane, multiples of 16 and not, one to three layers, with head and without, dense layers and tokens.</summary>
    public static TheoryData<CellCase> All => [.. Cases];

    public static IEnumerable<CellCase> Cases =>
    [
        .. from cell in Enum.GetValues<CellKind>()
           from size in Sizes
           select new CellCase(cell, size.Inputs, size.Hidden, size.Layers, size.Outputs),
        new(CellKind.Lstm, 2, 18, 1, 3) { Dense = [new(25, DenseActivation.Relu), new(40, DenseActivation.Tanh), new(7, DenseActivation.Sigmoid)] },
        new(CellKind.Rnn, 3, 10, 2, 1) { Dense = [new(16, DenseActivation.None)] },
        new(CellKind.Gru, 5, 24, 2, 9) { Vocabulary = 9 },
        new(CellKind.GruResetBefore, 16, 20, 1, 4) { Vocabulary = 33, Dense = [new(12, DenseActivation.Tanh)] },
    ];

    private static readonly (int Inputs, int Hidden, int Layers, int Outputs)[] Sizes =
        [(1, 1, 1, 1), (2, 32, 1, 1), (3, 20, 2, 0), (5, 16, 3, 2), (1, 50, 2, 1), (4, 96, 1, 3)];

    public override string ToString() => $"{Shape} (seed {Seed})";

    public int Vocabulary { get; init; }

    public IReadOnlyList<DenseShape> Dense { get; init; } = [];

    internal ModelShape Shape => ShapeOf(Hidden);

    /// <summary>The same network with other units.</summary>
    internal ModelShape ShapeOf(int hidden) => new(Cell, Inputs, hidden, Layers, Outputs) { Vocabulary = Vocabulary, Dense = Dense };

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
        return Vocabulary > 0 ? [random.Next(Vocabulary)] : [.. Enumerable.Range(0, Inputs).Select(_ => (float)(4 * random.NextDouble() - 2))];
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
        float[] x = new float[streams.Length * Shape.EventFloats], y = new float[streams.Length * Outputs];
        List<float>[] seen = [.. streams.Select(_ => new List<float>())];
        for (int t = 0; t < steps; t++)
        {
            for (int b = 0; b < streams.Length; b++)
                Input(streams[b], t).CopyTo(x, b * Shape.EventFloats);
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
