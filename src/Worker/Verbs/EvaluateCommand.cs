using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using StreamRnn.Cells.Files;
using StreamRnn.Detection;
using StreamRnn.Engine;
using StreamRnn.Engine.Replay;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Recordings;
using StreamRnn.Lab.Cli;
using StreamRnn.Trainer.Evaluation;
using StreamRnn.Trainer.Fit;

namespace StreamRnn.Worker.Verbs;

/// <summary><c>evaluate</c>: how good the forecasts of a replay or of a model are, beside persistence, the seasonal naive one and an autoregression.</summary>
internal static class EvaluateCommand
{
    private const int FirstScored = 500;

    public static Command Create()
    {
        Argument<string> data = new("DATA") { Description = "An output file of 'replay' or a folder tree of them; with --model, the recordings themselves." };
        Option<string?> model = new("--model") { Description = $"Model file to replay DATA with; '{ShippedModel.Name}' is the shipped one.", HelpName = "FILE" };
        Option<int?> from = new("--from", "--skip") { Description = $"First row scored, from 0; what is fitted is fitted on the rows before it. {FirstScored} if not given, or the first that the model was not trained on.", HelpName = "ROW" };
        Option<double?> train = new("--train") { Description = "The same as a share of all rows, between 0 and 1.", HelpName = "SHARE" };
        Option<int?> to = new("--to") { Description = "Row after the last one scored; the end if not given.", HelpName = "ROW" };
        Option<int?> period = new("--period") { Description = "Rows of a season, 0 for none; found if not given.", HelpName = "ROWS" };
        Option<int> lags = Bounded.Option("--lags", "Lags of the autoregression.", 48, count => count is >= 1 and <= 1000, "1 to 1000");
        Option<string?> timeColumn = new("--time-column") { Description = "With --model: column of the event time.", HelpName = "NAME" };
        Option<string[]> valueColumns = new("--value-column") { Description = "With --model: column of values, repeatable.", HelpName = "NAME" };
        Option<string?> events = new("--events") { Description = "When something really happened (JSON as NAB's combined_windows.json): precision and recall of the alarms, event by event.", HelpName = "FILE" };
        Option<bool> json = new("--json") { Description = "One line of JSON per recording." };
        Command evaluate = new("evaluate", "Measures forecasts beside persistence, seasonal naive and an autoregression: RMSE, MAE, MASE, skill, coverage of the intervals.")
            { data, model, from, train, to, period, lags, timeColumn, valueColumns, events, json };
        evaluate.Validators.Add(parsed =>
        {
            if (parsed.GetValue(from) is not null && parsed.GetValue(train) is not null)
                parsed.AddError("--from and --train both say where scoring begins; give one of them.");
            if (parsed.GetValue(train) is double share && share is not (>= 0 and < 1))
                parsed.AddError($"--train is '{share.ToString(CultureInfo.InvariantCulture)}'; it takes a share from 0 to below 1.");
            if (parsed.GetValue(from) is < 0 || parsed.GetValue(to) is < 0 || parsed.GetValue(period) is < 0)
                parsed.AddError("--from, --to and --period take 0 or more.");
        });
        evaluate.SetAction(parsed =>
        {
            EvaluatedRows rows = new(parsed.GetValue(from), parsed.GetValue(train),
                new ReportOptions { To = parsed.GetValue(to), Period = parsed.GetValue(period), Lags = parsed.GetValue(lags) });
            EventLabels? labels = parsed.GetValue(events) is string list ? EventLabels.Load(list) : null;
            string path = parsed.GetRequiredValue(data);
            bool asJson = parsed.GetValue(json);
            if (parsed.GetValue(model) is not string file)
                return Report(RecordingFile.Find(path), "replay", rows, new Dictionary<string, string>(), labels, asJson);

            RecordingOptions options = new() { TimeColumn = parsed.GetValue(timeColumn), ValueColumns = parsed.GetValue(valueColumns) ?? [] };
            ModelFile loaded = ModelFile.Load(ShippedModel.Resolve(file));
            Forecaster forecaster = ForecasterFile.Create(loaded);
            string folder = Directory.CreateTempSubdirectory("streamrnn").FullName;
            try
            {
                ReplaySummary summary = new ReplayRun(forecaster, Environment.ProcessorCount, options).Run(RecordingFile.Find(path), folder, _ => { });
                foreach (string failure in summary.Failed)
                    Console.Error.WriteLine($"streamrnn evaluate: {failure}");
                return summary.Outputs == 0 ? CommandLine.Failure
                    : Math.Max(Report(RecordingFile.Find(folder), forecaster.Name, rows, loaded.Metadata, labels, asJson), summary.Failed.Count > 0 ? CommandLine.Failure : CommandLine.Success);
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        });
        return evaluate;
    }

    private static int Report(IReadOnlyList<RecordingFile> outputs, string name, EvaluatedRows rows, IReadOnlyDictionary<string, string> metadata, EventLabels? labels, bool asJson)
    {
        int exitCode = CommandLine.Success;
        List<EventScore> alarms = [];
        foreach (RecordingFile file in outputs)
        {
            ReplayedRows replayed = ReplayedRows.Read(file.Path, withAlarms: labels is not null);
            int? unseen = LearnedRows.FirstUnseen(metadata, file.Name);
            ReportOptions options = rows.Of(replayed.Values.Length, unseen);
            if (options.From < unseen)
                Console.Error.WriteLine($"streamrnn evaluate: {file.RelativePath}: {name} was trained on rows before {unseen}: what it forecasts there says little of what it will; score from there on with --from {unseen}");
            ForecastReport report = ForecastReport.Of(replayed.Times, replayed.Values, [replayed.Forecast(name)], options);
            if (report.Count == 0)
            {
                Console.Error.WriteLine($"streamrnn evaluate: {file.RelativePath}: none of its {replayed.Values.Length} rows can be scored from row {options.From} on, "
                    + $"{replayed.Values.Count(double.IsNaN)} of them have no value; begin earlier with --from, or give a longer recording");
                exitCode = CommandLine.Failure;
                continue;
            }

            EventScore? found = labels?.Of(file.RelativePath) is { } events ? EventScore.Of(replayed.Times, replayed.Alarms, events, report.From, report.To) : null;
            if (found is EventScore one)
                alarms.Add(one);
            Console.WriteLine(asJson ? Json(file, report, found) : report.Text(file.Name) + (found is null ? "" : "\n  " + InWords(found.Value)));
        }

        if (labels is not null && alarms.Count == 0)
            throw new CommandFailedException("none of the recordings is in the file of --events; it lists them by their path or their file's name");
        if (alarms.Count > 1 && !asJson)
            Console.WriteLine($"all {alarms.Count} labelled recordings: {InWords(alarms.Aggregate((a, b) => a + b))}");
        return exitCode;
    }

    private static string InWords(EventScore score) => string.Create(CultureInfo.InvariantCulture,
        $"{score.Found} of {score.Events} events found, false alarms: {score.FalseAlarms}; precision {Ratio(score.Precision)}, recall {Ratio(score.Recall)}, F1 {Ratio(score.F1)}");

    private static string Ratio(double share) => double.IsFinite(share) ? share.ToString("0.000", CultureInfo.InvariantCulture) : "-";

    private static JsonObject Json(EventScore score) => new()
    {
        ["events"] = score.Events,
        ["found"] = score.Found,
        ["falseAlarms"] = score.FalseAlarms,
        ["precision"] = double.IsFinite(score.Precision) ? score.Precision : null,
        ["recall"] = double.IsFinite(score.Recall) ? score.Recall : null,
        ["f1"] = double.IsFinite(score.F1) ? score.F1 : null,
    };

    private static string Json(RecordingFile file, ForecastReport report, EventScore? alarms)
    {
        JsonObject line = report.Json();
        line.Insert(0, "recording", file.Name);
        foreach ((string key, JsonNode? value) in report.Json()["forecasts"]![0]!.AsObject())
        {
            if (key != "name")
                line[key] = value?.DeepClone();   // of what is evaluated, so that one number needs no search
        }

        if (alarms is EventScore score)
            line["alarms"] = Json(score);
        return line.ToJsonString();
    }

    /// <summary>Rows of a recording to score, by number or by share.</summary>
    private sealed record EvaluatedRows(int? From, double? Train, ReportOptions Options)
    {
        public ReportOptions Of(int rows, int? unseen) => Options with { From = From ?? (Train is double share ? (int)(share * rows) : unseen ?? FirstScored) };
    }

    /// <summary>The columns of a replay's output.</summary>
    private sealed record ReplayedRows(long[] Times, double[] Values, double[] Forecasts, double[] Lower, double[] Upper, bool[] Alarms)
    {
        private static readonly string[] Columns = ["value", "forecast", "lower", "upper"];

        public SeriesForecast Forecast(string name) => new(name, Forecasts, Lower, Upper);

        /// <param name="withAlarms">True if alarms are needed; forecasts made elsewhere have none.</param>
        public static ReplayedRows Read(string path, bool withAlarms)
        {
            using CsvRecording recording = Open(path, withAlarms);
            List<long> times = [];
            List<double>[] columns = [.. recording.ValueColumns.Select(_ => new List<double>())];
            while (recording.TryRead())
            {
                times.Add(recording.Time);
                for (int column = 0; column < columns.Length; column++)
                {
                    // A number is a number whatever the time beside it looks like.
                    TickFault fault = recording.TryGetValue(column, out double value);
                    columns[column].Add(fault is TickFault.None or TickFault.MalformedTime ? value : double.NaN);
                }
            }

            return new ReplayedRows([.. times], [.. columns[0]], [.. columns[1]], [.. columns[2]], [.. columns[3]], withAlarms ? [.. columns[4].Select(flag => flag == 1)] : []);
        }

        private static CsvRecording Open(string path, bool withAlarms)
        {
            try
            {
                return CsvRecording.Open(path, new RecordingOptions { ValueColumns = withAlarms ? [.. Columns, "is_anomaly"] : Columns });
            }
            catch (InvalidDataException e)
            {
                throw new CommandFailedException($"{e.Message} This is no output of 'streamrnn replay'; to evaluate a model on a recording, name it with --model.");
            }
        }
    }
}
