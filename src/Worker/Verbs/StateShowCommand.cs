using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using StreamRnn.Detection;
using StreamRnn.Engine;
using StreamRnn.Engine.Recovery;
using StreamRnn.Engine.Streams;
using StreamRnn.Lab.Bench;
using StreamRnn.Lab.Cli;

namespace StreamRnn.Worker.Verbs;

/// <summary><c>streamrnn state show</c>: reports the streams of a stopped worker, as text or JSON.</summary>
internal static class StateShowCommand
{
    public static Command Create()
    {
        Argument<string?> pattern = new("STREAM") { Description = "A stream, or a pattern as in 'plant/#'; all unless given.", Arity = ArgumentArity.ZeroOrOne };
        pattern.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is string text && StreamPattern.FaultOf(text) is string fault)
                result.AddError($"{fault}.");
        });
        Option<bool> json = new("--json") { Description = "As JSON, one object a stream." };
        Command show = new("show", "Steps, last tick, forecast, score, hidden state and gates, one line a stream.") { pattern, json };
        StateFolder folder = new(show);
        show.SetAction(parsed =>
        {
            string? text = parsed.GetValue(pattern);
            StreamPattern? matching = text is null ? null : new StreamPattern(text);
            bool Wanted(string name) => matching is null || name == text || matching.Matches(name);
            StateReader states = folder.Read(parsed, Wanted);
            int shown = 0;
            foreach (int stream in states.Streams.Where(stream => Wanted(states.Name(stream))))
            {
                StreamState state = StreamState.Of(states, stream);
                Console.WriteLine(parsed.GetValue(json) ? JsonSerializer.Serialize(state, Json) : InWords(state));
                shown++;
            }
            string place = parsed.GetRequiredValue(folder.Folder);
            return shown > 0 || text is null
                ? CommandLine.Success
                : throw new CommandFailedException($"no stream of {place} is called or matches '{text}'; 'streamrnn state show --data-dir {place}' lists them");
        });
        return show;
    }

    private static readonly JsonSerializerOptions Json = new(BenchLine.Json) { WriteIndented = false };

    private static string InWords(StreamState state)
    {
        string last = state.N == 0 ? "nothing stepped yet"
            : state.Time is null ? "no step behind the snapshot, a reset or a change of its model"
            : $"last {Number(state.Value)} at {state.Time}, forecast {Number(state.Forecast)}, next {Number(state.Next)}, score {Number(state.Score)}";
        string hidden = state.Hidden is not HiddenState h ? ""
            : string.Create(CultureInfo.InvariantCulture, $"; h of {h.Units} units {h.Minimum:0.000} to {h.Maximum:0.000}, mean {h.Mean:0.000}");
        string gates = state.Gates is null ? ""
            : "; gates at an end: " + string.Join(", ", state.Gates.Select(gate => string.Create(CultureInfo.InvariantCulture, $"{gate.Key} {100 * gate.Value:0} %")));
        string held = state.Held == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"; {state.Held} {(state.Held == 1 ? "tick" : "ticks")} held until older ones cannot come");
        return string.Create(CultureInfo.InvariantCulture, $"{state.Stream}: {state.N} {(state.N == 1 ? "step" : "steps")} of {state.Model}; {last}{held}{hidden}{gates}");
    }

    private static string Number(double? value) => value?.ToString("R", CultureInfo.InvariantCulture) ?? "unknown";

    /// <summary>A stream as it is shown. What is not known is null.</summary>
    /// <param name="Held">Ticks that wait for older ones.</param>
    /// <param name="Forecast">Of the last tick, before it was seen.</param>
    /// <param name="Gates">Share of each gate's units that were saturated in the last step; null where the cell has no gates or the last step is not in the log.</param>
    private sealed record StreamState(string Stream, long N, int Held, string Model, string? Time, double? Value, double? Forecast, double? Next, double? Score,
        HiddenState? Hidden, IReadOnlyDictionary<string, double>? Gates)
    {
        public static StreamState Of(StateReader states, int stream)
        {
            Forecaster model = states.ModelOf(stream);
            StepTrace? watch = states.WatchOf(stream);
            StepSeen? last = watch?.Last;
            ReadOnlySpan<float> h = model.HiddenOf(states.RowOf(stream));
            return new StreamState(states.Name(stream), model.StepsOf(states.RowOf(stream)), states.HeldOf(stream), model.Name,
                last is null ? null : StateText.Time(last.Time), Known(last?.Value), Known(last?.Verdict.Forecast), Known(last?.Verdict.Next), Known(last?.Verdict.Score),
                h.IsEmpty ? null : HiddenState.Of(h.ToArray()), watch?.Gates()?.ToDictionary(gate => gate.Gate.ToString(), gate => gate.Share));
        }

        private static double? Known(double? number) => number is double value && double.IsFinite(value) ? value : null;
    }

    private sealed record HiddenState(int Units, float Minimum, float Maximum, float Mean)
    {
        public static HiddenState Of(float[] h) => new(h.Length, h.Min(), h.Max(), h.Average());
    }
}
