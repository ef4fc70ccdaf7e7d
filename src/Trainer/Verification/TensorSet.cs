using System.Globalization;
using System.Text.Json;
using StreamRnn.Cells.Files;

namespace StreamRnn.Trainer.Verification;

/// <summary>A tensor of a reference file, whatever its type was.</summary>
/// <param name="Dimensions">Outermost first.</param>
/// <param name="Values">Row-major.</param>
internal sealed record Numbers(IReadOnlyList<int> Dimensions, double[] Values)
{
    public float[] Floats => Array.ConvertAll(Values, value => (float)value);
}

/// <summary>
/// The tensors and facts of a reference file: safetensors, or JSON with the same keys as nested lists and the facts under <c>meta</c>. A fact
/// that the file does not state is taken from the JSON beside it: its own (<c>NAME.json</c>) or its entry in an index of the folder.
/// </summary>
internal sealed class TensorSet
{
    /// <summary>Files that state the facts of every case of a folder.</summary>
    internal static readonly IReadOnlyList<string> Indexes = ["cases.json", "training_traces.json"];

    private readonly Dictionary<string, Numbers> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _facts = new(StringComparer.OrdinalIgnoreCase);

    /// <exception cref="InvalidDataException">The file cannot be read as what its ending says.</exception>
    public TensorSet(string path)
    {
        Path = path;
        File = System.IO.Path.GetFileName(path);
        if (File.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
            ReadJson();
        else
            ReadSafeTensors();
        ReadBeside();
    }

    public string Path { get; }

    /// <summary>The file's name, as messages say it.</summary>
    public string File { get; }

    public IEnumerable<string> Names => _tensors.Keys;

    /// <summary>Facts stated about the content, in the file or beside it.</summary>
    public IReadOnlyDictionary<string, string> Facts => _facts;

    public bool Has(string name) => _tensors.ContainsKey(name);

    public bool HasAny(string prefix) => _tensors.Keys.Any(name => name.StartsWith(prefix, StringComparison.Ordinal));

    /// <exception cref="InvalidDataException">There is none, or one of its values is no number.</exception>
    public Numbers this[string name]
    {
        get
        {
            if (!_tensors.TryGetValue(name, out Numbers? numbers))
                throw Refuse($"tensor {name} is missing; was the file written completely?");
            int bad = Array.FindIndex(numbers.Values, value => !double.IsFinite(value));
            return bad < 0 ? numbers : throw Refuse($"{name}[{bad}] is {Text(numbers.Values[bad])}, a number is expected; take a fresh copy of the file");
        }
    }

    /// <exception cref="InvalidDataException">It has other dimensions.</exception>
    public double[] Values(string name, params ReadOnlySpan<int> dimensions)
    {
        Numbers numbers = this[name];
        if (!dimensions.SequenceEqual([.. numbers.Dimensions]))
            throw Refuse($"{name} is [{string.Join(", ", numbers.Dimensions)}], [{string.Join(", ", dimensions.ToArray())}] is expected; does it belong to another case?");
        return numbers.Values;
    }

    /// <exception cref="InvalidDataException">Nothing states it.</exception>
    public string Fact(string key, string remedy) =>
        _facts.TryGetValue(key, out string? value) ? value : throw Refuse($"neither its metadata nor the JSON beside it says {key}; {remedy}");

    /// <summary>A number that is stated; null where nothing states it.</summary>
    public double? Number(string key) => !_facts.TryGetValue(key, out string? text) ? null
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number) ? number
        : throw Refuse($"metadata {key} is '{text}', a number is expected");

    public InvalidDataException Refuse(string what) => new($"{File}: {what}{(what.EndsWith('?') ? "" : ".")}");

    private static string Text(double value) => value.ToString(CultureInfo.InvariantCulture);

    private void ReadSafeTensors()
    {
        var file = new SafeTensors(File, System.IO.File.ReadAllBytes(Path));
        foreach (Tensor tensor in file.Tensors.Values)
            _tensors.Add(tensor.Name, new Numbers(tensor.Dimensions, file.Numbers(tensor)));
        foreach ((string key, string value) in file.Metadata)
            _facts[key] = value;
    }

    private void ReadJson()
    {
        using JsonDocument json = Parse(Path);
        if (json.RootElement.ValueKind != JsonValueKind.Object)
            throw Refuse("an object of tensors is expected, as in a reference case; this is an index or something else");
        foreach (JsonProperty entry in json.RootElement.EnumerateObject())
        {
            if (entry.Value.ValueKind == JsonValueKind.Object)
                State(entry.Value);
            else if (entry.Value.ValueKind == JsonValueKind.Array)
                _tensors.Add(entry.Name, Flatten(entry.Name, entry.Value));
        }
    }

    private Numbers Flatten(string name, JsonElement nested)
    {
        List<int> dimensions = [];
        List<double> values = [];
        for (JsonElement at = nested; at.ValueKind == JsonValueKind.Array; at = at[0])
        {
            dimensions.Add(at.GetArrayLength());
            if (dimensions[^1] == 0)
                break;
        }

        Visit(nested, 0);
        return new Numbers(dimensions, [.. values]);

        void Visit(JsonElement element, int depth)
        {
            bool isLeaf = depth == dimensions.Count;
            if (isLeaf && element.ValueKind == JsonValueKind.Number)
                values.Add(element.GetDouble());
            else if (!isLeaf && element.ValueKind == JsonValueKind.Array && element.GetArrayLength() == dimensions[depth])
                foreach (JsonElement part in element.EnumerateArray())
                    Visit(part, depth + 1);
            else
                throw Refuse($"{name} is no nested list of numbers of one shape; value {values.Count} is out of place");
        }
    }

    private void ReadBeside()
    {
        string folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path))!;
        string own = System.IO.Path.ChangeExtension(Path, ".json");
        if (own != Path && System.IO.File.Exists(own))
        {
            using JsonDocument json = Parse(own);
            if (json.RootElement.ValueKind == JsonValueKind.Object)
                State(json.RootElement.TryGetProperty("meta", out JsonElement meta) ? meta : json.RootElement);
        }

        string safeTensors = System.IO.Path.ChangeExtension(File, ".safetensors");
        foreach (string index in Indexes.Select(name => System.IO.Path.Combine(folder, name)).Where(System.IO.File.Exists))
        {
            using JsonDocument json = Parse(index);
            foreach (JsonElement entry in json.RootElement.ValueKind == JsonValueKind.Array ? json.RootElement.EnumerateArray() : [])
            {
                if (entry.ValueKind == JsonValueKind.Object && entry.TryGetProperty("file", out JsonElement file) && file.ValueEquals(safeTensors))
                    State(entry);
            }
        }
    }

    /// <summary>Takes the facts that nothing has stated yet; those of an object within under "its.name".</summary>
    private void State(JsonElement facts, string prefix = "")
    {
        foreach (JsonProperty fact in facts.EnumerateObject())
        {
            if (fact.Value.ValueKind == JsonValueKind.Object)
                State(fact.Value, $"{prefix}{fact.Name}.");
            else if (fact.Value.ValueKind != JsonValueKind.Null)
                _facts.TryAdd(prefix + fact.Name, fact.Value.ToString());
        }
    }

    private static JsonDocument Parse(string path)
    {
        try
        {
            return JsonDocument.Parse(System.IO.File.ReadAllBytes(path));
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{System.IO.Path.GetFileName(path)}: no JSON: {e.Message.TrimEnd('.')}; was the copy interrupted?", e);
        }
    }
}
