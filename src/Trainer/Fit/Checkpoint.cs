using System.Text.Json;
using System.Text.Json.Serialization;
using StreamRnn.Cells.Files;

namespace StreamRnn.Trainer.Fit;

/// <summary>A training run between two epochs: a safetensors file of parameters and moments, with the rest in its metadata.</summary>
/// <param name="Fingerprint">Of the settings and the data; a run goes on only with the same.</param>
/// <param name="Parameters">Of the last epoch.</param>
/// <param name="Best">Of the best epoch.</param>
/// <param name="FirstMoment">The optimiser's.</param>
/// <param name="SecondMoment">The optimiser's.</param>
/// <param name="Steps">Updates made.</param>
public sealed record Checkpoint(string Fingerprint, float[] Parameters, float[] Best, float[] FirstMoment, float[] SecondMoment, long Steps, int BestEpoch,
    double BestValidation, IReadOnlyList<EpochRecord> History)
{
    private const string Kind = "streamrnn checkpoint 1";

    // A missing validation is NaN.
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    private static readonly string[] Blocks = ["parameters", "best", "first_moment", "second_moment"];

    /// <summary>Writes aside, flushes and renames: a kill leaves this checkpoint or the one before.</summary>
    public void Save(string path)
    {
        Dictionary<string, string> metadata = new()
        {
            ["kind"] = Kind,
            ["fingerprint"] = Fingerprint,
            ["steps"] = Steps.ToString(),
            ["best_epoch"] = BestEpoch.ToString(),
            ["best_validation"] = BestValidation.ToString("R"),
            ["history"] = JsonSerializer.Serialize(History, Json),
        };
        byte[] bytes = SafeTensors.Format(metadata, Blocks.Zip((float[][])[Parameters, Best, FirstMoment, SecondMoment],
            (name, block) => (name, (IReadOnlyList<int>)[block.Length], (ReadOnlyMemory<float>)block)));
        WholeFile.Write(path, bytes);
    }

    /// <exception cref="InvalidDataException">The file is no checkpoint, or damaged.</exception>
    public static Checkpoint Load(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        try
        {
            var file = new SafeTensors(Path.GetFileName(path), bytes);
            if (file.Metadata.GetValueOrDefault("kind") != Kind)
                throw new FormatException("it is of another kind");
            float[][] blocks = [.. Blocks.Select(name => file.Floats(file.Tensors[name]))];
            int bestEpoch = int.Parse(file.Metadata["best_epoch"]);
            EpochRecord[] history = JsonSerializer.Deserialize<EpochRecord[]>(file.Metadata["history"], Json) ?? [];
            if (bestEpoch < 0 || bestEpoch > history.Length || Array.Exists(history, epoch => epoch is null) || blocks.Any(block => block.Length != blocks[0].Length))
                throw new FormatException("its parts do not belong together");
            return new Checkpoint(file.Metadata["fingerprint"], blocks[0], blocks[1], blocks[2], blocks[3], long.Parse(file.Metadata["steps"]),
                bestEpoch, double.Parse(file.Metadata["best_validation"]), history);
        }
        catch (Exception e) when (e is FormatException or OverflowException or KeyNotFoundException or JsonException or InvalidDataException)
        {
            throw new InvalidDataException($"{path}: damaged, or no checkpoint of this build ({e.Message.TrimEnd('.')}); start afresh without --resume.", e);
        }
    }
}

/// <summary>Files that are there whole or not at all.</summary>
internal static class WholeFile
{
    /// <summary>Writes aside, flushes and renames.</summary>
    public static void Write(string path, ReadOnlySpan<byte> bytes)
    {
        string aside = path + ".tmp";
        using (FileStream stream = File.Create(aside))
        {
            stream.Write(bytes);
            stream.Flush(flushToDisk: true);
        }
        File.Move(aside, path, overwrite: true);
    }
}
