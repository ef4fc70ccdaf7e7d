using System.Text.Json;
using StreamRnn.Worker.Configuration;

namespace StreamRnn.Worker.Durability;

/// <summary>What steps are made with, as far as it can change a number. It is in the log before the first step it holds for.</summary>
/// <param name="Models">Which model serves which streams, in order of preference; the standard one, without a pattern, comes last.</param>
internal sealed record Setup(IReadOnlyList<SetupModel> Models)
{
    public static Setup Of(ModelCatalog models) =>
        new([.. models.ByPattern.Select(entry => new SetupModel(entry.Pattern.ToString(), entry.Model.Name, models.HashOf(entry.Model), entry.Model.RowFloats)),
            new SetupModel(null, models.Standard.Name, models.HashOf(models.Standard), models.Standard.RowFloats)]);

    /// <exception cref="InvalidDataException">It is none.</exception>
    public static Setup Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize<Setup>(json)!;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"the input log holds a set-up that this build cannot read ({e.Message}); was it written by a newer one?");
        }
    }

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this);

    public bool Equals(Setup? other) => other is not null && Models.SequenceEqual(other.Models);

    public override int GetHashCode() => Models.Count;

    public override string ToString() => string.Join(", ", Models.Select(model => model.Pattern is null ? model.Name : $"{model.Name} for '{model.Pattern}'"));
}

/// <summary>A model of a set-up.</summary>
/// <param name="Pattern">Null for the standard one.</param>
/// <param name="Sha256">Of the model file.</param>
/// <param name="RowFloats">Of a stream's state row.</param>
internal sealed record SetupModel(string? Pattern, string Name, string Sha256, int RowFloats);
