using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;
using StreamRnn.Detection;
using StreamRnn.Engine.Stepping;
using StreamRnn.Engine.Streams;
using StreamRnn.Lab.Bench;
using StreamRnn.Lab.Cli;

namespace StreamRnn.Worker.Verbs;

/// <summary><c>streamrnn model show</c>: what is in a model file, and what the worker makes of it.</summary>
internal static class ModelShowCommand
{
    private const int LongestValue = 160;

    /// <summary>Metadata with lines of their own.</summary>
    private static readonly string[] Shown =
        ["architecture", "cell", "input_size", "hidden_size", "num_layers", "bidirectional", "vocabulary", "dense_activations", "head", ForecasterFile.ForecasterKey, ForecasterFile.EncoderKey];

    private static readonly JsonSerializerOptions OneLine = new(BenchLine.Json) { WriteIndented = false };

    public static Command Create()
    {
        Argument<string> file = new("FILE")
        {
            Description = "A safetensors file; the shipped model if not given.",
            DefaultValueFactory = _ => ShippedModel.Name,
        };
        Option<bool> json = new("--json") { Description = "One JSON object." };
        Command show = new("show", "Architecture, parameters, encoder, training summary and hash of a model; replays its golden vectors.") { file, json };
        show.SetAction(parsed =>
        {
            ModelFile model = ModelFile.Load(ShippedModel.Resolve(parsed.GetRequiredValue(file)));   // replays the golden vectors
            if (ForecasterFile.IsForWorker(model))
                ForecasterFile.Create(model);   // and the golden forecasts
            if (parsed.GetValue(json))
                PrintJson(model);
            else
                Print(model);
            return CommandLine.Success;
        });
        return show;
    }

    private static void Print(ModelFile model)
    {
        Console.WriteLine($"{model.Label}");
        Console.WriteLine($"  architecture   {model.Shape}");
        Console.WriteLine($"  parameters     {model.Parameters.Length:n0}");
        foreach (Parameter parameter in new ParameterLayout(model.Shape).Parameters)
            Console.WriteLine($"    {parameter.Name,-26} {string.Join(" x ", parameter.Dimensions),-12} {parameter.Slot.Length,10:n0}");
        Console.WriteLine(Forecaster(model, out string? why) is Forecaster forecaster
            ? $"  in the worker  {Known(model, ForecasterFile.ForecasterKey)}, encoder {Known(model, ForecasterFile.EncoderKey)}, "
                + $"{StreamRows.BytesPerStream(new RowKind(forecaster, TickRule.Default)):n0} bytes a stream, {model.Model.StateFloats * sizeof(float):n0} of them recurrent"
            : $"  in the worker  not to be used: {why}");
        Console.WriteLine($"  golden vectors {(model.HasGoldenVectors ? "reproduced to the bit" : "none in the file")}");
        Console.WriteLine($"  sha-256        {model.Hash}");
        foreach ((string key, string value) in OtherMetadata(model))
            PrintMetadata(key, value);
    }

    /// <summary>An object of facts line by line, anything else as it is.</summary>
    private static void PrintMetadata(string key, string value)
    {
        if (Parse(value) is not JsonObject facts)
        {
            Console.WriteLine($"  {key,-14} {Shortened(value)}");
            return;
        }

        Console.WriteLine($"  {key}");
        foreach ((string name, JsonNode? fact) in facts)
            Console.WriteLine($"    {name,-26} {Shortened(fact is null ? "-" : fact.ToJsonString(OneLine).Trim('"'))}");
    }

    private static string Shortened(string value) => value.Length <= LongestValue ? value : $"{value[..LongestValue]}... ({value.Length:n0} characters)";

    private static JsonNode? Parse(string value)
    {
        try
        {
            return value.StartsWith('{') ? JsonNode.Parse(value) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Model that the worker steps; null where it cannot, with the reason.</summary>
    private static Forecaster? Forecaster(ModelFile model, out string? why)
    {
        try
        {
            why = null;
            return ForecasterFile.Create(model);
        }
        catch (Exception e) when (e is InvalidDataException or NotSupportedException)
        {
            why = e.Message;
            return null;
        }
    }

    private static string Known(ModelFile model, string key) => model.Metadata.TryGetValue(key, out string? value) ? value
        : key == ForecasterFile.ForecasterKey ? ForecasterFile.Detector
        : model.Metadata.ContainsKey(ForecasterFile.MeanKey) ? ForecasterFile.ZScore : ForecasterFile.Asinh;

    private static void PrintJson(ModelFile model)
    {
        Forecaster? forecaster = Forecaster(model, out string? why);
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            model = model.Label,
            architecture = model.Shape.ToString(),
            cell = model.Shape.Cell.ToString(),
            inputs = model.Shape.Inputs,
            hidden = model.Shape.Hidden,
            layers = model.Shape.Layers,
            outputs = model.Shape.Outputs,
            bidirectional = model.Shape.Bidirectional,
            vocabulary = model.Shape.Vocabulary,
            head = model.Shape.Head.ToString(),
            parameterCount = model.Parameters.Length,
            parameters = new ParameterLayout(model.Shape).Parameters.ToDictionary(parameter => parameter.Name, parameter => parameter.Dimensions),
            forecaster = forecaster is null ? null : Known(model, ForecasterFile.ForecasterKey),
            encoder = forecaster is null ? null : Known(model, ForecasterFile.EncoderKey),
            notInTheWorker = why,
            stateBytes = forecaster is null ? (int?)null : StreamRows.BytesPerStream(new RowKind(forecaster, TickRule.Default)),
            goldenVectors = model.HasGoldenVectors,
            sha256 = model.Hash,
            metadata = OtherMetadata(model).ToDictionary(entry => entry.Key, entry => Parse(entry.Value) ?? (JsonNode)entry.Value),
        }, BenchLine.Json));
    }

    /// <summary>Further metadata of the writer.</summary>
    private static IEnumerable<KeyValuePair<string, string>> OtherMetadata(ModelFile model) =>
        model.Metadata.Where(entry => !entry.Key.StartsWith("golden", StringComparison.Ordinal) && !Shown.Contains(entry.Key)).OrderBy(entry => entry.Key, StringComparer.Ordinal);
}
