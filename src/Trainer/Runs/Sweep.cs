using StreamRnn.Trainer.Fit;
using StreamRnn.Trainer.Recipes;

namespace StreamRnn.Trainer.Runs;

/// <summary>One setting and the values to try.</summary>
public sealed record SweepAxis(TrainingSetting Setting, IReadOnlyList<string> Values)
{
    /// <param name="text">As in <c>hidden=16,32,64</c>.</param>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public static SweepAxis Parse(string text)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        string[] values = equals < 0 ? [] : text[(equals + 1)..].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (values.Length == 0)
            throw new InvalidDataException($"--sweep is '{text}'; it takes a setting and values, as in hidden=16,32,64.");
        var setting = TrainingSetting.Named(text[..equals]);
        if (setting.Name is "split" or "horizons" or "loss")
            throw new InvalidDataException($"--sweep {setting.Name}: the validation losses of models with another {setting.Name} cannot be compared; train them one by one.");
        foreach (string value in values)
            setting.Apply(new TrainingSettings(), value);
        return new SweepAxis(setting, values);
    }
}

/// <summary>A run of a sweep: its settings, and what came of it.</summary>
/// <param name="Changes">The swept settings, as in <c>hidden=32 lr=0.01</c>.</param>
/// <param name="Model">Null where the run failed.</param>
/// <param name="Failure">Reason of the failure.</param>
public sealed record SweepResult(string Changes, TrainingSettings Settings, TrainedModel? Model, string? Failure);

/// <summary>
/// Every combination of some settings' values, one run each, as many at once as there are threads. Each run is single-threaded, so it gives
/// the bits that it gives alone. The best is the one with the lowest validation loss: test rows choose nothing.
/// </summary>
public static class Sweep
{
    /// <summary>The settings of every combination; the last axis turns fastest.</summary>
    public static IReadOnlyList<(string Changes, TrainingSettings Settings)> Combinations(TrainingSettings settings, IReadOnlyList<SweepAxis> axes)
    {
        List<(string, TrainingSettings)> all = [("", settings)];
        foreach (SweepAxis axis in axes)
        {
            all = [.. all.SelectMany(one => axis.Values.Select(value =>
                ($"{one.Item1} {axis.Setting.Name}={value}".TrimStart(), axis.Setting.Apply(one.Item2, value))))];
        }
        return all;
    }

    /// <param name="run">Trains one; called on several threads.</param>
    /// <param name="afterRun">Receives the number of finished runs.</param>
    /// <returns>In the order of the combinations.</returns>
    public static IReadOnlyList<SweepResult> Run(IReadOnlyList<(string Changes, TrainingSettings Settings)> combinations, int threads,
        Func<TrainingSettings, TrainedModel> run, Action<int> afterRun, CancellationToken stop)
    {
        var results = new SweepResult[combinations.Count];
        int done = 0;
        Parallel.For(0, combinations.Count, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = stop }, i =>
        {
            (string changes, TrainingSettings settings) = combinations[i];
            try
            {
                results[i] = new SweepResult(changes, settings, run(settings), null);
            }
            catch (Exception e) when (e is TrainingDivergedException or InvalidDataException)
            {
                results[i] = new SweepResult(changes, settings, null, e.Message);
            }
            afterRun(Interlocked.Increment(ref done));
        });
        return results;
    }

    /// <summary>The run with the lowest validation loss, the earlier one of equals; null where none succeeded.</summary>
    public static SweepResult? Best(IEnumerable<SweepResult> results) =>
        results.Where(result => result.Model is not null && double.IsFinite(result.Model.BestValidation)).MinBy(result => result.Model!.BestValidation);

    /// <summary>Describes a tie of several runs for the best loss; null where there is none.</summary>
    public static string? Tie(IReadOnlyList<SweepResult> results, SweepResult best)
    {
        SweepResult[] equals = [.. results.Where(result => result.Model?.BestValidation == best.Model!.BestValidation)];
        return equals.Length < 2 ? null
            : $"{equals.Length} runs tie for the lowest validation loss"
                + (equals.All(result => result.Model!.BestEpoch == 0) ? $" (no epoch was better than {best.Model!.Preparation.Start})" : "")
                + $"; the first of them is saved: {best.Changes}";
    }
}
