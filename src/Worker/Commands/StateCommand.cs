using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using StreamRnn.Detection;
using StreamRnn.Worker.Durability;
using StreamRnn.Worker.Engine;

namespace StreamRnn.Worker.Commands;

/// <summary><c>streamrnn state</c>: what a stopped worker left in its data directory.</summary>
internal static class StateCommand
{
    // |h| is below 1; from here on a unit hardly answers to its input.
    private const float Saturated = 0.95f;

    public static Command Create() => new("state", "What a data directory holds of its streams.") { CreateShow(), StateResetCommand.Create() };

    private static Command CreateShow()
    {
        Argument<string?> pattern = new("STREAM") { Description = "A stream, or a pattern as in 'plant/#'; all unless given.", Arity = ArgumentArity.ZeroOrOne };
        Option<string> folder = new("--data-dir") { Description = "The data directory of a stopped worker, or a copy; nothing in it is changed.", Required = true, HelpName = "DIR" };
        Option<string[]> models = new("--model") { Description = "Model files that the worker used beside the shipped one; repeatable.", HelpName = "FILE" };
        Option<bool> json = new("--json") { Description = "As JSON, one object a stream." };
        Command show = new("show", "Steps, last tick, forecast, score and hidden state, one line a stream.") { pattern, folder, models, json };
        show.SetAction(parsed => Show(parsed.GetValue(pattern), parsed.GetRequiredValue(folder), parsed.GetValue(models) ?? [], parsed.GetValue(json)));
        return show;
    }

    private static int Show(string? text, string folder, string[] models, bool json)
    {
        StreamPattern? pattern = PatternOf(text);
        using DataFolder files = Open(folder);
        StateReader states = new(files, setup => Find(setup, models));
        int shown = 0;
        foreach (int stream in states.Streams)
        {
            string name = states.Name(stream);
            if (pattern is not null && name != text && !pattern.Matches(name))
                continue;
            shown++;
            StreamState state = StreamState.Of(states, stream);
            Console.WriteLine(json ? JsonSerializer.Serialize(state, BenchLine.Json) : InWords(state));
        }
        return shown > 0 || text is null
            ? CommandLine.Success
            : throw new CommandFailedException($"no stream of {folder} is called or matches '{text}'; 'streamrnn state show --data-dir {folder}' lists them");
    }

    private static StreamPattern? PatternOf(string? text)
    {
        try
        {
            return text is null ? null : new StreamPattern(text);
        }
        catch (ArgumentException e)
        {
            throw new CommandFailedException(e.Message);
        }
    }

    private static DataFolder Open(string folder)
    {
        if (!File.Exists(Path.Combine(folder, "lock")))
            throw new CommandFailedException($"{folder} is no data directory; name the one that a worker was given with --data-dir");
        try
        {
            return new DataFolder(folder);
        }
        catch (CommandFailedException e)
        {
            throw new CommandFailedException($"{folder} cannot be read ({e.InnerException?.Message ?? "a worker has it, or its lock may not be opened"}); stop the worker first, or look at a copy");
        }
    }

    private static Forecaster[] Find(Setup setup, string[] models)
    {
        Dictionary<string, string> files = [];
        foreach (string file in models.Prepend(ShippedModel.Path).Select(ShippedModel.Resolve))
            files[Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)))] = file;
        return [.. setup.Models.Select(model => files.TryGetValue(model.Sha256, out string? file)
            ? ForecasterFile.Load(file)
            : throw new CommandFailedException($"the data directory steps with {model.Name}, and no model file given is that one; name it with --model"))];
    }

    private static string InWords(StreamState state)
    {
        string last = state.Time is null
            ? "last step before the snapshot"
            : $"last {Number(state.Value)} at {state.Time}, next {Number(state.Next)}, score {Number(state.Score)}";
        string hidden = state.HiddenUnits == 0 ? ""
            : string.Create(CultureInfo.InvariantCulture,
                $"; h of {state.HiddenUnits} units {state.HiddenMinimum:0.000} to {state.HiddenMaximum:0.000}, mean {state.HiddenMean:0.000}, {state.SaturatedShare:P0} saturated");
        return string.Create(CultureInfo.InvariantCulture, $"{state.Stream}: {state.N} steps of {state.Model}; {last}{hidden}");
    }

    private static string Number(double? value) => value?.ToString("R", CultureInfo.InvariantCulture) ?? "unknown";

    /// <summary>A stream as it is shown. What is not known is null.</summary>
    private sealed record StreamState(string Stream, long N, string Model, string? Time, double? Value, double? Next, double? Score,
        int HiddenUnits, float HiddenMinimum, float HiddenMaximum, float HiddenMean, float SaturatedShare)
    {
        public static StreamState Of(StateReader states, int stream)
        {
            Forecaster model = states.ModelOf(stream);
            LastStep? last = states.LastOf(stream);
            float[] h = model.HiddenOf(states.RowOf(stream)).ToArray();
            return new StreamState(states.Name(stream), model.StepsOf(states.RowOf(stream)), model.Name,
                last is null ? null : DateTime.UnixEpoch.AddTicks(last.Value.Time / 100).ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture),
                last?.Value, last?.Verdict.Next, last?.Verdict.Score,
                h.Length, h.DefaultIfEmpty().Min(), h.DefaultIfEmpty().Max(), h.DefaultIfEmpty().Average(),
                h.Length == 0 ? 0 : (float)h.Count(unit => Math.Abs(unit) > Saturated) / h.Length);
        }
    }
}
