using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using StreamRnn.Cells;
using StreamRnn.Detection;
using StreamRnn.Ingest;
using StreamRnn.Ingest.Recordings;
using StreamRnn.Trainer;
using StreamRnn.Trainer.Evaluation;
using StreamRnn.Worker.Engine;

namespace StreamRnn.Worker.Commands;

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
        Option<bool> json = new("--json") { Description = "One line of JSON per recording." };
        Command evaluate = new("evaluate", "Measures forecasts beside persistence, seasonal naive and an autoregression: RMSE, MAE, MASE, skill, coverage of the intervals.")
            { data, model, from, train, to, period, lags, timeColumn, valueColumns, json };
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
            string path = parsed.GetRequiredValue(data);
            bool asJson = parsed.GetValue(json);
            if (parsed.GetValue(model) is not string file)
                return Report(RecordingFile.Find(path), "replay", rows, new Dictionary<string, string>(), asJson);

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
                    : Math.Max(Report(RecordingFile.Find(folder), forecaster.Name, rows, loaded.Metadata, asJson), summary.Failed.Count > 0 ? CommandLine.Failure : CommandLine.Success);
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        });
        return evaluate;
    }

    private static int Report(IReadOnlyList<RecordingFile> outputs, string name, EvaluatedRows rows, IReadOnlyDictionary<string, string> metadata, bool asJson)
    {
        int exitCode = CommandLine.Success;
        foreach (RecordingFile file in outputs)
        {
            ReplayedRows replayed = ReplayedRows.Read(file.Path);
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

            Console.WriteLine(asJson ? Json(file, report) : report.Text(file.Name));
        }

        return exitCode;
    }

    private static string Json(RecordingFile file, ForecastReport report)
    {
        JsonObject line = report.Json();
        line.Insert(0, "recording", file.Name);
        foreach ((string key, JsonNode? value) in report.Json()["forecasts"]![0]!.AsObject())
        {
            if (key != "name")
                line[key] = value?.DeepClone();   // of what is evaluated, so that one number needs no search
        }

        return line.ToJsonString();
    }

    /// <summary>Which rows of a recording are scored, by number or by share.</summary>
    private sealed record EvaluatedRows(int? From, double? Train, ReportOptions Options)
    {
        public ReportOptions Of(int rows, int? unseen) => Options with { From = From ?? (Train is double share ? (int)(share * rows) : unseen ?? FirstScored) };
    }

    /// <summary>The columns of a replay's output.</summary>
    private sealed record ReplayedRows(long[] Times, double[] Values, double[] Forecasts, double[] Lower, double[] Upper)
    {
        private static readonly string[] Columns = ["value", "forecast", "lower", "upper"];

        public SeriesForecast Forecast(string name) => new(name, Forecasts, Lower, Upper);

        public static ReplayedRows Read(string path)
        {
            using CsvRecording recording = Open(path);
            List<long> times = [];
            List<double>[] columns = [[], [], [], []];
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

            return new ReplayedRows([.. times], [.. columns[0]], [.. columns[1]], [.. columns[2]], [.. columns[3]]);
        }

        private static CsvRecording Open(string path)
        {
            try
            {
                return CsvRecording.Open(path, new RecordingOptions { ValueColumns = Columns });
            }
            catch (InvalidDataException e)
            {
                throw new CommandFailedException($"{e.Message} This is no output of 'streamrnn replay'; to evaluate a model on a recording, name it with --model.");
            }
        }
    }
}
