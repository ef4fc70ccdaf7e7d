using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using StreamRnn.Engine;
using StreamRnn.Ingest.Recordings;
using StreamRnn.Lab.Cli;
using StreamRnn.Trainer.Fit;
using StreamRnn.Trainer.Recipes;
using StreamRnn.Trainer.Runs;

namespace StreamRnn.Worker.Verbs;

/// <summary><c>streamrnn train</c>: from recordings to a model file, with a summary and pictures beside it.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        const string ModelEnding = ".safetensors";
        Argument<string> data = new("DATA") { Description = "A CSV file (.csv, .csv.gz) or a folder tree of them, all of one kind." };
        Option<string> output = new("--out") { Description = "Model file to write; a summary (.json) and pictures (.html) go beside it.", Required = true, HelpName = "FILE" };
        output.Validators.Add(result =>
        {
            // Nothing else: the recordings are .csv, the summary .json, the pictures .html.
            if (result.GetValueOrDefault<string>() is string path && (!path.EndsWith(ModelEnding, StringComparison.OrdinalIgnoreCase) || Path.GetFileName(path).Length == ModelEnding.Length))
                result.AddError($"--out is '{path}'; it takes the name of a model file, which ends in {ModelEnding}.");
            else if (Directory.Exists(result.GetValueOrDefault<string>()))
                result.AddError($"--out is '{result.GetValueOrDefault<string>()}', a folder; it takes the name of a model file.");
        });
        Option<string> recipe = Bounded.Option("--recipe", string.Join("; ", Recipe.All.Select(one => $"{one.Name}: {one.Description}")) + ".",
            Recipe.All[0].Name, name => Recipe.All.Any(one => one.Name == name), string.Join(" or ", Recipe.All.Select(one => one.Name)));
        Option<string?> timeColumn = new("--time-column") { Description = "Column of the event time; found by its name if not given.", HelpName = "NAME" };
        Option<string?> valueColumn = new("--value-column") { Description = "Column of values; needed where several hold numbers.", HelpName = "NAME" };
        Option<string> gaps = Bounded.Option("--gaps", "Empty cells and NaN: refuse the file, skip the row as the worker does, or hold the value before.",
            "refuse", policy => policy is "refuse" or "skip" or "hold", "refuse, skip or hold");
        Option<int> threads = Bounded.Option("--threads", "Threads of a run, or runs of a sweep at once. The model does not depend on it.", Environment.ProcessorCount,
            count => count is >= 1 and <= 1024, "1 to 1024");
        Option<bool> resume = new("--resume") { Description = "Goes on from the checkpoint that a run to the same --out left when it was killed." };
        Option<string[]> sweep = new("--sweep")
        {
            Description = "A setting and the values to try, as in hidden=16,32,64; repeatable. The run with the lowest validation loss is saved.",
            HelpName = "NAME=V,...",
        };
        sweep.Validators.Add(result =>
        {
            try
            {
                foreach (string axis in result.GetValueOrDefault<string[]>() ?? [])
                    SweepAxis.Parse(axis);
            }
            catch (InvalidDataException e)
            {
                result.AddError(e.Message);
            }
        });
        Option<int> baselineLags = Bounded.Option("--baseline-lags", "Lags of the autoregression in the report.", 48, count => count is >= 1 and <= 1000, "1 to 1000");
        Option<bool> json = new("--json") { Description = "The summary as one JSON object instead of tables." };
        Command train = new("train", "Trains a model on recordings, split in time, and measures it on the last part.")
            { data, output, recipe, timeColumn, valueColumn, gaps, threads, resume, sweep, baselineLags, json };
        (TrainingSetting Setting, Option<string?> Option)[] settings = [.. TrainingSetting.All.Select(setting => (setting, OptionOf(setting)))];
        foreach ((_, Option<string?> option) in settings)
            train.Options.Add(option);
        train.Validators.Add(result =>
        {
            if (result.GetResult(sweep) is { Implicit: false } && result.GetValue(resume))
                result.AddError("--resume goes on with one run; a sweep keeps no checkpoints. Give one of --sweep and --resume.");
        });

        train.SetAction(parsed =>
        {
            RecordingOptions options = new() { TimeColumn = parsed.GetValue(timeColumn), ValueColumns = parsed.GetValue(valueColumn) is string column ? [column] : [] };
            Recipe chosen = Recipe.All.First(one => one.Name == parsed.GetValue(recipe));
            TrainingSettings asked = settings.Aggregate(chosen.Defaults, (all, one) => parsed.GetValue(one.Option) is string text ? one.Setting.Apply(all, text) : all);
            Job job = new(chosen, asked, parsed.GetRequiredValue(output), parsed.GetValue(threads), parsed.GetValue(baselineLags), parsed.GetValue(json));
            GapPolicy policy = Enum.Parse<GapPolicy>(parsed.GetValue(gaps)!, ignoreCase: true);
            RequireWritable(job.Output);   // now, and not when an hour of training is to be written
            IReadOnlyList<Series> series = Read(parsed.GetRequiredValue(data), options, policy, job.AsJson);
            string[] axes = parsed.GetValue(sweep) ?? [];
            return axes.Length > 0 ? RunSweep(job, series, [.. axes.Select(SweepAxis.Parse)]) : RunOne(job, series, parsed.GetValue(resume));
        });
        return train;
    }

    private sealed record Job(Recipe Recipe, TrainingSettings Settings, string Output, int Threads, int BaselineLags, bool AsJson);

    private static Option<string?> OptionOf(TrainingSetting setting)
    {
        Option<string?> option = new($"--{setting.Name}")
        {
            Description = $"{setting.Description} {string.Join(", ", Recipe.All.Select(one => $"{one.Name}: {setting.Get(one.Defaults)}"))}.",
            HelpName = "VALUE",
        };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is string text && setting.Set(new TrainingSettings(), text) is null)
                result.AddError($"--{setting.Name} is '{text}'; it takes {setting.Takes}.");
        });
        return option;
    }

    /// <summary>Makes the folder of the model file and leaves nothing else in it.</summary>
    private static void RequireWritable(string path)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            using FileStream probe = new(path + ".probe", FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"--out is '{path}', and its folder cannot be made or written to; name a model file in another.");
        }
    }

    private static List<Series> Read(string path, RecordingOptions options, GapPolicy gaps, bool quiet)
    {
        List<Series> all = [];
        foreach (RecordingFile file in RecordingFile.Find(path))
        {
            Series series = Series.Read(file.Path, options, gaps);
            all.Add(series);
            if (!quiet)
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{series.Name}: {series.Count:n0} rows")
                    + (series.Gaps == 0 ? "" : $", {series.Gaps} without a value {(gaps == GapPolicy.Skip ? "left out" : "hold the one before")}"));
        }
        if (all.Count(series => series.IsUntimed) is int untimed and > 0)
            Console.Error.WriteLine($"streamrnn train: {ReplayCommand.WithoutTime(untimed)}");
        foreach (Series series in all.Where(series => series.IsAtOneTime))
            Console.Error.WriteLine($"streamrnn train: {series.Place}: all rows have the same time, which tells the model nothing (--time-column NAME)");
        return all;
    }

    private static int RunOne(Job job, IReadOnlyList<Series> series, bool resume)
    {
        string checkpoint = job.Output + ".checkpoint";
        if (resume && !File.Exists(checkpoint))
            Console.Error.WriteLine($"streamrnn train: no checkpoint at {checkpoint}: starting afresh");
        Preparation preparation = job.Recipe.Prepare(series, job.Settings);
        using TrainProgress progress = new(job.Settings.Epochs);
        using StopSignal stop = new();
        try
        {
            TrainedModel model = new TrainingRun(preparation, job.Threads, job.BaselineLags) { CheckpointPath = checkpoint, Resume = resume }
                .Run(progress.AfterEpoch, stop.Token);
            RunSummary.Save(model, job.Output);
            File.Delete(checkpoint);
            Report(model, job);
            return CommandLine.Success;
        }
        catch (OperationCanceledException)
        {
            throw new CommandFailedException($"stopped; --resume with the same settings goes on from {checkpoint}.");
        }
        catch (TrainingDivergedException e)
        {
            throw new CommandFailedException(e.Message);
        }
    }

    private static int RunSweep(Job job, IReadOnlyList<Series> series, IReadOnlyList<SweepAxis> axes)
    {
        IReadOnlyList<(string, TrainingSettings)> combinations = Sweep.Combinations(job.Settings, axes);
        using StopSignal stop = new();
        IReadOnlyList<SweepResult> results = Sweep.Run(combinations, job.Threads,
            settings => new TrainingRun(job.Recipe.Prepare(series, settings), threads: 1, job.BaselineLags).Run(_ => { }, stop.Token),
            done => TrainProgress.AfterRun(done, combinations.Count), stop.Token);
        SweepResult best = Sweep.Best(results)
            ?? throw new CommandFailedException("no run of the sweep has a validation loss to choose by: "
                + (results.Select(result => result.Failure).FirstOrDefault(failure => failure is not null) ?? "set a --split with validation rows."));
        RunSummary.Save(best.Model!, job.Output);
        if (!job.AsJson)
            Print(results, best);
        if (Sweep.Tie(results, best) is string tie)
            (job.AsJson ? Console.Error : Console.Out).WriteLine(tie);
        Report(best.Model!, job);
        return CommandLine.Success;
    }

    private static void Print(IReadOnlyList<SweepResult> results, SweepResult best)
    {
        int width = results.Max(result => result.Changes.Length) + 2;
        Console.WriteLine($"{"run".PadRight(width)} {"validation",12} {"epoch",6} {"test RMSE",12} {"skill",8} {"seconds",8}");
        foreach (SweepResult result in results.OrderBy(result => result.Model?.BestValidation ?? double.PositiveInfinity))
        {
            TestReport? test = result.Model is { Reports: [TestReport first, ..] } ? first : null;
            Console.WriteLine(result.Model is null ? $"{result.Changes.PadRight(width)} {result.Failure}" : string.Create(CultureInfo.InvariantCulture,
                $"{result.Changes.PadRight(width)} {result.Model.BestValidation,12:g6} {result.Model.BestEpoch,6} "
                + $"{test?.Report.Scores[0].Rmse,12:g5} {test?.Report.Scores[0].Skill,8:f3} {result.Model.Seconds,8:f1}{(result == best ? "  saved" : "")}"));
        }
    }

    private static void Report(TrainedModel model, Job job)
    {
        if (job.AsJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(RunSummary.Json(model)));
            return;
        }
        foreach (string table in RunSummary.Tables(model))
            Console.WriteLine(table);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{job.Output}: {model.Preparation.Shape}, {model.Kept}, {model.Seconds:f1} s; "
            + $"summary in {RunSummary.Beside(job.Output, ".json")}, pictures in {RunSummary.Beside(job.Output, ".html")}"));
    }
}
