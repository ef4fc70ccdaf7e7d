using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using Spectre.Console;

namespace StreamRnn.Worker.Commands;

/// <summary><c>streamrnn bench</c>: what this machine does, beside what its vector unit could.</summary>
internal static class BenchCommand
{
    public static Command Create()
    {
        Option<bool> json = new("--json") { Description = "One JSON document instead of tables.", Recursive = true };
        Option<double> seconds = new("--seconds")
        {
            Description = "CPU time of one measurement; longer is steadier.",
            DefaultValueFactory = _ => 0.5,
            Recursive = true,
        };
        Command bench = new("bench", "Measures this machine: ns per step of each cell, ticks per second of the engine, CPU per packet.") { json, seconds };
        bench.Subcommands.Add(Part("cells", "Steps of the recurrent cells, alone and in micro-batches.", BenchCells.Run));
        bench.Subcommands.Add(Part("engine", "Ticks through the engine, stepped alone and with outputs encoded.", BenchEngine.Run));
        bench.Subcommands.Add(BenchWire.Create(json));
        bench.SetAction(parsed => Report([.. BenchCells.Run(parsed.GetValue(seconds)), .. BenchEngine.Run(parsed.GetValue(seconds))], parsed.GetValue(json)));
        return bench;

        Command Part(string name, string description, Func<double, IEnumerable<BenchLine>> run)
        {
            Command part = new(name, description);
            part.SetAction(parsed => Report(run(parsed.GetValue(seconds)), parsed.GetValue(json)));
            return part;
        }
    }

    private static int Report(IEnumerable<BenchLine> lines, bool asJson)
    {
        BenchMachine machine = BenchMachine.Measure();
        if (asJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { machine, lines = lines.ToArray() }, BenchLine.Json));
            return CommandLine.Success;
        }

        Console.WriteLine($"{machine.Processor}, {machine.LaneFloats * 32}-bit lanes, {machine.PeakGflops:f0} GFLOP/s of fused multiply-adds on one core");
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
internal sealed record BenchLine(string Group, string Case, string Unit, double PerSecond, double? AllocatedBytes = null, int? StateBytes = null)
{
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,   // read by people and programs, never by a browser
    };

    public double Nanoseconds => 1e9 / PerSecond;
}
