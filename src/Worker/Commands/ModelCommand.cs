using System.CommandLine;
using System.Text.Json;
using StreamRnn.Cells;
using StreamRnn.Detection;
using StreamRnn.Trainer.Recipes;
using StreamRnn.Worker.Engine;

namespace StreamRnn.Worker.Commands;

/// <summary><c>streamrnn model</c>: looks at model files and writes the untrained one.</summary>
internal static class ModelCommand
{
    public static Command Create() => new("model", "Shows and writes model files.") { Show(), CreateUntrained() };

    private static Command Show()
    {
        Argument<string> file = new("FILE")
        {
            Description = "A safetensors file; the shipped model if not given.",
            DefaultValueFactory = _ => ShippedModel.Name,
        };
        Option<bool> json = new("--json") { Description = "One JSON object." };
        Command show = new("show", "Architecture, parameters, metadata and hash of a model; replays its golden vectors.") { file, json };
        show.SetAction(parsed =>
        {
            ModelFile model = ModelFile.Load(ShippedModel.Resolve(parsed.GetRequiredValue(file)));   // replays the golden vectors
            Forecaster forecaster = ForecasterFile.Create(model);
            if (parsed.GetValue(json))
                PrintJson(model, forecaster);
            else
                Print(model, forecaster);
            return CommandLine.Success;
        });
        return show;
    }

    private static Command CreateUntrained()
    {
        Option<ulong> seed = new("--seed") { Description = "Seed of the weights; 0 gives the shipped model.", DefaultValueFactory = _ => DefaultModel.Seed };
        Option<string> output = new("--out") { Description = "File to write.", Required = true, HelpName = "FILE" };
        Command create = new("create", "Writes the untrained default model; the same bytes for a seed on every machine.") { seed, output };
        create.SetAction(parsed =>
        {
            string path = parsed.GetRequiredValue(output);
            File.WriteAllBytes(path, DefaultModel.Format(parsed.GetValue(seed)));
            Console.WriteLine($"{path}: {ModelFile.Load(path).Label}");
            return CommandLine.Success;
        });
        return create;
    }

    private static void Print(ModelFile model, Forecaster forecaster)
    {
        Console.WriteLine($"{model.Label}");
        Console.WriteLine($"  architecture   {model.Shape}");
        Console.WriteLine($"  parameters     {model.Parameters.Length:n0}");
        foreach (Parameter parameter in new ParameterLayout(model.Shape).Parameters)
            Console.WriteLine($"    {parameter.Name,-20} {string.Join(" x ", parameter.Dimensions),-12} {parameter.Slot.Length,10:n0}");
        Console.WriteLine($"  state          {MicroBatch.BytesPerStream(forecaster):n0} bytes a stream, {model.Model.StateFloats * sizeof(float):n0} of them recurrent");
        Console.WriteLine($"  golden vectors {(model.HasGoldenVectors ? "reproduced to the bit" : "none in the file")}");
        Console.WriteLine($"  sha-256        {model.Hash}");
        foreach ((string key, string value) in OtherMetadata(model))
            Console.WriteLine($"  {key,-14} {value}");
    }

    private static void PrintJson(ModelFile model, Forecaster forecaster) =>
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            model = model.Label,
            architecture = model.Shape.ToString(),
            cell = model.Shape.Cell.ToString(),
            inputs = model.Shape.Inputs,
            hidden = model.Shape.Hidden,
            layers = model.Shape.Layers,
            outputs = model.Shape.Outputs,
            parameterCount = model.Parameters.Length,
            parameters = new ParameterLayout(model.Shape).Parameters.ToDictionary(parameter => parameter.Name, parameter => parameter.Dimensions),
            stateBytes = MicroBatch.BytesPerStream(forecaster),
            goldenVectors = model.HasGoldenVectors,
            sha256 = model.Hash,
            metadata = OtherMetadata(model).ToDictionary(),
        }, BenchLine.Json));

    /// <summary>What the writer had to say beyond the architecture and the golden vectors, which are shown apart.</summary>
    private static IEnumerable<KeyValuePair<string, string>> OtherMetadata(ModelFile model) =>
        model.Metadata.Where(entry => !entry.Key.StartsWith("golden", StringComparison.Ordinal) && entry.Key != "architecture").OrderBy(entry => entry.Key, StringComparer.Ordinal);
}
