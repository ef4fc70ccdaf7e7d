using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Training;
using StreamRnn.Lab.Cli;
using StreamRnn.Trainer.Fit;

namespace StreamRnn.Lab.Bench;

/// <summary>
/// <c>bench train</c>: epochs over windows of one noisy wave, in the setting in which other frameworks are timed: mean squared error of the
/// head after the last step, Adam, full batches in shuffled order, everything an epoch needs included.
/// </summary>
internal static class BenchTrain
{
    private const int Epochs = 5;

    public static Command Create(Option<bool> json)
    {
        Option<string> cell = new("--cell") { Description = "lstm, gru or rnn.", DefaultValueFactory = _ => "lstm" };
        cell.AcceptOnlyFromAmong("lstm", "gru", "rnn");
        Option<int> hidden = Number("--hidden", "Units of a layer.", 64, 4096), layers = Number("--layers", "Layers.", 1, 16);
        Option<int> inputs = Number("--inputs", "Values of an event.", 1, 4096), windows = Number("--windows", "Windows of an epoch.", 10_000, 10_000_000);
        Option<int> length = Number("--length", "Steps of a window.", 60, 100_000), batch = Number("--batch", "Windows of a batch.", 32, 65_536);
        Option<int> threads = Number("--threads", "Threads that share a batch.", 1, 256);
        Command command = new("train", $"Training epochs on windows, in seconds: the fastest of {Epochs} after one that is not counted; thread CPU time where there is "
            + "one thread, by the clock on the wall where there are more.")
        {
            cell, hidden, layers, inputs, windows, length, batch, threads,
        };
        command.SetAction(parsed =>
        {
            CellKind kind = parsed.GetValue(cell) switch { "lstm" => CellKind.Lstm, "gru" => CellKind.Gru, _ => CellKind.Rnn };
            var shape = new ModelShape(kind, parsed.GetValue(inputs), parsed.GetValue(hidden), parsed.GetValue(layers), outputs: 1);
            return Report(Run(shape, parsed.GetValue(windows), parsed.GetValue(length), parsed.GetValue(batch), parsed.GetValue(threads)), parsed.GetValue(json));
        });
        return command;
    }

    private static TrainLine Run(ModelShape shape, int windows, int length, int batchRows, int threads)
    {
        var random = new Random(7);
        float[] series = [.. Enumerable.Range(0, windows + length + shape.Inputs).Select(t => (float)(Math.Sin(t * 0.1) + 0.1 * random.NextDouble()))];
        int[] order = [.. Enumerable.Range(0, windows)];
        using WindowNetwork network = WindowNetwork.Create(shape, batchRows, length, threads);
        var batch = new WindowBatch(shape, batchRows, length, OutputsAt.LastStep);
        float[] parameters = new float[network.Layout.Length], gradient = new float[parameters.Length], targets = new float[batchRows];
        foreach (ref float parameter in parameters.AsSpan())
            parameter = (float)((2 * random.NextDouble() - 1) / Math.Sqrt(shape.Hidden));
        var optimiser = new Optimiser(new OptimiserSettings(OptimiserKind.Adam), parameters.Length);

        (double seconds, double cpuSeconds, double loss, double peak) = (double.MaxValue, double.MaxValue, 0, 0);
        for (int epoch = 0; epoch <= Epochs; epoch++)
        {
            random.Shuffle(order);
            double cpuBefore = ThreadCpu.Nanoseconds, sum = 0;
            long startedAt = Stopwatch.GetTimestamp();
            for (int first = 0; first < windows; first += batchRows)
            {
                int rows = Math.Min(batchRows, windows - first);
                if (rows != batch.Rows)
                    batch.Resize(rows, length);
                Fill(batch, series, order.AsSpan(first, rows), targets);
                network.SetParameters(parameters);
                network.Forward(batch);
                sum += Loss.MeanSquared.Evaluate(batch.Outputs, targets.AsSpan(0, rows), batch.OutputGradients).Sum;
                network.Backward(batch, gradient);
                optimiser.Step(parameters, gradient, optimiser.Settings.LearningRate);
            }

            loss = sum / windows;
            if (epoch == 0)
                continue;
            seconds = Math.Min(seconds, Stopwatch.GetElapsedTime(startedAt).TotalSeconds);
            cpuSeconds = Math.Min(cpuSeconds, (ThreadCpu.Nanoseconds - cpuBefore) / 1e9);
            peak = Math.Max(peak, BenchMachine.Measure().PeakGflops);
        }

        string name = shape.ToString();
        Measured.Per(windows, threads == 1 ? cpuSeconds : seconds, name, "time in an epoch");
        return new TrainLine(name, windows, length, batchRows, threads, cpuSeconds, seconds,
            FlopsOfWindow(shape, length) * windows / 1e9, peak, Measured.Finite(loss, name, "the loss"));
    }

