using StreamRnn.Cells.Files;
using StreamRnn.Detection;

namespace StreamRnn.Trainer.Verification;

/// <summary>
/// Holds a file against the numbers that come with it, by the code that the worker and the trainer run. What kind of file it is, its content
/// says: a reference case or training trace, a model with the forecasts it made elsewhere beside it, or a model of ours with golden vectors.
/// </summary>
public static class ModelCheck
{
    private static readonly string[] Endings = [".safetensors", ".json"];

    /// <summary>The file itself, or all that can be checked below the folder, in the order of their names.</summary>
    /// <exception cref="InvalidDataException">There is none.</exception>
    public static IReadOnlyList<string> Find(string path)
    {
        if (File.Exists(path))
            return [path];
        if (!Directory.Exists(path))
            throw new InvalidDataException($"{path}: there is no such file or folder; name a model, a reference case or a folder of them.");
        string[] found = [.. Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories)
            .Where(IsCheckedAlone)
            .OrderBy(file => file, StringComparer.Ordinal)];
        return found.Length > 0 ? found : throw new InvalidDataException($"{path}: no .safetensors file below this folder.");
    }

    /// <summary>Checks one file.</summary>
    /// <param name="data">The recording that forecasts made elsewhere are for.</param>
    /// <exception cref="InvalidDataException">The file is damaged, or nothing comes with it that it could be held against; says where and what to do.</exception>
    public static CheckResult Check(string path, string? data)
    {
        if (!Array.Exists(Endings, ending => path.EndsWith(ending, StringComparison.OrdinalIgnoreCase)))
            throw new InvalidDataException($"{path}: a .safetensors file, or a reference case as .json, is expected.");
        if (TrainedModel.IsExpected(path))
            throw new InvalidDataException($"{path}: this holds the forecasts of a model; name the model itself, {Path.GetFileName(ModelOf(path))}.");

        TensorSet file = new(path);
        if (TrainingTrace.IsOne(file))
            return TrainingTrace.Check(file);
        if (CellCase.IsOne(file))
            return CellCase.Check(file);
        ModelFile model = ModelFile.Load(path);   // replays the golden vectors
        if (TrainedModel.ExpectedFiles(path).Any())
            return TrainedModel.Check(file, data);
        if (ForecasterFile.IsForWorker(model))
            ForecasterFile.Create(model);   // replays the golden forecasts
        return model.HasGoldenVectors
            ? new CheckResult(file.File, "model", model.Shape.ToString(), GoldenForecasts.Count(model) is > 0 and int count
                ? [Golden(file), new Quantity("golden forecasts", count, 0, 0, 0)]
                : [Golden(file)])
            : throw file.Refuse($"there is nothing to hold it against: no golden vectors in the file and no {Path.GetFileNameWithoutExtension(path)}_expected.safetensors "
                + "or .csv beside it; a file written by 'streamrnn train' has golden vectors");
    }

    /// <summary>True for a file that is checked for itself; false for facts, forecasts and the index that lie beside one.</summary>
    private static bool IsCheckedAlone(string file) => Path.GetExtension(file).ToLowerInvariant() switch
    {
        ".safetensors" => !TrainedModel.IsExpected(file) || !File.Exists(ModelOf(file)),
        ".json" => !TensorSet.Indexes.Contains(Path.GetFileName(file)) && !File.Exists(Path.ChangeExtension(file, ".safetensors")),
        _ => false,
    };

    private static string ModelOf(string expected) =>
        Path.Combine(Path.GetDirectoryName(expected)!, Path.GetFileNameWithoutExtension(expected)[..^"_expected".Length] + ".safetensors");

    /// <summary>Loading has replayed them and found every bit.</summary>
    private static Quantity Golden(TensorSet file)
    {
        int count = file.Facts.Where(fact => fact.Key is "golden_outputs" or "golden_state").Sum(fact => fact.Value.Trim() is "[]" or "" ? 0 : fact.Value.Count(c => c == ',') + 1);
        return count > 0 ? new Quantity("golden vectors", count, 0, 0, 0) : throw file.Refuse("its golden vectors are empty; write the model again");
    }
}
