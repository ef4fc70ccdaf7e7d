using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;
using StreamRnn.Cells.Training;

namespace StreamRnn.Cells.Tests;

public class StepTests
{
    // Measured over these cases: at most 3.7e-7 in an output or a state within 1,000 steps.
    private const double Tolerance = 7e-7;

    public static TheoryData<CellCase> All => CellCase.All;

    [Theory, MemberData(nameof(All))]
    public void A_thousand_steps_stay_with_the_textbook_formulas(CellCase cell)
    {
        const int Steps = 1000;
        (SequenceModel model, ModelShape shape) = (cell.Model(), cell.Shape);
        (double[] outputs, double[] final) = Reference(cell, Steps);
        var slab = new StateSlab(model.StateFloats);
        int row = slab.Add(), width = outputs.Length / Steps;
        StepScratch scratch = model.CreateScratch(1);
        float[] y = new float[cell.Outputs];
        double worst = 0;
        for (int t = 0; t < Steps; t++)
        {
            model.Step(cell.Input(0, t), slab, [row], y, scratch);
            ReadOnlySpan<float> seen = cell.Outputs > 0 ? y : slab[row].Slice(model.TopHiddenOffset, width);
            for (int i = 0; i < width; i++)
                worst = Math.Max(worst, Math.Abs(seen[i] - outputs[t * width + i]));
        }

        for (int i = 0; i < final.Length; i++)
            worst = Math.Max(worst, Math.Abs(slab[row][i / shape.Hidden * shape.PaddedHidden + i % shape.Hidden] - final[i]));
        Assert.True(worst <= Tolerance, $"{cell}: largest error {worst:g3}");
    }

    [Theory, MemberData(nameof(All))]
    public void A_step_allocates_nothing(CellCase cell)
    {
        SequenceModel model = cell.Model();
        var slab = new StateSlab(model.StateFloats);
        int[] rows = [.. Enumerable.Range(0, 16).Select(_ => slab.Add())];
        StepScratch scratch = model.CreateScratch(rows.Length);
        float[] x = new float[rows.Length * cell.Shape.EventFloats], y = new float[rows.Length * cell.Outputs];
        model.Step(x, slab, rows, y, scratch);

        // A collection that another test starts may be charged to this thread, so the best of a few rounds counts.
        long least = long.MaxValue;
        for (int round = 0; round < 5 && least > 0; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int t = 0; t < 500; t++)
                model.Step(x, slab, rows, y, scratch);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(0, least);
    }

    [Theory, MemberData(nameof(All))]
    public void The_output_of_every_layer_lies_in_the_row(CellCase cell)
    {
        // The lower layers alone, without what stands above them, give what they give below the others.
        SequenceModel model = cell.Model();
        int[] all = cell.Run(model, [2], steps: 5)[0][(5 * cell.Outputs)..];
        for (int layers = 1; layers <= cell.Layers; layers++)
        {
            var lower = new ModelShape(cell.Cell, cell.Inputs, cell.Hidden, layers) { Vocabulary = cell.Vocabulary };
            SequenceModel alone = SequenceModel.Create(lower, cell.Parameters().AsSpan(0, new ParameterLayout(lower).Length));
            int[] state = (cell with { Layers = layers, Outputs = 0, Dense = [] }).Run(alone, [2], steps: 5)[0];
            Assert.Equal(state.AsSpan(alone.TopHiddenOffset, cell.Hidden), all.AsSpan(model.HiddenOffset(layers - 1), cell.Hidden));
        }
    }

    [Theory, MemberData(nameof(All))]
    public void The_gates_of_a_step_make_its_next_state(CellCase cell)
    {
        (SequenceModel model, ModelShape shape) = (cell.Model(), cell.Shape);
        StateSlab slab = new(model.StateFloats);
        int row = slab.Add();
        StepScratch scratch = model.CreateScratch(1);
        for (int t = 0; t < 5; t++)
        {
            float[] before = slab[row][..model.StateFloats].ToArray();
            float[] gates = model.Gates(cell.Input(0, t), before);
            Assert.Equal(before, slab[row][..model.StateFloats]);
            model.Step(cell.Input(0, t), slab, [row], new float[cell.Outputs], scratch);

            Assert.Equal(shape.Layers * shape.GateNames.Length * shape.Hidden, gates.Length);
            for (int layer = 0; layer < shape.Layers && gates.Length > 0; layer++)
            {
                for (int unit = 0; unit < shape.Hidden; unit++)
                {
                    int h = model.HiddenOffset(layer) + unit, c = h + shape.PaddedHidden;
                    float Gate(char name) => gates[(((layer * shape.GateNames.Length) + shape.GateNames.IndexOf(name)) * shape.Hidden) + unit];
                    double expected = shape.Cell == CellKind.Lstm
                        ? Gate('o') * Math.Tanh((Gate('f') * before[c]) + (Gate('i') * Gate('g')))
                        : Gate('n') + (Gate('z') * (before[h] - Gate('n')));
                    Assert.Equal(expected, slab[row][h], tolerance: 5e-7);
                }
            }
        }
    }

