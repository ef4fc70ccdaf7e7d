using StreamRnn.Cells;

namespace StreamRnn.Worker.Commands;

/// <summary>One layer, one input, two outputs: the shape in which other runtimes publish their figures.</summary>
internal static class BenchCells
{
    private const int Rounds = 9;
    private static readonly int[] HiddenSizes = [16, 32, 64, 128];

    public static IEnumerable<BenchLine> Run(double seconds)
    {
        foreach (CellKind cell in new[] { CellKind.Gru, CellKind.Lstm, CellKind.Rnn })
        {
            foreach (int hidden in HiddenSizes)
            {
                ModelShape shape = new(cell, inputs: 1, hidden: hidden, outputs: 2);
                Random random = new(hidden);
                SequenceModel model = SequenceModel.Create(shape,
                    [.. Enumerable.Range(0, new ParameterLayout(shape).Length).Select(_ => (random.NextSingle() - 0.5f) / MathF.Sqrt(hidden))]);
                foreach ((int batch, int streams) in new[] { (1, 1), (64, 10_000) })
                {
                    yield return new BenchLine($"cells, {cell} {hidden}", streams == 1 ? "one stream" : $"{streams} streams, batches of {batch}", "steps",
                        Measure(model, batch, streams, seconds), StateBytes: model.StateFloats * sizeof(float));
                }
            }
        }
    }

    /// <summary>Median over rounds; all on this thread, so the process's CPU time is the step's.</summary>
    private static double Measure(SequenceModel model, int batch, int streams, double seconds)
    {
        StateSlab slab = new(model.StateFloats);
        for (int i = 0; i < streams; i++)
            slab.Add();
        int[] rows = [.. Enumerable.Range(0, streams)];
        float[] x = [.. Enumerable.Range(0, batch).Select(i => i / 64f)];
        float[] y = new float[batch * model.Shape.Outputs];
        StepScratch scratch = model.CreateScratch(batch);

        double[] rounds = new double[Rounds];
        for (int round = 0; round < Rounds; round++)
        {
            TimeSpan before = Environment.CpuUsage.TotalTime;
            long steps = 0;
            double used;
            do
            {
                for (int repeat = 0; repeat < 64; repeat++, steps += batch)
                    model.Step(x, slab, rows.AsSpan((int)(steps % (streams - batch + 1)), batch), y, scratch);
                used = (Environment.CpuUsage.TotalTime - before).TotalSeconds;
            }
            while (used < seconds / Rounds);
            rounds[round] = steps / used;
        }
        Array.Sort(rounds);
        return rounds[Rounds / 2];
    }
}
