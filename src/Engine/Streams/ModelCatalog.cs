using StreamRnn.Detection;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Streams;

/// <summary>The models a configuration names, loaded and checked: the standard one and those that serve a pattern, in order of preference.</summary>
public sealed record ModelCatalog(Forecaster Standard, IReadOnlyList<(StreamPattern Pattern, Forecaster Model)> ByPattern)
{
    /// <summary>Kinds of state rows.</summary>
    public IReadOnlyList<RowKind> Kinds(IReadOnlyList<(StreamPattern Pattern, TickRule Rule)> rules) => Map(new StreamDirectory(1), rules).Kinds;

    /// <summary>The file each model was read from.</summary>
    public IReadOnlyDictionary<Forecaster, string> Files { get; init; } = new Dictionary<Forecaster, string>();

    /// <summary>Loads each file once.</summary>
    /// <param name="standard">Of every stream that no pattern matches; null is the shipped one.</param>
    /// <param name="named">Files by pattern, in order of preference.</param>
    /// <exception cref="InvalidDataException">A file is no model, or its golden vectors do not come out.</exception>
    public static ModelCatalog Load(string? standard, params IEnumerable<(string Pattern, string File)> named)
    {
        Dictionary<string, Forecaster> loaded = [];
        ModelCatalog catalog = new(
            Load(standard),
            [.. named.Select(entry => (new StreamPattern(entry.Pattern), Load(entry.File)))]);
        return catalog with { Files = loaded.ToDictionary(entry => entry.Value, entry => entry.Key) };

        Forecaster Load(string? file)
        {
            string path = Path.GetFullPath(ShippedModel.Resolve(file));
            if (!loaded.TryGetValue(path, out Forecaster? model))
                loaded.Add(path, model = ShippedModel.Load(path));
            return model;
        }
    }

    public StreamModels Map(StreamDirectory directory, IReadOnlyList<(StreamPattern Pattern, TickRule Rule)> rules) => new(Standard, directory, ByPattern, rules);
}