    [Fact]
    public void A_token_is_a_number_or_a_float()
    {
        var cell = new CellCase(CellKind.Lstm, 3, 16, 1, 2) { Vocabulary = 5 };
        SequenceModel model = cell.Model();
        var slab = new StateSlab(model.StateFloats);
        (int a, int b) = (slab.Add(), slab.Add());
        StepScratch scratch = model.CreateScratch(2);
        float[] y = new float[4];
        model.Step((ReadOnlySpan<int>)[4, 0], slab, [a, b], y, scratch);
        float[] again = new float[4];
        slab[a].Clear();
        slab[b].Clear();
        model.Step((ReadOnlySpan<float>)[4f, 0f], slab, [a, b], again, scratch);
        Assert.Equal(y, again);
        Assert.NotEqual(y[..2], y[2..]);
    }

    [Fact]
    public void What_is_no_token_is_refused_before_anything_moves()
    {
        var cell = new CellCase(CellKind.Lstm, 3, 16, 1, 2) { Vocabulary = 5 };
        SequenceModel model = cell.Model();
        var slab = new StateSlab(model.StateFloats);
        (int a, int b) = (slab.Add(), slab.Add());
        StepScratch scratch = model.CreateScratch(2);
        foreach (float token in (float[])[5, -1, 1.5f, float.NaN, float.PositiveInfinity, 1e20f])
            Assert.Throws<ArgumentOutOfRangeException>("x", () => model.Step((ReadOnlySpan<float>)[1f, token], slab, [a, b], new float[4], scratch));
        foreach (int token in (int[])[5, -1, int.MaxValue, int.MinValue])
            Assert.Throws<ArgumentOutOfRangeException>("tokens", () => model.Step((ReadOnlySpan<int>)[1, token], slab, [a, b], new float[4], scratch));
        Assert.All(slab[a].ToArray(), value => Assert.Equal(0f, value));

        var plain = new CellCase(CellKind.Lstm, 1, 16, 1, 2);
        Assert.Throws<ArgumentException>("tokens", () => plain.Model().Step((ReadOnlySpan<int>)[1], slab, [a], new float[2], plain.Model().CreateScratch(1)));
    }

    [Fact]
    public void Only_the_picked_rows_move()
    {
        var cell = new CellCase(CellKind.Gru, 2, 32, 1, 1);
        SequenceModel model = cell.Model();
        var slab = new StateSlab(model.StateFloats + 16);
        for (int i = 0; i < 20; i++)
            slab[slab.Add()].Fill(0.25f);

        float[] y = new float[7];
        model.Step(new float[14], slab, [0, 2, 4, 6, 8, 10, 12], y, model.CreateScratch(7));
        Assert.All(slab[1].ToArray(), value => Assert.Equal(0.25f, value));
        Assert.All(slab[2][model.StateFloats..].ToArray(), value => Assert.Equal(0.25f, value));
        Assert.DoesNotContain(0.25f, slab[2][..model.StateFloats].ToArray());
    }

    [Fact]
    public void What_does_not_fit_the_model_is_refused()
    {
        var cell = new CellCase(CellKind.Gru, 2, 32, 1, 1);
        SequenceModel model = cell.Model();
        var slab = new StateSlab(model.StateFloats);
        slab.Add();
        StepScratch scratch = model.CreateScratch(1);
        Assert.Throws<ArgumentException>("x", () => model.Step([1f], slab, [0], new float[1], scratch));
        Assert.Throws<ArgumentException>("y", () => model.Step([1f, 2f], slab, [0], [], scratch));
        Assert.Throws<ArgumentException>("rows", () => model.Step(new float[4], slab, [0, 0], new float[2], scratch));
        Assert.Throws<ArgumentException>("slab", () => model.Step([1f, 2f], new StateSlab(16), [0], new float[1], scratch));
        Assert.Throws<ArgumentException>("scratch", () => model.Step([1f, 2f], slab, [0], new float[1], cell.Model().CreateScratch(1)));
        Assert.Throws<ArgumentException>("parameters", () => SequenceModel.Create(cell.Shape, new float[3]));
    }

    /// <summary>The textbook formulas over what stream 0 sees: outputs of every step, and [layers, variables, hidden] after the last.</summary>
    private static (double[] Outputs, double[] Final) Reference(CellCase cell, int steps)
    {
        var batch = new WindowBatch(cell.Shape, 1, steps, OutputsAt.EveryStep);
        batch.Resize(1, steps);
        float[] events = [.. Enumerable.Range(0, steps).SelectMany(t => cell.Input(0, t))];
        if (cell.Vocabulary > 0)
            events.Select(token => (int)token).ToArray().CopyTo(batch.Tokens);
        return new ReferenceWindow(cell.Shape, batch).Run(Doubles(cell.Parameters()), Doubles(events), new double[batch.Initial.Length]);
    }

    private static double[] Doubles(float[] values) => [.. values.Select(value => (double)value)];
}
