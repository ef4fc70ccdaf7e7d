using System.CommandLine;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Spectre.Console;
using StreamRnn.Lab.Cli;

namespace StreamRnn.Lab.Bench;

/// <summary><c>streamrnn bench</c>: what this machine does, beside what its vector unit could.</summary>
public static class BenchCommand
{
    private const double DefaultSeconds = 0.5;

    public static Command Create()
    {
        Option<bool> json = new("--json") { Description = "One JSON document instead of tables.", Recursive = true };
        Option<double?> seconds = new("--seconds") { Description = $"CPU time of one measurement; longer is steadier. {DefaultSeconds} unless said, {BenchCells.DefaultSeconds} for cells.", Recursive = true };
        seconds.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && double.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, out double value) && !(value > 0 && double.IsFinite(value)))
                result.AddError($"--seconds is '{result.Tokens[0].Value}'; it takes a number above 0.");
        });
        Command bench = new("bench", "Measures this machine: ns per step of each cell, ticks per second of the engine, CPU per packet.") { json, seconds };
        bench.Subcommands.Add(BenchCells.Create(json, seconds));
        Command engine = new("engine", "Ticks through the engine, stepped alone and with outputs encoded.");
        engine.SetAction(parsed => Report(BenchEngine.Run(parsed.GetValue(seconds) ?? DefaultSeconds), parsed.GetValue(json)));
        bench.Subcommands.Add(engine);
        bench.Subcommands.Add(BenchTrain.Create(json));
        bench.Subcommands.Add(BenchWire.Create(json));
        bench.Subcommands.Add(BenchFlood.Create(json));
        bench.Subcommands.Add(BenchReceive.Create(json));
        bench.Subcommands.Add(BenchDurable.Create(json, seconds));
        bench.Subcommands.Add(BenchSoak.Create(json));
        bench.Subcommands.Add(BenchTextbook.Create(json));
        bench.SetAction(parsed =>
        {
            double each = parsed.GetValue(seconds) ?? DefaultSeconds;
            return Report(BenchCells.Summary(each).Concat(BenchEngine.Run(each)), parsed.GetValue(json));
        });
        return bench;
    }

    private static int Report(IEnumerable<BenchLine> lines, bool asJson)
    {
        BenchMachine machine = BenchMachine.Measure();
        if (asJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { machine, lines = lines.ToArray() }, BenchLine.Json));
            return CommandLine.Success;
        }

        Console.WriteLine(machine);
        string? group = null;
        foreach (BenchLine line in lines)
        {
            if (group != line.Group)
                Console.WriteLine($"\n{group = line.Group}");
            Console.WriteLine($"  {line.Case,-34}{line.PerSecond,14:n0} {line.Unit}/s per core {line.Nanoseconds,10:n0} ns"
                + (line.AllocatedBytes is double bytes ? $" {bytes,8:0.###} B allocated" : "")
                + (line.StateBytes is int state ? $" {state,8:n0} B state" : ""));
        }
        return CommandLine.Success;
    }
}

/// <summary>One measurement.</summary>
/// <param name="PerSecond">Per second of CPU time, over all threads that took part.</param>
/// <param name="AllocatedBytes">Per item.</param>
/// <param name="StateBytes">Per stream.</param>
public sealed record BenchLine(string Group, string Case, string Unit, double PerSecond, double? AllocatedBytes = null, int? StateBytes = null)
{
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,   // read by people and programs, never by a browser
        Converters = { new Measured.Converter() },
    };

    public double Nanoseconds => 1e9 / PerSecond;
}
