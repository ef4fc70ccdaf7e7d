using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;
using StreamRnn.Cells.Training;
using StreamRnn.Trainer.Evaluation;
using StreamRnn.Trainer.Fit;

namespace StreamRnn.Lab.Textbook;

/// <summary>A recording to forecast one step ahead.</summary>
/// <param name="Times">Nanoseconds since 1970.</param>
/// <param name="Values">Without gaps.</param>
internal sealed record TextbookSeries(string Name, long[] Times, double[] Values);

/// <summary>Forecasting the next value of a recording: learned on the first part in time, scored on the rest.</summary>
internal sealed class NextValue
{
    private const double TrainingShare = 0.7;
    private const int Unscored = 16;   // first steps of a window, which know too little
    private const double Rate = 0.005;

    private readonly TextbookSeries _series;
    private readonly int _trainingRows;
    private readonly double _mean, _deviation;

    public NextValue(TextbookSeries series)
    {
        _series = series;
        _trainingRows = (int)(TrainingShare * series.Values.Length);
        double[] training = series.Values[.._trainingRows];
        _mean = training.Average();
        _deviation = Math.Sqrt(training.Average(value => (value - _mean) * (value - _mean)));
    }

    public LearningRun Learn(CellKind cell, int hidden, int steps, int rows, int updates, ulong seed)
    {
        ModelShape shape = new(cell, inputs: 1, hidden, layers: 1, outputs: 1);
        var random = new SplitMix(seed);
        return LearningRun.Train(new WindowBatch(shape, rows, steps, OutputsAt.EveryStep), Draw, Initialisation.Uniform(shape, seed, forgetBias: 1),
            new OptimiserSettings(OptimiserKind.Adam) { LearningRate = Rate }, clip: 1, updates);

        void Draw(WindowBatch batch, Span<float> targets)
        {
            for (int b = 0; b < rows; b++)
            {
                int start = random.Below(_trainingRows - steps);
                for (int t = 0; t < steps; t++)
                {
                    batch.Inputs[t * rows + b] = Scaled(start + t);
                    targets[t * rows + b] = t < Unscored ? float.NaN : Scaled(start + t + 1);
                }
            }
        }
    }

    /// <summary>Streams the whole recording from the zero state and scores the rows that were not learned from.</summary>
    public ForecastReport Score(IEnumerable<(string Name, LearningRun Run)> learned) =>
        ForecastReport.Of(_series.Times, _series.Values, [.. learned.Select(one => new SeriesForecast(one.Name, Forecast(one.Run)))], new ReportOptions { From = _trainingRows });

    private double[] Forecast(LearningRun run)
    {
        SequenceModel model = SequenceModel.Create(run.Shape, run.Parameters);
        var slab = new StateSlab(model.StateFloats);
        int[] rows = [slab.Add()];
        StepScratch scratch = model.CreateScratch(1);
        float[] x = [0], y = [0];
        double[] forecasts = new double[_series.Values.Length];
        forecasts[0] = double.NaN;
        for (int row = 0; row + 1 < forecasts.Length; row++)
        {
            x[0] = Scaled(row);
            model.Step(x, slab, rows, y, scratch);
            forecasts[row + 1] = y[0] * _deviation + _mean;
        }

        return forecasts;
    }

    private float Scaled(int row) => (float)((_series.Values[row] - _mean) / _deviation);
}
