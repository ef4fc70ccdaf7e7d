using StreamRnn.Cells.Layers;
using StreamRnn.Trainer.Evaluation;
using StreamRnn.Trainer.Fit;

namespace StreamRnn.Trainer.Recipes;

/// <summary>A way from recordings to a trained model: how values become inputs and targets, which network reads them, and how it is measured.</summary>
public abstract class Recipe
{
    public static IReadOnlyList<Recipe> All { get; } = [new StreamRecipe(), new Window60Recipe()];

    public abstract string Name { get; }

    public abstract string Description { get; }

    /// <summary>Settings used where the user gives none.</summary>
    public abstract TrainingSettings Defaults { get; }

    /// <summary>Splits, fits what is fitted to training rows, and encodes.</summary>
    /// <exception cref="InvalidDataException">The recordings are too short, or there is nothing to learn.</exception>
    public abstract Preparation Prepare(IReadOnlyList<Series> series, TrainingSettings settings);
}

/// <summary>Recordings made ready for a network.</summary>
public abstract class Preparation
{
    private readonly TimeSplit[] _splits;

    /// <param name="recipe">The recipe's name.</param>
    /// <param name="series">Series to train on.</param>
    /// <param name="settings">With nothing left open.</param>
    /// <param name="splits">One per series.</param>
    protected Preparation(string recipe, IReadOnlyList<Series> series, TrainingSettings settings, IReadOnlyList<TimeSplit> splits) =>
        (RecipeName, Series, Settings, _splits) = (recipe, series, settings, [.. splits]);

    public string RecipeName { get; }

    public IReadOnlyList<Series> Series { get; }

    /// <summary>Settings with every default filled in.</summary>
    public TrainingSettings Settings { get; }

    public IReadOnlyList<TimeSplit> Splits => _splits;

    public abstract ModelShape Shape { get; }

    public abstract Loss Loss { get; }

    /// <summary>Shows training rows alone.</summary>
    public abstract BatchSource Training { get; }

    /// <summary>Null where there are no validation rows.</summary>
    public abstract BatchSource? Validation { get; }

    /// <summary>Metadata that the model needs to be used.</summary>
    public abstract IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Rows that scalers and other constants were fitted to, one range per series.</summary>
    protected abstract IReadOnlyList<RowRange> Fitted { get; }

    /// <summary>Description of the untrained start, which is the result where no epoch was better.</summary>
    public virtual string Start => "the start: the model is untrained";

    /// <summary>The parameters to start from.</summary>
    public abstract float[] Initial();

    /// <summary>Forecasts of a trained model for a series, for each horizon, over all of its rows.</summary>
    public abstract IReadOnlyList<(int Horizon, SeriesForecast Forecast)> Forecast(Series series, byte[] modelFile);

    /// <summary>A loop over these data.</summary>
    /// <exception cref="LeakException">It would see rows that it is measured on.</exception>
    public TrainingLoop CreateLoop(int threads)
    {
        for (int i = 0; i < _splits.Length; i++)
        {
            _splits[i].RequireTraining("scaler", Fitted[i]);
            _splits[i].RequireApart(Training.Reach[i]);
        }
        return new TrainingLoop(Shape, Initial(), Training, Validation, Settings.Loop(Loss, threads));
    }
}
