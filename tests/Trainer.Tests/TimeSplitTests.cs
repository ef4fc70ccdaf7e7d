using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Training;
using StreamRnn.Trainer.Fit;
using StreamRnn.Trainer.Recipes;

namespace StreamRnn.Trainer.Tests;

public class TimeSplitTests
{
    [Fact]
    public void A_purge_gap_lies_before_every_border()
    {
        var split = new TimeSplit("s", 1000, 0.7, 0.1, 0.2, purge: 30);
        Assert.Equal(new RowRange(0, 670), split.Training);
        Assert.Equal(new RowRange(700, 770), split.Validation);
        Assert.Equal(new RowRange(800, 1000), split.Test);
    }

    [Fact]
    public void Parts_may_be_numbers_of_rows_and_leave_rows_over()
    {
        var split = new TimeSplit("s", 17420, 8640, 2880, 2880, purge: 80);
        Assert.Equal((new RowRange(0, 8560), new RowRange(8640, 11440), new RowRange(11520, 14400)), (split.Training, split.Validation, split.Test));
    }

    [Fact]
    public void A_scaler_that_saw_other_rows_is_a_leak()
    {
        var split = new TimeSplit("s", 1000, 0.7, 0.1, 0.2, purge: 30);
        split.RequireTraining("scaler", new RowRange(10, 670));
        Assert.Contains("scaler: rows [0, 671)", Assert.Throws<LeakException>(() => split.RequireTraining("scaler", new RowRange(0, 671))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_that_would_see_what_it_is_measured_on_is_refused()
    {
        Series series = Data.Hourly(600);
        var split = new TimeSplit(series.Name, series.Count, 0.7, 0.1, 0.2, purge: 21);
        Assert.Throws<LeakException>(() => new Leaking(series, split, fitted: new RowRange(0, 600), shown: split.Training).CreateLoop(1));
        Assert.Throws<LeakException>(() => new Leaking(series, split, fitted: split.Training, shown: new RowRange(0, split.Training.End + 1)).CreateLoop(1));
        using TrainingLoop loop = new Leaking(series, split, fitted: split.Training, shown: split.Training).CreateLoop(1);
        Assert.Empty(loop.History);
    }

    [Fact]
    public void Nothing_in_later_rows_changes_what_training_sees()
    {
        Series series = Data.Hourly(900);
        foreach (Recipe recipe in Recipe.All)
        {
            Preparation before = recipe.Prepare([series], recipe.Defaults);
            double[] values = [.. series.Values];
            for (int row = before.Splits[0].Training.End; row < values.Length; row++)
                values[row] = -1000 + row;
            Preparation after = recipe.Prepare([series with { Values = values }], recipe.Defaults);
            Assert.Equal(before.Metadata, after.Metadata);
            Assert.Equal(Shown(before), Shown(after));
        }
    }

    /// <summary>All inputs and targets of an epoch.</summary>
    private static List<float> Shown(Preparation preparation)
    {
        BatchSource source = preparation.Training;
        var batch = new WindowBatch(preparation.Shape, source.MaxRows, source.MaxSteps, source.At);
        float[] targets = new float[source.MaxRows * source.MaxSteps * source.TargetSize];
        List<float> shown = [];
        int batches = source.Begin(seed: 1, epoch: 0);
        for (int i = 0; i < batches; i++)
        {
            int filled = source.Fill(i, batch, targets);
            for (int t = 0; t < batch.Steps; t++)
                for (int b = 0; b < batch.Rows; b++)
                    if (t < batch.Lengths[b])
                        shown.AddRange(batch.Inputs.Slice((t * batch.Rows + b) * preparation.Shape.Inputs, preparation.Shape.Inputs));
            shown.AddRange(targets.AsSpan(0, filled));
        }
        return shown;
    }

    /// <summary>A recipe as somebody might write it in a hurry.</summary>
    private sealed class Leaking(Series series, TimeSplit split, RowRange fitted, RowRange shown) : Preparation("leaking", [series], new TrainingSettings(), [split])
    {
        public override ModelShape Shape { get; } = new(CellKind.Gru, 1, 4, outputs: 1);

        public override Loss Loss => Loss.MeanSquared;

        public override BatchSource Training { get; } = new ShuffledWindows(
            [new Sequence(1, Array.ConvertAll(series.Values, value => (float)value), 1, new float[series.Count])], [shown], 20, 1, 8, OutputsAt.EveryStep);

        public override BatchSource? Validation => null;

        public override IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>();

        protected override IReadOnlyList<RowRange> Fitted { get; } = [fitted];

        public override float[] Initial() => Initialisation.Uniform(Shape, 0);

        public override IReadOnlyList<(int Horizon, Evaluation.SeriesForecast Forecast)> Forecast(Series series, byte[] modelFile) => [];
    }
}
