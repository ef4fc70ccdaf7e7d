using System.Text.Json;
using StreamRnn.Detection;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Serving;

/// <summary>
/// Models and rules that steps are made with, as far as they can change a number. Written to the log before the first step they hold for.
/// </summary>
/// <param name="Models">Which model serves which streams, in order of preference; the standard one, without a pattern, comes last.</param>
/// <param name="Rules">Which rule the ticks of which streams follow, likewise; null for the standard one alone.</param>
public sealed record ServingPlan(IReadOnlyList<PlannedModel> Models, IReadOnlyList<PlannedRule>? Rules = null)
{
    /// <summary>Rule of every stream without a rule of its own.</summary>
    public static readonly PlannedRule StandardRule = new(null, TickRule.Default, GuardFloats: 0);

    public IReadOnlyList<PlannedRule> Rules { get; init; } = Rules ?? [StandardRule];

    public static ServingPlan Of(ModelCatalog models, IReadOnlyList<(StreamPattern Pattern, TickRule Rule)> rules) =>
        new([.. models.ByPattern.Select(entry => new PlannedModel(entry.Pattern.ToString(), entry.Model.Name, entry.Model.Hash, entry.Model.RowFloats)),
            new PlannedModel(null, models.Standard.Name, models.Standard.Hash, models.Standard.RowFloats)],
            [.. rules.Select(entry => new PlannedRule(entry.Pattern.ToString(), entry.Rule, entry.Rule.GuardFloats)), StandardRule]);

    /// <exception cref="InvalidDataException">It is none.</exception>
    public static ServingPlan Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize<ServingPlan>(json)!;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"the input log holds a set-up that this build cannot read ({e.Message}); was it written by a newer one?");
        }
    }

    /// <summary>Floats of a state row of a kind; kind = model * rules + rule.</summary>
    public int RowFloats(int kind)
    {
        (int model, int guard) = (Models[kind / Rules.Count].RowFloats, Rules[kind % Rules.Count].GuardFloats);
        return guard == 0 ? model : ((model + 1) & ~1) + guard;
    }

    /// <summary>Assigns kinds of rows to streams.</summary>
    /// <param name="load">Finds a model.</param>
    public StreamModels Map(StreamDirectory directory, Func<PlannedModel, Forecaster> load) => new(load(Models[^1]), directory,
        [.. Models.SkipLast(1).Select(model => (new StreamPattern(model.Pattern!), load(model)))],
        [.. Rules.SkipLast(1).Select(rule => (new StreamPattern(rule.Pattern!), rule.Rule))]);

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this);

    public bool Equals(ServingPlan? other) => other is not null && Models.SequenceEqual(other.Models) && Rules.SequenceEqual(other.Rules);

    public override int GetHashCode() => HashCode.Combine(Models.Count, Rules.Count);

    public override string ToString() => string.Join(", ",
        Models.Select(model => model.Pattern is null ? model.Name : $"{model.Name} for '{model.Pattern}'")
            .Concat(Rules.Where(rule => rule.Pattern is not null).Select(rule => $"'{rule.Pattern}': {rule.Rule}")));
}

/// <summary>A model of a set-up.</summary>
/// <param name="Pattern">Null for the standard one.</param>
/// <param name="Sha256">Of the model file.</param>
/// <param name="RowFloats">Of a stream's state row.</param>
public sealed record PlannedModel(string? Pattern, string Name, string Sha256, int RowFloats);

/// <summary>A rule of a set-up.</summary>
/// <param name="Pattern">Null for the standard one.</param>
/// <param name="GuardFloats">Floats that the rule adds to a stream's state row.</param>
public sealed record PlannedRule(string? Pattern, TickRule Rule, int GuardFloats);
