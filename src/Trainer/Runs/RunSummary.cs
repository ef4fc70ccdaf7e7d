using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using StreamRnn.Cells.Layers;
using StreamRnn.Trainer.Evaluation;
using StreamRnn.Trainer.Fit;
using StreamRnn.Trainer.Pictures;

namespace StreamRnn.Trainer.Runs;

/// <summary>Summary of a run: a page of pictures for people and JSON for programs.</summary>
public static class RunSummary
{
    /// <summary>Rows of a series that a picture has room for.</summary>
    private const int PicturedRows = 240;

    private const string ModelEnding = ".safetensors";

    private static readonly JsonSerializerOptions Options = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>One object; what is unknown is null.</summary>
    public static JsonObject Json(TrainedModel model) => new()
    {
        ["recipe"] = model.Preparation.RecipeName,
        ["architecture"] = model.Preparation.Shape.ToString(),
        ["parameters"] = new ParameterLayout(model.Preparation.Shape).Length,
        ["settings"] = new JsonObject(model.Preparation.Settings.ToText().Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))),
        ["data"] = new JsonArray([.. model.Preparation.Series.Zip(model.Preparation.Splits, (series, split) => (JsonNode)new JsonObject
        {
            ["name"] = series.Name,
            ["rows"] = series.Count,
            ["gaps"] = series.Gaps,
            ["training"] = Range(split.Training),
            ["validation"] = Range(split.Validation),
            ["test"] = Range(split.Test),
            ["purge"] = split.Purge,
        })]),
        ["bestEpoch"] = model.BestEpoch,
        ["kept"] = model.Kept,
        ["bestValidation"] = Known(model.BestValidation),
        ["seconds"] = model.Seconds,
        ["history"] = new JsonArray([.. model.History.Select(epoch => (JsonNode)new JsonObject
        {
            ["epoch"] = epoch.Epoch,
            ["loss"] = Known(epoch.Loss),
            ["validation"] = Known(epoch.Validation),
            ["gradientNorm"] = Known(epoch.GradientNorm),
            ["clipRate"] = epoch.ClipRate,
            ["learningRate"] = epoch.LearningRate,
            ["samplesPerSecond"] = epoch.Samples / epoch.Seconds,
            ["seconds"] = epoch.Seconds,
        })]),
        ["test"] = new JsonArray([.. model.Reports.Select(report =>
        {
            JsonObject json = report.Report.Json();
            json["series"] = report.Series.Name;
            json["horizon"] = report.Horizon;
            return (JsonNode)json;
        })]),
    };

    /// <summary>The report tables as text.</summary>
    public static IEnumerable<string> Tables(TrainedModel model) =>
        model.Reports.Select(report => report.Report.Text($"{report.Series.Name}, {report.Horizon} {(report.Horizon == 1 ? "row" : "rows")} ahead"));

    /// <summary>A page that needs nothing beside itself.</summary>
    public static string Html(TrainedModel model, string name)
    {
        PicturePage page = new(name);
        page.Paragraph(string.Create(CultureInfo.InvariantCulture,
            $"{model.Preparation.RecipeName}: {model.Preparation.Shape}, {new ParameterLayout(model.Preparation.Shape).Length:n0} parameters; "
            + $"{model.Kept}."));
        double[] epochs = [.. model.History.Select(epoch => (double)epoch.Epoch)];
        LineChart loss = Chart("Loss", "loss",
            new ChartLine("training", epochs, [.. model.History.Select(epoch => epoch.Loss)]),
            new ChartLine("validation", epochs, [.. model.History.Select(epoch => epoch.Validation)], Dashed: true));
        page.Chart(loss with { MarkedX = model.BestEpoch > 0 ? model.BestEpoch : null, Mark = "kept" });
        page.Chart(Chart("Gradient norm before clipping", "norm",
            new ChartLine("mean over the updates", epochs, [.. model.History.Select(epoch => epoch.GradientNorm)])));
        foreach (TestReport report in model.Reports)
        {
            page.Heading($"{report.Series.Name}, {report.Horizon} {(report.Horizon == 1 ? "row" : "rows")} ahead");
            page.Chart(Forecasts(report));
            page.Table(report.Report.Text("Test rows"));
        }
        page.Heading("Settings").Table(string.Join('\n', model.Preparation.Settings.ToText().Select(pair => $"{pair.Key,-20} {pair.Value}")));
        return page.Html();
    }

    /// <summary>Model file, summary and page side by side, each whole or not at all; the model last.</summary>
    public static void Save(TrainedModel model, string path)
    {
        WholeFile.Write(Beside(path, ".json"), JsonSerializer.SerializeToUtf8Bytes(Json(model), Options));
        WholeFile.Write(Beside(path, ".html"), Encoding.UTF8.GetBytes(Html(model, Path.GetFileNameWithoutExtension(path))));
        WholeFile.Write(path, model.File);
    }

    /// <summary>The path of what lies beside a model file.</summary>
    public static string Beside(string path, string ending) =>
        (path.EndsWith(ModelEnding, StringComparison.OrdinalIgnoreCase) ? path[..^ModelEnding.Length] : path) + ending;

    /// <summary>Draws curves over the epochs; logarithmic where the largest number is more than five times the smallest.</summary>
    private static LineChart Chart(string title, string label, params ChartLine[] lines)
    {
        double[] numbers = [.. lines.SelectMany(line => line.Y).Where(double.IsFinite)];
        return new LineChart(title, "epoch", label, lines) { IsLogarithmic = numbers.Length > 0 && numbers.Min() > 0 && numbers.Max() > 5 * numbers.Min() };
    }

    private static LineChart Forecasts(TestReport report)
    {
        int to = report.Report.To, from = Math.Max(report.Report.From, to - PicturedRows);
        bool timed = !report.Series.IsUntimed && !report.Series.IsAtOneTime;
        double[] rows = [.. Enumerable.Range(from, to - from).Select(row => timed ? report.Series.Times[row] / 1e9 : row)];
        List<ChartLine> lines =
        [
            new("truth", rows, report.Series.Values[from..to]),
            new("forecast", rows, report.Forecast.Values[from..to]),
            new("persistence", rows, Baselines.Persistence(report.Series.Values, report.Horizon)[from..to]) { Width = 0.8 },
        ];
        if (report.Forecast is { Lower: double[] lower, Upper: double[] upper })
            lines.AddRange([new ChartLine("5 %", rows, lower[from..to], Dashed: true), new ChartLine("95 %", rows, upper[from..to], Dashed: true)]);
        return new LineChart("Forecasts and truth, last test rows", timed ? "time (UTC)" : "row", "value", lines) { IsTimed = timed };
    }

    private static JsonArray Range(RowRange rows) => [rows.Start, rows.End];

    private static double? Known(double number) => double.IsFinite(number) ? number : null;
}
