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
/// The textbook price recipe: values scaled to [0, 1] by the training part's minimum and maximum, windows of 60 from the zero state, two LSTM
/// layers of 50 with dropout 0.2, dense layers of 25 and 1, Adam, mean squared error, batches of 32, 50 epochs, the first 80 % in time for
/// training. Its models are for windows; the worker streams those of the stream recipe.
/// </summary>
internal sealed class Window60Recipe : Recipe
{
    private const int DenseUnits = 25;

    public override string Name => "window60";

    public override string Description => "the textbook price recipe: windows of 60, two layers of 50, dense 25 and 1";

    public override TrainingSettings Defaults { get; } = new()
    {
        Cell = CellKind.Lstm,
        Hidden = 50,
        Layers = 2,
        Window = 60,
        Batch = 32,
        Epochs = 50,
        LearningRate = 0.001,
        Loss = "mse",
        Dropout = 0.2,
        Split = [0.8, 0, 0.2],
    };

    public override Preparation Prepare(IReadOnlyList<Series> series, TrainingSettings settings)
    {
        if (series.Count != 1)
            throw new InvalidDataException($"{series.Count} recordings were given; the window60 recipe scales and trains one.");
        if (settings.Horizons.Count != 1 || settings.Mode != BatchMode.Windows)
            throw new InvalidDataException("The window60 recipe forecasts one row ahead from shuffled windows; leave --horizons and --mode as they are.");
        Loss loss = settings.Loss switch
        {
            "mse" => Loss.MeanSquared,
            "mae" => Loss.MeanAbsolute,
            "huber" => new HuberLoss(),
            _ => throw new InvalidDataException($"--loss is '{settings.Loss}'; the window60 recipe forecasts one value and takes mse, mae or huber."),
        };
        settings = settings with { Window = settings.Window > 0 ? settings.Window : 60 };
        var split = new TimeSplit(series[0].Place, series[0].Count, settings.Split[0], settings.Split[1], settings.Split[2], settings.Window + 1);
        return new Prepared(Name, series, settings, split, loss);
    }

    private sealed class Prepared : Preparation
    {
        private readonly double _minimum, _range;

        public Prepared(string recipe, IReadOnlyList<Series> series, TrainingSettings settings, TimeSplit split, Loss loss)
            : base(recipe, series, settings, [split])
        {
            double[] seen = series[0].Values[split.Training.Start..split.Training.End];
            (_minimum, _range) = (seen.Min(), seen.Max() - seen.Min());
            if (!(_range > 0))
                throw new InvalidDataException($"{series[0].Place}: all {seen.Length} values of the training part are {_minimum.ToString(CultureInfo.InvariantCulture)}; "
                    + "there is nothing to learn. Choose another column with --value-column.");
            Fitted = [split.Training];
            Loss = loss;
            Shape = new ModelShape(settings.Cell, inputs: 1, settings.Hidden, settings.Layers, outputs: 1)
            {
                Dense = [new DenseShape(DenseUnits, DenseActivation.None)],
            };
            Sequence sequence = Scale(series[0]);
            Training = new ShuffledWindows([sequence], [split.Training], settings.Window, 1, settings.Batch, OutputsAt.LastStep, settings.Stride);
            var measured = new RowRange(Math.Max(split.Validation.Start - settings.Window, 0), split.Validation.End);
            Validation = split.Validation.Count == 0 ? null
                : new ShuffledWindows([sequence], [measured], settings.Window, 1, settings.Batch, OutputsAt.LastStep);
        }

        public override ModelShape Shape { get; }

        public override Loss Loss { get; }

        public override BatchSource Training { get; }

        public override BatchSource? Validation { get; }

        protected override IReadOnlyList<RowRange> Fitted { get; }

        public override IReadOnlyDictionary<string, string> Metadata => new Dictionary<string, string>
        {
            [ForecasterFile.EncoderKey] = ForecasterFile.Window,
            ["window"] = Settings.Window.ToString(),
            ["minimum"] = _minimum.ToString("R", CultureInfo.InvariantCulture),
            ["maximum"] = (_minimum + _range).ToString("R", CultureInfo.InvariantCulture),
        };

        public override float[] Initial() => Initialisation.Uniform(Shape, Settings.Seed, forgetBias: (float)Settings.ForgetBias);

        public override IReadOnlyList<(int Horizon, SeriesForecast Forecast)> Forecast(Series series, byte[] modelFile)
        {
            ModelFile file = ModelFile.Parse("trained", modelFile);
            int window = Settings.Window, batchRows = Settings.Batch;
            Sequence sequence = Scale(series);
            double[] forecasts = [.. Enumerable.Repeat(double.NaN, series.Count)];
            using WindowNetwork network = WindowNetwork.Create(Shape, batchRows, window);
            network.SetParameters(file.Parameters.Span);
            var batch = new WindowBatch(Shape, batchRows, window, OutputsAt.LastStep);
            for (int first = window; first < series.Count; first += batchRows)
            {
                batch.Resize(Math.Min(batchRows, series.Count - first), window);
                for (int b = 0; b < batch.Rows; b++)
                    sequence.CopyInputs(first + b - window, window, b, batch);
                network.Forward(batch);
                for (int b = 0; b < batch.Rows; b++)
                    forecasts[first + b] = _minimum + _range * batch.Outputs[b];
            }
            return [(1, new SeriesForecast($"{Shape.Cell.ToString().ToUpperInvariant()} {Shape.Layers}x{Shape.Hidden}", forecasts))];
        }

        private Sequence Scale(Series series)
        {
            float[] scaled = Array.ConvertAll(series.Values, value => (float)((value - _minimum) / _range));
            return new Sequence(1, scaled, 1, [.. scaled.Skip(1), float.NaN]);
        }
    }
}
