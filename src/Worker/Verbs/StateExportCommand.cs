using System.CommandLine;
using System.Globalization;
using StreamRnn.Engine;
using StreamRnn.Engine.Recovery;
using StreamRnn.Lab.Cli;

namespace StreamRnn.Worker.Verbs;

/// <summary><c>streamrnn state export</c>: the recent steps of one stream with its hidden state, as a picture or for machines.</summary>
internal static class StateExportCommand
{
    private static readonly string[] Endings = [".html", ".svg", ".csv"];

    public static Command Create()
    {
        Argument<string> name = new("STREAM") { Description = "The stream, as 'state show' writes it." };
        Option<string> output = new("--out") { Description = "The file to write: a picture (.html, .svg) or a row for each step (.csv).", Required = true, HelpName = "FILE" };
        output.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is string path && !Endings.Contains(Path.GetExtension(path).ToLowerInvariant()))
                result.AddError($"--out is '{path}'; it takes a file that ends in {string.Join(", ", Endings[..^1])} or {Endings[^1]}.");
        });
        Option<int> most = Bounded.Option("--steps", "Steps at most, the newest.", 400, value => value is >= 1 and <= 100_000, "1 to 100000");
        Command export = new("export", "Draw a stream's hidden state over its recent steps, those since the snapshot, or write them as CSV.") { name, output, most };
        StateFolder folder = new(export);
        export.SetAction(parsed =>
        {
            string stream = parsed.GetRequiredValue(name), path = parsed.GetRequiredValue(output), place = parsed.GetRequiredValue(folder.Folder);
            StateReader states = folder.Read(parsed, wanted => wanted == stream, parsed.GetValue(most));
            int id = states.Streams.Where(id => states.Name(id) == stream).DefaultIfEmpty(-1).First();
            if (id < 0)
                throw new CommandFailedException($"no stream of {place} is called '{stream}'; 'streamrnn state show --data-dir {place}' lists them");
            if (states.WatchOf(id) is not StepTrace watch)
                throw new CommandFailedException($"the log of {place} holds no step of {stream} behind the snapshot, a reset or a change of its model, so that there is nothing to draw; 'state show' says what the snapshot has");

            StatePicture picture = new(stream, states.ModelOf(id).Name, watch);
            File.WriteAllText(path, Path.GetExtension(path).ToLowerInvariant() switch
            {
                ".csv" => picture.Csv(),
                ".svg" => picture.Svg(),
                _ => picture.Html(),
            });
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{path}: {watch.Steps.Count} steps of {stream}"));
            return CommandLine.Success;
        });
        return export;
    }
}
