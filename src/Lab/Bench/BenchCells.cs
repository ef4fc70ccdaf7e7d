using System.CommandLine;
using System.CommandLine.Parsing;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using StreamRnn.Cells.Layers;
using StreamRnn.Lab.Cli;

namespace StreamRnn.Lab.Bench;

/// <summary>
/// <c>bench cells</c>: thread CPU time per event of each cell, alone and in micro-batches of many streams, in the lines in which other
/// runtimes' figures are collected too. Standard output holds these lines only.
/// </summary>
internal static class BenchCells
{
    private const int Blocks = 21;
    private const int Streams = 10_000;
    public const double DefaultSeconds = 0.2;
    private static readonly (string Name, CellKind Kind)[] Cells = [("lstm", CellKind.Lstm), ("gru", CellKind.Gru), ("rnn", CellKind.Rnn)];

    public static Command Create(Option<bool> json, Option<double?> seconds)
    {
        Option<string[]> cells = Words("--cell", [.. Cells.Select(cell => cell.Name)], ["lstm", "gru"]);
        Option<string[]> modes = Words("--mode", ["lat", "many"], ["lat", "many"]);
        Option<int[]> hidden = Numbers("--hidden", "Units of a layer.", [16, 32, 64, 128, 256]);
        Option<int[]> inputs = Numbers("--inputs", "Values of an event.", [1, 4]);
        Option<int[]> layers = Numbers("--layers", "Layers.", [1, 2]);
        Option<int[]> batches = Numbers("--batch", "Events of a micro-batch, in mode many.", [1, 16, 64]);
        Command command = new("cells", "Steps of the recurrent cells: CSV lines streamrnn,MODE,CELL,INPUTS,HIDDEN,LAYERS,BATCH,NS,ERROR. NS is thread CPU time per "
            + $"event, the median of {Blocks} blocks; ERROR the largest of an output within 1,000 steps against float64. Mode lat steps one stream, mode many "
            + $"{Streams} in random order. The whole grid takes about a minute at --seconds {DefaultSeconds} per measurement; the options narrow it.")
        {
            cells, modes, hidden, inputs, layers, batches,
        };
        command.SetAction(parsed =>
        {
            BenchMachine machine = BenchMachine.Measure();
            IEnumerable<CellLine> lines = Run(
                machine,
                from cell in parsed.GetValue(cells)!
                from input in parsed.GetValue(inputs)!
                from layer in parsed.GetValue(layers)!
                from units in parsed.GetValue(hidden)!
                select new ModelShape(Array.Find(Cells, known => known.Name == cell).Kind, input, units, layer, outputs: 2),
                parsed.GetValue(modes)!, parsed.GetValue(batches)!, parsed.GetValue(seconds) ?? DefaultSeconds);
            return Report(machine, lines, parsed.GetValue(json));
        });
        return command;
    }

    /// <summary>One layer, one input: the short form that stands beside the other parts.</summary>
    public static IEnumerable<BenchLine> Summary(double seconds) =>
        from line in Run(
            BenchMachine.Measure(),
            from cell in Cells
            from hidden in (int[])[16, 32, 64, 128]
            select new ModelShape(cell.Kind, 1, hidden, 1, 2),
            ["lat", "many"], [64], seconds)
        select new BenchLine($"cells, {line.Cell} {line.Hidden}", line.Mode == "lat" ? "one stream" : $"{Streams} streams, batches of {line.Batch}", "steps",
            1e9 / line.Nanoseconds);

    private static IEnumerable<CellLine> Run(BenchMachine machine, IEnumerable<ModelShape> shapes, string[] modes, int[] batches, double seconds)
    {
        WarmUp();
        foreach (ModelShape shape in shapes)
        {
            CellTruth truth = CellTruth.Of(shape);
            foreach ((string mode, int streams, int batch) in modes.SelectMany(mode => mode == "lat" ? [(mode, 1, 1)] : batches.Select(batch => (mode, Streams, batch))))
            {
                CellWorkload workload = new(shape, streams, batch);
                yield return new CellLine(mode, Array.Find(Cells, cell => cell.Kind == shape.Cell).Name, shape.Inputs, shape.Hidden, shape.Layers, batch,
                    Nanoseconds(workload, seconds) / batch, workload.Error(truth), 2 * MultiplyAdds(shape) / machine.PeakGflops);
            }
        }
    }

