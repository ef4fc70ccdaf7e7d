using System.CommandLine;
using StreamRnn.Cells.Files;
using StreamRnn.Lab.Cli;
using StreamRnn.Trainer.Recipes;

namespace StreamRnn.Worker.Verbs;

/// <summary><c>streamrnn model</c>: inspects model files and writes the untrained one.</summary>
internal static class ModelCommand
{
    public static Command Create() => new("model", "Shows, checks and writes model files.") { ModelShowCommand.Create(), ModelCheckCommand.Create(), CreateUntrained() };

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
}
