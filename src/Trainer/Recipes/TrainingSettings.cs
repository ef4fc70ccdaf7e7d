using System.Globalization;
using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;
using StreamRnn.Trainer.Fit;

namespace StreamRnn.Trainer.Recipes;

/// <summary>Order of windows in training.</summary>
public enum BatchMode
{
    /// <summary>Shuffled, each from the zero state.</summary>
    Windows,

    /// <summary>Contiguous, each from the state in which the one before it ended.</summary>
    Lanes,
}

/// <summary>All that can be set of a training run. A recipe has its own defaults; the names below are options of <c>train</c> and may be swept.</summary>
public sealed record TrainingSettings
{
    public CellKind Cell { get; init; } = CellKind.Gru;

    public int Hidden { get; init; } = 32;

    public int Layers { get; init; } = 1;

    /// <summary>Steps that a gradient reaches back; 0 lets the recipe choose by the length of the recording.</summary>
    public int Window { get; init; }

    /// <summary>Windows, or lanes, side by side.</summary>
    public int Batch { get; init; } = 32;

    public BatchMode Mode { get; init; }

    /// <summary>Rows from one shuffled window to the next.</summary>
    public int Stride { get; init; } = 1;

    public int Epochs { get; init; } = 50;

    public int Patience { get; init; }

    public double LearningRate { get; init; } = 0.001;

    public OptimiserKind Optimiser { get; init; } = OptimiserKind.Adam;

    public double Momentum { get; init; }

    public double WeightDecay { get; init; }

    /// <summary>mse, mae, huber, gaussian or pinball.</summary>
    public string Loss { get; init; } = "mse";

    /// <summary>constant, step, cosine or plateau.</summary>
    public string Schedule { get; init; } = "constant";

    public double Clip { get; init; }

    public double ClipValue { get; init; }

    public double Dropout { get; init; }

    public double RecurrentDropout { get; init; }

    public double ForgetBias { get; init; }

    /// <summary>Rows ahead that are forecast; the first is 1.</summary>
    public IReadOnlyList<int> Horizons { get; init; } = [1];

    /// <summary>Latest changes that the linear part of a stream model reads.</summary>
    public int Lags { get; init; } = 48;

    /// <summary>Training, validation and test, in time; shares of all rows, or numbers of rows.</summary>
    public IReadOnlyList<double> Split { get; init; } = [0.7, 0.1, 0.2];

    public ulong Seed { get; init; }

    internal LoopSettings Loop(Loss loss, int threads) => new()
    {
        Loss = loss,
        Optimiser = new OptimiserSettings(Optimiser) { LearningRate = LearningRate, Momentum = Momentum, WeightDecay = WeightDecay },
        Schedule = Schedule switch
        {
            "step" => new StepSchedule(Math.Max(Epochs / 3, 1)),
            "cosine" => new CosineSchedule(Epochs),
            "plateau" => new PlateauSchedule(Patience: Math.Max(Patience / 3, 2), Gamma: 0.3),
            _ => Fit.Schedule.Constant,
        },
        ClipNorm = Clip,
        ClipValue = ClipValue,
        Epochs = Epochs,
        Patience = Patience,
        Dropout = (float)Dropout,
        RecurrentDropout = (float)RecurrentDropout,
        Seed = Seed,
        Threads = threads,
    };

    /// <summary>The settings by name, as they would be written on a command line.</summary>
    public IReadOnlyDictionary<string, string> ToText() => TrainingSetting.All.ToDictionary(setting => setting.Name, setting => setting.Get(this));
}

