using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using StreamRnn.Engine;
using StreamRnn.Lab.Bench;
using StreamRnn.Lab.Cli;
using StreamRnn.Trainer.Verification;

namespace StreamRnn.Worker.Verbs;

/// <summary><c>streamrnn model check</c>: holds files against the numbers that come with them, and says how far off each quantity is.</summary>
internal static class ModelCheckCommand
{
    private static readonly JsonSerializerOptions Line = new(BenchLine.Json) { WriteIndented = false };

    public static Command Create()
    {
        Argument<string[]> files = new("FILE")
        {
            Description = "A model file, a reference case or training trace (.safetensors, .json), or a folder tree of them.",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<string?> data = new("--data") { Description = "The recording that the forecasts beside a model trained elsewhere are for.", HelpName = "CSV" };
        Option<bool> json = new("--json") { Description = "One line of JSON per file." };
        Command check = new("check", "Compares what a model computes here with its golden vectors, or with what PyTorch computed; fails beyond the tolerance.") { files, data, json };
        check.SetAction(parsed =>
        {
            bool asJson = parsed.GetValue(json);
            if (parsed.GetValue(data) is string recording && !File.Exists(recording))
                throw new CommandFailedException($"{recording}: there is no such file; --data names the recording.");
            string[] paths = [.. parsed.GetRequiredValue(files).SelectMany(ModelCheck.Find)];
            int held = 0;
            foreach (string path in paths)
            {
                if (Check(path, parsed.GetValue(data), asJson))
                    held++;
            }

            if (paths.Length > 1 && !asJson)
                Console.WriteLine($"{paths.Length} files: {held} within their tolerances, {paths.Length - held} not");
            return held == paths.Length ? CommandLine.Success : CommandLine.Failure;
        });
        return check;
    }

    private static bool Check(string path, string? data, bool asJson)
    {
        try
        {
            CheckResult result = ModelCheck.Check(path, data);
            Console.WriteLine(asJson ? Json(path, result) : Text(result));
            return result.Holds;
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            if (asJson)
                Console.WriteLine(JsonSerializer.Serialize(new { file = path, ok = false, refused = e.Message }, Line));
            Console.Error.WriteLine($"streamrnn model check: {e.Message.ReplaceLineEndings(" ")}");
            return false;
        }
    }

    private static string Text(CheckResult result)
    {
        IEnumerable<string> lines = result.Quantities.Select(quantity => string.Create(CultureInfo.InvariantCulture,
            $"  {quantity.Name,-32} {quantity.Count,8} {quantity.AbsoluteError,12:0.0e+00} {quantity.RelativeError,12:0.0e+00} {quantity.Tolerance,12:0.0e+00}  {(quantity.Holds ? "ok" : "BEYOND")}"));
        return string.Join('\n', (string[])
        [
            $"{result.File}: {result.Kind}, {result.Description}: {(result.Holds ? "within tolerance" : "NOT within tolerance")}",
            $"  {"quantity",-32} {"numbers",8} {"abs error",12} {"rel error",12} {"allowed abs",12}",
            .. lines,
        ]);
    }

    private static string Json(string path, CheckResult result) => JsonSerializer.Serialize(new
    {
        file = path,
        kind = result.Kind,
        description = result.Description,
        ok = result.Holds,
        quantities = result.Quantities.Select(quantity => new
        {
            name = quantity.Name,
            count = quantity.Count,
            absoluteError = Known(quantity.AbsoluteError),   // null: not a number
            relativeError = Known(quantity.RelativeError),
            tolerance = quantity.Tolerance,
            ok = quantity.Holds,
        }),
    }, Line);

    private static double? Known(double number) => double.IsFinite(number) ? number : null;
}
