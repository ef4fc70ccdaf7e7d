using System.CommandLine;
using System.Text.Json;
using Spectre.Console;
using StreamRnn.Detection;
using StreamRnn.Engine.Replay;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Recordings;
using StreamRnn.Lab.Cli;

namespace StreamRnn.Worker.Verbs;

/// <summary><c>streamrnn replay</c>: recordings through the same engine as live ticks, one output file per value column.</summary>
internal static class ReplayCommand
{
    public static Command Create()
    {
        Argument<string> data = new("DATA") { Description = "A CSV file (.csv, .csv.gz) or a folder tree of them." };
        Option<string> output = new("--out") { Description = "Folder for the outputs, at the same relative paths.", Required = true, HelpName = "DIR" };
        Option<string?> model = new("--model") { Description = "Model file; the shipped one if not given.", HelpName = "FILE" };
        Option<int> shards = Bounded.Option(
            "--shards", "Threads that step. The numbers do not depend on it.", Environment.ProcessorCount, value => value is >= 1 and <= 1024, "1 to 1024");
        Option<string?> timeColumn = new("--time-column") { Description = "Column of the event time; found by its name if not given.", HelpName = "NAME" };
        Option<string[]> valueColumns = new("--value-column") { Description = "Column of values, repeatable; all that hold numbers if not given.", HelpName = "NAME" };
        Option<bool> json = new("--json") { Description = "The summary as one JSON object." };
        Command replay = new("replay", "Plays recordings through the engine at full speed: one output row per input row.")
            { data, output, model, shards, timeColumn, valueColumns, json };
        replay.SetAction(parsed =>
        {
            RecordingOptions options = new() { TimeColumn = parsed.GetValue(timeColumn), ValueColumns = parsed.GetValue(valueColumns) ?? [] };
            IReadOnlyList<RecordingFile> files = RecordingFile.Find(parsed.GetRequiredValue(data));
            Forecaster forecaster = ShippedModel.Load(parsed.GetValue(model));
            ReplayRun run = new(forecaster, parsed.GetValue(shards), options);
            return Report(WithProgress(run, files, parsed.GetRequiredValue(output)), parsed.GetValue(json));
        });
        return replay;
    }

    private static ReplaySummary WithProgress(ReplayRun run, IReadOnlyList<RecordingFile> files, string output)
    {
        // Progress goes to standard error, so that the summary can be read by a machine; a pipe sees none of it.
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        if (Console.IsErrorRedirected)
            return run.Run(files, output, _ => { });

        return console.Progress().AutoClear(true).Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new SpinnerColumn())
            .Start(progress =>
            {
                ProgressTask task = progress.AddTask($"{files.Count} files", maxValue: files.Count);
                return run.Run(files, output, done =>
                {
                    task.Value = done;
                    task.Description = $"{done} of {files.Count} files, {run.Rows:n0} rows";
                });
            });
    }

    /// <summary>Message about recordings without a time column.</summary>
    public static string WithoutTime(int files) =>
        $"{files} of the files have no time column; their rows were taken as one second apart (--time-column NAME)";

    private static int Report(ReplaySummary summary, bool asJson)
    {
        if (asJson)
            Console.WriteLine(JsonSerializer.Serialize(summary, JsonSerializerOptions.Web));
        else
            Console.WriteLine($"{summary.Files} files, {summary.Rows:n0} rows, {summary.Stepped:n0} values stepped with {summary.Model}, "
                + $"{summary.Anomalies:n0} anomalies, {summary.Outputs} outputs, {summary.Seconds:f1} s");
        if (summary.Untimed > 0)
            Console.Error.WriteLine($"streamrnn replay: {WithoutTime(summary.Untimed)}");
        foreach (string reason in summary.Failed)
            Console.Error.WriteLine($"streamrnn replay: {reason}");
        return summary.Failed.Count == 0 ? CommandLine.Success : CommandLine.Failure;
    }
}