/// <summary>One setting under the name it has on the command line.</summary>
/// <param name="Name">Without the dashes.</param>
/// <param name="Description">For help.</param>
/// <param name="Get">Its text in given settings.</param>
/// <param name="Set">Settings with another value; null where the text is none.</param>
/// <param name="Takes">Description of the values it takes.</param>
public sealed record TrainingSetting(string Name, string Description, string Takes, Func<TrainingSettings, string> Get,
    Func<TrainingSettings, string, TrainingSettings?> Set)
{
    public static IReadOnlyList<TrainingSetting> All { get; } =
    [
        Choice("cell", "Recurrent cell.", ["rnn", "lstm", "gru"], s => s.Cell.ToString().ToLowerInvariant(), (s, text) => s with { Cell = Enum.Parse<CellKind>(text, ignoreCase: true) }),
        Whole("hidden", "Units per layer.", 1, 4096, s => s.Hidden, (s, n) => s with { Hidden = n }),
        Whole("layers", "Recurrent layers.", 1, 64, s => s.Layers, (s, n) => s with { Layers = n }),
        Whole("window", "Steps that a gradient reaches back; 0 chooses by the length of the recording.", 0, 100_000, s => s.Window, (s, n) => s with { Window = n }),
        Whole("batch", "Windows, or lanes, side by side.", 1, 65_536, s => s.Batch, (s, n) => s with { Batch = n }),
        Choice("mode", "Shuffled windows from the zero state, or contiguous lanes that carry theirs.", ["windows", "lanes"], s => s.Mode.ToString().ToLowerInvariant(),
            (s, text) => s with { Mode = Enum.Parse<BatchMode>(text, ignoreCase: true) }),
        Whole("stride", "Rows from one shuffled window to the next.", 1, 100_000, s => s.Stride, (s, n) => s with { Stride = n }),
        Whole("epochs", "Most passes over the training rows.", 1, 1_000_000, s => s.Epochs, (s, n) => s with { Epochs = n }),
        Whole("patience", "Epochs without a better validation loss after which training stops; 0 never.", 0, 1_000_000, s => s.Patience, (s, n) => s with { Patience = n }),
        Real("lr", "Learning rate.", 1e-9, 100, s => s.LearningRate, (s, x) => s with { LearningRate = x }),
        Choice("optimizer", "Update rule, as PyTorch defines it.", ["sgd", "rmsprop", "adam", "adamw"], s => s.Optimiser.ToString().ToLowerInvariant(),
            (s, text) => s with { Optimiser = Enum.Parse<OptimiserKind>(text, ignoreCase: true) }),
        Real("momentum", "Share of the last update that is kept (sgd, rmsprop).", 0, 1, s => s.Momentum, (s, x) => s with { Momentum = x }),
        Real("weight-decay", "Pull of every parameter towards zero.", 0, 10, s => s.WeightDecay, (s, x) => s with { WeightDecay = x }),
        Choice("loss", "What is made small; gaussian and pinball give intervals.", ["mse", "mae", "huber", "gaussian", "pinball"], s => s.Loss, (s, text) => s with { Loss = text }),
        Choice("schedule", "Learning rate over the epochs.", ["constant", "step", "cosine", "plateau"], s => s.Schedule, (s, text) => s with { Schedule = text }),
        Real("clip", "Norm at which a gradient is scaled down; 0 never.", 0, 1e9, s => s.Clip, (s, x) => s with { Clip = x }),
        Real("clip-value", "Size at which each element of a gradient is cut; 0 never.", 0, 1e9, s => s.ClipValue, (s, x) => s with { ClipValue = x }),
        Real("dropout", "Share dropped between layers and before the head.", 0, 0.95, s => s.Dropout, (s, x) => s with { Dropout = x }),
        Real("recurrent-dropout", "Share of the state dropped, the same through a window.", 0, 0.95, s => s.RecurrentDropout, (s, x) => s with { RecurrentDropout = x }),
        Real("forget-bias", "Added to the first bias of an LSTM's forget gate.", -10, 10, s => s.ForgetBias, (s, x) => s with { ForgetBias = x }),
        new("horizons", "Rows ahead to forecast, the first 1.", "rising whole numbers such as 1,4,16, the first 1", s => string.Join(',', s.Horizons),
            (s, text) => Numbers(text) is double[] n && n[0] == 1 && n.Zip(n.Skip(1)).All(pair => pair.First < pair.Second) && n.All(x => x <= 1024 && x == Math.Floor(x))
                ? s with { Horizons = [.. n.Select(x => (int)x)] } : null),
        Whole("lags", "Latest changes that the linear part of a stream model reads.", 1, 1000, s => s.Lags, (s, n) => s with { Lags = n }),
        new("split", "Training, validation, test in time: shares of the rows, or numbers of rows.", "three numbers such as 0.7,0.1,0.2 or 8640,2880,2880",
            s => string.Join(',', s.Split.Select(x => x.ToString(CultureInfo.InvariantCulture))),
            (s, text) => Numbers(text) is { Length: 3 } n && n[0] > 0 && n.All(x => x >= 0) && (n.Sum() <= 1 + 1e-9 || n.All(x => x == 0 || x > 1)) ? s with { Split = n } : null),
        new("seed", "Everything random is drawn from it; a seed repeats a run to the bit.", "a whole number", s => s.Seed.ToString(),
            (s, text) => ulong.TryParse(text, out ulong seed) ? s with { Seed = seed } : null),
    ];

    /// <summary>Returns the settings with one setting changed.</summary>
    /// <exception cref="InvalidDataException">The text is no value of it.</exception>
    public TrainingSettings Apply(TrainingSettings settings, string text) =>
        Set(settings, text) ?? throw new InvalidDataException($"--{Name} is '{text}'; it takes {Takes}.");

    /// <exception cref="InvalidDataException">There is none of that name.</exception>
    public static TrainingSetting Named(string name) =>
        All.FirstOrDefault(setting => setting.Name == name)
        ?? throw new InvalidDataException($"There is no setting '{name}'; there are {string.Join(", ", All.Select(setting => setting.Name))}.");

    private static TrainingSetting Whole(string name, string description, int from, int to, Func<TrainingSettings, int> get, Func<TrainingSettings, int, TrainingSettings> set) =>
        new(name, description, $"a whole number from {from} to {to}", s => get(s).ToString(),
            (s, text) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int n) && n >= from && n <= to ? set(s, n) : null);

    private static TrainingSetting Real(string name, string description, double from, double to, Func<TrainingSettings, double> get, Func<TrainingSettings, double, TrainingSettings> set) =>
        new(name, description, $"a number from {from.ToString(CultureInfo.InvariantCulture)} to {to.ToString(CultureInfo.InvariantCulture)}",
            s => get(s).ToString(CultureInfo.InvariantCulture),
            (s, text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double x) && x >= from && x <= to ? set(s, x) : null);

    private static TrainingSetting Choice(string name, string description, string[] choices, Func<TrainingSettings, string> get, Func<TrainingSettings, string, TrainingSettings> set) =>
        new(name, description, string.Join(", ", choices[..^1]) + " or " + choices[^1], get, (s, text) => choices.Contains(text) ? set(s, text) : null);

    private static double[]? Numbers(string text)
    {
        string[] parts = text.Split(',', StringSplitOptions.TrimEntries);
        double[] numbers = new double[parts.Length];
        for (int i = 0; i < parts.Length; i++)
            if (!double.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out numbers[i]) || !double.IsFinite(numbers[i]))
                return null;
        return numbers;
    }
}
