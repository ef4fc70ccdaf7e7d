using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using StreamRnn.Ingest;
using StreamRnn.Ingest.Recordings;
using StreamRnn.Trainer.Evaluation;

namespace StreamRnn.Worker.Commands;

/// <summary><c>evaluate</c>: how good the forecasts of a replay are, beside persistence.</summary>
internal static class EvaluateCommand
{
    private static readonly string[] Columns = ["value", "forecast", "lower", "upper"];

    public static Command Create()
    {
        Argument<string> outputs = new("OUT") { Description = "An output file of 'replay', or a folder tree of them." };
        Option<int> skip = Bounded.Option("--skip", "First rows of each file that are not scored: the stream is still new.", 500, rows => rows >= 0, "0 or more");
        Option<bool> json = new("--json") { Description = "One line of JSON per file." };
        Command evaluate = new("evaluate", "Measures the forecasts of a replay: errors, skill against persistence, coverage of the intervals.") { outputs, skip, json };
        evaluate.SetAction(parsed =>
        {
            bool asJson = parsed.GetValue(json);
            bool untitled = !asJson;
            foreach (RecordingFile file in RecordingFile.Find(parsed.GetRequiredValue(outputs)))
            {
                ForecastScore score = Score(file, parsed.GetValue(skip));
                if (untitled)
                    Console.WriteLine($"{"recording",-58} {"rows",8} {"RMSE",10} {"MAE",10} {"RMSE/pers.",10} {"MAE/pers.",10} {"skill",7} {"coverage",8}");
                untitled = false;
                Console.WriteLine(asJson ? Json(file, score) : Line(file, score));
            }
            return CommandLine.Success;
        });
        return evaluate;
    }

    private static ForecastScore Score(RecordingFile file, int skip)
    {
        using CsvRecording rows = Open(file.Path);
        ForecastScore score = new(skip);
        double[] row = new double[Columns.Length];
        while (rows.TryRead())
        {
            for (int column = 0; column < row.Length; column++)
            {
                if (rows.TryGetValue(column, out row[column]) != TickFault.None)
                    row[column] = double.NaN;
            }
            score.Add(row[0], row[1], row[2], row[3]);
        }
        return score;
    }

    private static CsvRecording Open(string path)
    {
        try
        {
            return CsvRecording.Open(path, new RecordingOptions { ValueColumns = Columns });
        }
        catch (InvalidDataException e)
        {
            throw new CommandFailedException($"{e.Message} This is no output of 'streamrnn replay', which is what evaluate measures.");
        }
    }

    private static string Line(RecordingFile file, ForecastScore score) =>
        $"{file.Name,-58} {score.Count,8} {Text(score.Rmse, "G4"),10} {Text(score.Mae, "G4"),10} {Text(score.RmseRatio, "0.00"),10} "
        + $"{Text(score.MaeRatio, "0.00"),10} {Text(score.Skill, "0.00"),7} {Text(score.Coverage, "0.0%"),8}";

    private static string Text(double number, string format) => double.IsFinite(number) ? number.ToString(format, CultureInfo.InvariantCulture) : "-";

    private static string Json(RecordingFile file, ForecastScore score) => JsonSerializer.Serialize(new
    {
        recording = file.Name,
        rows = score.Count,
        rmse = Known(score.Rmse),
        mae = Known(score.Mae),
        rmseOfPersistence = Known(score.RmseRatio),
        maeOfPersistence = Known(score.MaeRatio),
        skill = Known(score.Skill),
        coverage = Known(score.Coverage),
    });

    private static double? Known(double number) => double.IsFinite(number) ? number : null;
}
