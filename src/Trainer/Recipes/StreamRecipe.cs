using System.Globalization;
using StreamRnn.Cells.Files;
using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Training;
using StreamRnn.Detection;
using StreamRnn.Trainer.Evaluation;
using StreamRnn.Trainer.Fit;

namespace StreamRnn.Trainer.Recipes;

/// <summary>
/// A model that runs in the worker as it is: level, elapsed time, calendar, latest changes and what happened a season ago go in, a
/// distribution of the change to come, for several horizons, comes out. See <see cref="StreamEncoder"/>. The untrained network says nothing, so
/// that training starts from the linear forecast and is kept only where validation rows say that it is better.
/// </summary>
internal sealed class StreamRecipe : Recipe
{
    /// <summary>First steps of a shuffled window that are not learned from: the state is emptier there than it ever is in a stream.</summary>
    private const int EmptySteps = 8;

    /// <summary>Rows of state before the first validation row.</summary>
    private const int WarmUpRows = 500;

    private static readonly double[] QuantileLevels = [0.05, 0.5, 0.95];

    public override string Name => "stream";

    public override string Description => "a model that the worker steps once per event: intervals, several horizons, calendar and seasons";

    public override TrainingSettings Defaults { get; } = new()
    {
        Mode = BatchMode.Lanes,
        Batch = 16,
        Epochs = 100,
        Patience = 20,
        LearningRate = 0.001,
        Optimiser = OptimiserKind.AdamW,
        WeightDecay = 0.01,
        Loss = "pinball",
        Schedule = "cosine",
        Clip = 1,
        Dropout = 0.1,
        Horizons = [1, 4, 16],
        Split = [0.65, 0.15, 0.2],
    };

    public override Preparation Prepare(IReadOnlyList<Series> series, TrainingSettings settings)
    {
        if (settings.Loss is not ("gaussian" or "pinball"))
            throw new InvalidDataException($"--loss is '{settings.Loss}'; the stream recipe gives intervals and takes gaussian or pinball.");
        int shortest = series.Min(s => s.Count);
        settings = settings with
        {
            Window = settings.Window > 0 ? settings.Window : Math.Clamp(shortest / 20, 4, 64),
            Horizons = [.. settings.Horizons.Where(h => h == 1 || h <= shortest / 50)],
        };
        TimeSplit[] splits = [.. series.Select(s => new TimeSplit(s.Place, s.Count, settings.Split[0], settings.Split[1], settings.Split[2],
            settings.Window + settings.Horizons[^1]))];
        return new Prepared(Name, series, settings, splits);
    }

    private sealed class Prepared : Preparation
    {
        private readonly StreamEncoder _encoder;

        public Prepared(string recipe, IReadOnlyList<Series> series, TrainingSettings settings, TimeSplit[] splits)
            : base(recipe, series, settings, splits)
        {
            RowRange[] training = [.. splits.Select(split => split.Training)];
            Fitted = training;
            bool gaussian = settings.Loss == "gaussian";
            _encoder = new StreamEncoder(StreamFit.Fit(series, training, settings.Lags, settings.Horizons, gaussian ? [] : QuantileLevels));
            Loss = gaussian ? Loss.Gaussian : new PinballLoss(QuantileLevels);
            Shape = new ModelShape(settings.Cell, _encoder.InputCount, settings.Hidden, settings.Layers, _encoder.OutputCount)
            {
                Head = gaussian ? HeadKind.Gaussian : HeadKind.Quantile,
            };

            Sequence[] sequences = [.. series.Select(s => StreamFit.Encode(_encoder, s))];
            int horizon = settings.Horizons[^1];
            Training = settings.Mode == BatchMode.Lanes
                ? new ContiguousLanes(sequences, training, settings.Window, horizon, settings.Batch)
                : new ShuffledWindows(sequences, training, settings.Window, horizon, settings.Batch, OutputsAt.EveryStep,
                    settings.Stride, Math.Min(EmptySteps, settings.Window / 2));
            Validation = splits[0].Validation.Count == 0 ? null : ValidationLanes(sequences, splits, settings.Window, horizon);
        }

        public override ModelShape Shape { get; }

        public override Loss Loss { get; }

        public override BatchSource Training { get; }

        public override BatchSource? Validation { get; }

        public override string Start => "the linear start: the model is its linear part";

        protected override IReadOnlyList<RowRange> Fitted { get; }

        public override IReadOnlyDictionary<string, string> Metadata => new Dictionary<string, string>
        {
            [ForecasterFile.ForecasterKey] = ForecasterFile.Detector,
            [ForecasterFile.EncoderKey] = ForecasterFile.Stream,
            [ForecasterFile.StreamKey] = _encoder.Constants.ToJson(),
            ["features"] = string.Join(", ", _encoder.InputNames()),
        };

        public override float[] Initial()
        {
            float[] block = Initialisation.Uniform(Shape, Settings.Seed, zeroHead: true, (float)Settings.ForgetBias);
            double[] levels = _encoder.Constants.Levels;
            Span<float> bias = new ParameterLayout(Shape).HeadBias.In(block.AsSpan());
            for (int i = 0; i < bias.Length && levels.Length > 0; i++)
                bias[i] = levels[i % levels.Length] switch { < 0.5 => -1.645f, > 0.5 => 1.645f, _ => 0 };   // of a normal residual
            return block;
        }

        public override IReadOnlyList<(int Horizon, SeriesForecast Forecast)> Forecast(Series series, byte[] modelFile)
        {
            ModelFile file = ModelFile.Parse("trained", modelFile);
            string name = $"{Shape.Cell.ToString().ToUpperInvariant()}-{Shape.Hidden}";
            List<(int, SeriesForecast)> forecasts = [(1, ForecasterRun.OneStep(ForecasterFile.Create(file), series, name))];
            for (int h = 1; h < Settings.Horizons.Count; h++)
                forecasts.Add((Settings.Horizons[h], ForecasterRun.Ahead(file, _encoder, series, h, name)));
            return forecasts;
        }

        /// <summary>Each series as one lane up to the end of its validation rows, of which those before the first are stepped and not scored.</summary>
        private static ContiguousLanes ValidationLanes(Sequence[] sequences, TimeSplit[] splits, int window, int horizon)
        {
            Sequence[] scored = [.. sequences.Zip(splits, (sequence, split) =>
            {
                float[] targets = [.. sequence.Targets];
                targets.AsSpan(0, split.Validation.Start * sequence.TargetSize).Fill(float.NaN);
                return sequence with { Targets = targets };
            })];
            RowRange[] ranges = [.. splits.Select(split => new RowRange(Math.Max(split.Validation.Start - WarmUpRows, 0), split.Validation.End))];
            return new ContiguousLanes(scored, ranges, window, horizon, lanes: 1) { CutsElsewhereEachEpoch = false };
        }
    }
}