    private static void Fill(WindowBatch batch, float[] series, ReadOnlySpan<int> starts, Span<float> targets)
    {
        Span<float> inputs = batch.Inputs;
        int values = batch.Shape.Inputs, at = 0;
        for (int t = 0; t < batch.Steps; t++)
            foreach (int start in starts)
                for (int i = 0; i < values; i++)
                    inputs[at++] = series[start + t + i];
        for (int row = 0; row < starts.Length; row++)
            targets[row] = series[starts[row] + batch.Steps + values - 1];
    }

    /// <summary>
    /// Counts two operations per multiply-add of the matrices: each step of a layer forward (W x, U h), the same for their gradients, and
    /// dL/dh through U and, above the first layer, dL/dx through W; of the head three times its size after the last step. Biases and gates
    /// are not counted.
    /// </summary>
    private static double FlopsOfWindow(ModelShape shape, int length) =>
        2.0 * length * Enumerable.Range(0, shape.Layers).Sum(layer =>
            (double)shape.Gates * shape.Hidden * ((layer == 0 ? 2 : 3) * shape.InputsOf(layer) + 3 * shape.Hidden)) + 6.0 * shape.Hidden * shape.Outputs;

    private static int Report(TrainLine line, bool asJson)
    {
        BenchMachine machine = BenchMachine.Measure() with { PeakGflops = line.PeakGflops };
        if (asJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                machine,
                line.Model,
                line.Windows,
                line.Length,
                line.Batch,
                line.Threads,
                line.SecondsPerEpoch,
                line.CpuSecondsPerEpoch,
                line.WallSecondsPerEpoch,
                line.WindowsPerSecond,
                line.Gflops,
                line.PeakGflops,
                line.ShareOfPeak,
                line.Loss,
            }, BenchLine.Json));
            return CommandLine.Success;
        }

        Console.WriteLine(machine);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"train {line.Model}, {line.Windows} windows of {line.Length}, batches of {line.Batch}, Adam, {line.Threads} thread{(line.Threads == 1 ? "" : "s")}"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  {line.SecondsPerEpoch:f3} s per epoch ({line.CpuSecondsPerEpoch:f3} s CPU of the calling thread, {line.WallSecondsPerEpoch:f3} s on the wall), {line.WindowsPerSecond:n0} windows/s"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  {line.Gflops:f1} GFLOP/s of {line.PeakGflops:f1} a core: {line.ShareOfPeak:p1} of {line.Threads} core{(line.Threads == 1 ? "" : "s")}; loss {line.Loss:g3}"));
        return CommandLine.Success;
    }

    private static Option<int> Number(string name, string description, int byDefault, int largest) =>
        Bounded.Option(name, description, byDefault, value => value >= 1 && value <= largest, $"a whole number from 1 to {largest}");
}

/// <summary>Cost of epochs.</summary>
/// <param name="CpuSecondsPerEpoch">Processor time of the calling thread, of the fastest epoch: with one thread, what an epoch takes on a machine that does nothing else.</param>
/// <param name="WallSecondsPerEpoch">The fastest epoch by the clock on the wall.</param>
/// <param name="GflopPerEpoch">Multiply-adds of the matrices, two each, forward and back.</param>
/// <param name="PeakGflops">Of one core, measured between the epochs.</param>
internal sealed record TrainLine(string Model, int Windows, int Length, int Batch, int Threads, double CpuSecondsPerEpoch, double WallSecondsPerEpoch,
    double GflopPerEpoch, double PeakGflops, double Loss)
{
    public double SecondsPerEpoch => Threads == 1 ? CpuSecondsPerEpoch : WallSecondsPerEpoch;

    public double WindowsPerSecond => Windows / SecondsPerEpoch;

    public double Gflops => GflopPerEpoch / SecondsPerEpoch;

    public double ShareOfPeak => Gflops / (Threads * PeakGflops);
}
