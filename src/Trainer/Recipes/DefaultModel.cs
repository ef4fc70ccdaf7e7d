using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;
using StreamRnn.Detection;

namespace StreamRnn.Trainer.Recipes;

/// <summary>The model that is shipped: a GRU-32 reservoir behind the full detector. Needs no training and scores any stream.</summary>
public static class DefaultModel
{
    /// <summary>Seed of the shipped weights: the first, not the luckiest. docs/accuracy.md has the scores of ten.</summary>
    public const ulong Seed = 0;

    public static ModelShape Shape { get; } = new(CellKind.Gru, inputs: 2, hidden: 32);

    /// <summary>The bytes of the model file; the same on every machine.</summary>
    public static byte[] Format(ulong seed = Seed) => ModelFile.Format(Shape, Reservoir.Gru(Shape, seed), new Dictionary<string, string>
    {
        [ForecasterFile.ForecasterKey] = ForecasterFile.Detector,
        [ForecasterFile.EncoderKey] = ForecasterFile.Asinh,
        ["training"] = $"none: untrained reservoir, seed {seed}",
    });
}