    /// <summary>
    /// Runs until the runtime has compiled the callers of the kernels in their final form, which it does in the background.
    /// </summary>
    private static void WarmUp()
    {
        CellWorkload workload = new(new ModelShape(CellKind.Gru, 1, 16, 1, 2), streams: 1, batch: 1);
        for (long startedAt = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(startedAt) < TimeSpan.FromSeconds(0.5);)
            Time(workload, steps: 1000);
    }

    /// <summary>Thread CPU time of one step of a batch: the median of blocks, so that what interrupts a few of them does not count.</summary>
    private static double Nanoseconds(CellWorkload workload, double seconds)
    {
        Time(workload, steps: 1);   // compiles
        double blockNanoseconds = seconds * 1e9 / Blocks, used;
        int steps = 1;
        while ((used = Time(workload, steps)) < blockNanoseconds)
            steps *= 2;
        steps = Math.Max(1, (int)(steps * blockNanoseconds / used));

        double[] times = new double[Blocks];
        for (int block = 0; block < Blocks; block++)
            times[block] = Time(workload, steps) / steps;
        Array.Sort(times);
        return times[Blocks / 2];
    }

    private static double Time(CellWorkload workload, int steps)
    {
        double before = ThreadCpu.Nanoseconds;
        for (int i = 0; i < steps; i++)
            workload.Next();
        return ThreadCpu.Nanoseconds - before;
    }

    private static double MultiplyAdds(ModelShape shape) =>
        Enumerable.Range(0, shape.Layers).Sum(layer => (double)shape.Gates * shape.Hidden * (shape.InputsOf(layer) + shape.Hidden))
            + (double)shape.Outputs * shape.Hidden;

    private static int Report(BenchMachine machine, IEnumerable<CellLine> lines, bool asJson)
    {
        if (asJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { machine, lines = lines.ToArray() }, BenchLine.Json));
            return CommandLine.Success;
        }

        Console.Error.WriteLine(machine);
        Console.Error.WriteLine("program,mode,cell,inputs,hidden,layers,batch,ns,error");
        foreach (CellLine line in lines)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"streamrnn,{line.Mode},{line.Cell},{line.Inputs},{line.Hidden},{line.Layers},{line.Batch},{line.Nanoseconds:f1},{line.Error:0.00e-00}"));
        }

        return CommandLine.Success;
    }

    private static Option<string[]> Words(string name, string[] known, string[] byDefault) =>
        List(name, $"Of {string.Join(", ", known)}.", byDefault, word => known.Contains(word) ? word : null, $"{string.Join(", ", known)}");

    private static Option<int[]> Numbers(string name, string description, int[] byDefault) =>
        List<int>(name, description, byDefault, word => int.TryParse(word, CultureInfo.InvariantCulture, out int value) && value is > 0 and <= 4096 ? value : null,
            "whole numbers from 1 to 4096");

    /// <summary>Values apart by blanks or commas.</summary>
    private static Option<T[]> List<T>(string name, string description, T[] byDefault, Func<string, object?> parse, string rule) => new(name)
    {
        Description = $"{description} Several apart by commas.",
        DefaultValueFactory = _ => byDefault,
        AllowMultipleArgumentsPerToken = true,
        CustomParser = result =>
        {
            List<T> values = [];
            foreach (string word in result.Tokens.SelectMany(token => token.Value.Split(',')))
            {
                if (parse(word) is T value)
                    values.Add(value);
                else
                    result.AddError($"{name} is '{word}'; it takes {rule}.");
            }

            return [.. values];
        },
    };
}

/// <summary>One measurement.</summary>
/// <param name="Nanoseconds">Thread CPU time per event: look-up of the stream, state, step and head.</param>
/// <param name="Error">The largest of an output within 1,000 steps, against float64.</param>
/// <param name="FloorNanoseconds">The event's multiply-adds at the peak rate of this core.</param>
internal sealed record CellLine(
    string Mode, string Cell, int Inputs, int Hidden, int Layers, int Batch, double Nanoseconds, double Error, double FloorNanoseconds)
{
    public double TimesFloor => Nanoseconds / FloorNanoseconds;
}
