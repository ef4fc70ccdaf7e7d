using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;
using StreamRnn.Trainer.Evaluation;
using StreamRnn.Trainer.Fit;
using StreamRnn.Trainer.Pictures;
using static System.FormattableString;

namespace StreamRnn.Lab.Textbook;

/// <summary>Amount of work for the pictures.</summary>
internal sealed record TextbookSettings
{
    /// <summary>Steps of a window of the adding problem.</summary>
    public int Steps { get; init; } = 100;

    public int Hidden { get; init; } = 32;

    /// <summary>Windows of a batch.</summary>
    public int Rows { get; init; } = 32;

    /// <summary>Batches that each network learns from.</summary>
    public int Updates { get; init; } = 3000;

    public ulong Seed { get; init; } = 1;
}

/// <summary>
/// Textbook claims about recurrent cells, reproduced: the gradient of a plain RNN vanishes and that of gated cells need not; GRU compared
/// with LSTM; clipping keeps an exploding run finite.
/// </summary>
internal sealed class TextbookReport
{
    private const double Solved = 0.01;   // mean squared error, a sixteenth of answering 1
    private const int Averaged = 25;      // batches, in curves
    private const int WindowSteps = 64;   // of a recording

    private static readonly int[] Lags = [1, 5, 10, 20, 50, 99];
    private static readonly (string Name, CellKind Cell)[] Cells = [("RNN", CellKind.Rnn), ("LSTM", CellKind.Lstm), ("GRU", CellKind.Gru)];

    private readonly TextbookSettings _settings;
    private readonly List<Learner> _learners = [];
    private readonly LearningRun _free, _clipped;

    private readonly string _title;
    private readonly ForecastReport _forecasts;

    /// <param name="series">Series on which LSTM and GRU are compared beside the adding problem.</param>
    /// <param name="progress">Receives the name of the next run.</param>
    public TextbookReport(TextbookSettings settings, TextbookSeries series, Action<string> progress)
    {
        _settings = settings;
        foreach ((string name, CellKind cell) in Cells)
        {
            progress($"{name} on the adding problem");
            _learners.Add(Learn(name, cell));
        }

        progress($"LSTM and GRU on {series.Name}");
        var next = new NextValue(series);
        _title = Invariant($"{series.Name}, one step ahead");
        _forecasts = next.Score(Cells.Select(one => (one.Name, next.Learn(one.Cell, settings.Hidden, WindowSteps, settings.Rows, settings.Updates / 2, settings.Seed))).ToArray());

        progress("an exploding run, with and without clipping");
        (_free, _clipped) = ExplodingGradient.Run(settings.Steps, settings.Rows, settings.Hidden, Math.Min(settings.Updates, 300), settings.Seed);
    }

    /// <summary>One self-contained page.</summary>
    public string Html()
    {
        double[] updates = Curve(_learners[0].Run.Losses).X;
        return new PicturePage("Recurrent cells: the textbook claims, run")
            .Paragraph(Invariant($"The adding problem: {_settings.Steps} steps each bring a number and a mark, and the sum of the two marked numbers is asked for after the last. ")
                + Invariant($"{_settings.Hidden} units, {_settings.Rows} windows a batch, Adam at {Rate}, gradients clipped at norm 1, seed {_settings.Seed}."))
            .Heading("The vanishing gradient")
            .Paragraph("How much of the last step's loss reaches the input of earlier steps, as a share of what reaches the last one. Before training every cell forgets; "
                + "what differs is whether training can open the way back.")
            .Chart(new LineChart("Gradient by lag, before training", "steps before the last", "dL/dx, share of lag 0", [.. _learners.Select(learner => new ChartLine(learner.Name, Share(learner.Before)))]) { IsLogarithmic = true })
            .Chart(new LineChart("Gradient by lag, after training", "steps before the last", "dL/dx, share of lag 0", [.. _learners.Select(learner => new ChartLine(learner.Name, Share(learner.After)))]) { IsLogarithmic = true })
            .Heading("What it costs: learning")
            .Chart(new LineChart("Loss on the adding problem", "updates", $"mean squared error, mean of {Averaged}",
            [
                .. _learners.Select(learner => new ChartLine(learner.Name, updates, Curve(learner.Run.Losses).Y)),
                new ChartLine("always answering 1", updates, [.. updates.Select(_ => AddingProblem.ErrorOfOne)], Dashed: true),
            ])
            { IsLogarithmic = true })
            .Heading("GRU against LSTM")
            .Table(CellTable())
            .Table(_forecasts.Text(_title))
            .Heading("The exploding gradient")
            .Paragraph(Invariant($"A plain RNN with recurrent weights four times too large, plain gradient descent at 0.05, the same windows with and without clipping at norm 1. {Fate("Without clipping", _free)} {Fate("With clipping", _clipped)}"))
            .Chart(new LineChart("Gradient norm before clipping", "updates", "norm", [new ChartLine("clipped at 1", _clipped.Norms), new ChartLine("not clipped", _free.Norms)]) { IsLogarithmic = true })
            .Chart(new LineChart("Loss", "updates", "mean squared error", [new ChartLine("clipped at 1", _clipped.Losses), new ChartLine("not clipped", _free.Losses)]) { IsLogarithmic = true })
            .Html();
    }

    /// <summary>Formats the report as tables for a terminal.</summary>
    public string Table()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"gradient of the last step's loss by lag, as a share of lag 0 (adding problem, {_settings.Steps} steps, {_settings.Hidden} units)");
        int[] lags = [.. Lags.Where(lag => lag < _settings.Steps)];
        text.AppendLine($"  {"",-22}{string.Concat(lags.Select(lag => $"{$"lag {lag}",10}"))}");
        foreach (Learner learner in _learners)
            foreach ((string when, double[] norms) in ((string, double[])[])[("before training", learner.Before), ("after training", learner.After)])
                text.AppendLine($"  {$"{learner.Name} {when}",-22}{string.Concat(lags.Select(lag => $"{Invariant($"{Share(norms)[lag]:0.0e+00}"),10}"))}");
        return text.AppendLine().AppendLine("learning").AppendLine(CellTable()).AppendLine().AppendLine(_forecasts.Text(_title)).AppendLine()
            .AppendLine("an exploding run (RNN, recurrent weights four times too large, gradient descent at 0.05)")
            .AppendLine($"  {Fate("Without clipping", _free)}").Append($"  {Fate("With clipping at norm 1", _clipped)}").ToString();
    }

    public JsonObject Json() => new()
    {
        ["steps"] = _settings.Steps,
        ["hidden"] = _settings.Hidden,
        ["rows"] = _settings.Rows,
        ["updates"] = _settings.Updates,
        ["seed"] = _settings.Seed,
        ["errorOfAlwaysOne"] = AddingProblem.ErrorOfOne,
        ["cells"] = new JsonArray([.. _learners.Select(learner => (JsonNode)new JsonObject
        {
            ["cell"] = learner.Name,
            ["parameters"] = learner.Run.Parameters.Length,
            ["finalLoss"] = learner.Run.FinalLoss,
            ["updatesUntilSolved"] = learner.Run.UpdatesUntil(Solved),
            ["trainingMillisecondsPerUpdate"] = learner.MillisecondsPerUpdate,
            ["streamingNanosecondsPerEvent"] = learner.NanosecondsPerEvent,
            ["gradientByLagBefore"] = Numbers(Share(learner.Before)),
            ["gradientByLagAfter"] = Numbers(Share(learner.After)),
        })]),
        ["forecasts"] = _forecasts.Json(),
        ["exploding"] = new JsonObject
        {
            ["withoutClipping"] = Json(_free),
            ["withClipping"] = Json(_clipped),
        },
    };

    private const double Rate = 0.005;

    private Learner Learn(string name, CellKind cell)
    {
        ModelShape shape = AddingProblem.Shape(cell, _settings.Hidden);
        float[] initial = Initialisation.Uniform(shape, _settings.Seed, forgetBias: 1);
        var problem = new AddingProblem(_settings.Steps, _settings.Rows, _settings.Seed);
        LearningRun run = LearningRun.Train(problem.CreateBatch(shape), problem.Fill, initial,
            new OptimiserSettings(OptimiserKind.Adam) { LearningRate = Rate }, clip: 1, _settings.Updates);
        ulong held = _settings.Seed + 1;
        return new Learner(name, run, GradientByLag.Of(new AddingProblem(_settings.Steps, 256, held), shape, initial),
            GradientByLag.Of(new AddingProblem(_settings.Steps, 256, held), shape, run.Parameters), Stepping(shape, run.Parameters));
    }

    /// <summary>CPU nanoseconds of one event of one stream: the median of some blocks.</summary>
    private static double Stepping(ModelShape shape, float[] parameters)
    {
        SequenceModel model = SequenceModel.Create(shape, parameters);
        var slab = new StateSlab(model.StateFloats);
        int[] rows = [slab.Add()];
        StepScratch scratch = model.CreateScratch(1);
        float[] x = [0.5f, 0], y = [0];
        const int Events = 20_000, Blocks = 9;
        double[] blocks = new double[Blocks];
        for (int block = -2; block < Blocks; block++)   // the first ones are compiled
        {
            TimeSpan before = Environment.CpuUsage.UserTime;
            for (int i = 0; i < Events; i++)
                model.Step(x, slab, rows, y, scratch);
            blocks[Math.Max(block, 0)] = (Environment.CpuUsage.UserTime - before).TotalNanoseconds / Events;
        }

        Array.Sort(blocks);
        return blocks[Blocks / 2];
    }

    private string CellTable()
    {
        var text = new StringBuilder();
        text.Append($"  {"cell",-6}{"parameters",12}{"final MSE",12}{"updates until 0.01",20}{"ms per update",16}{"ns per event",14}");
        foreach (Learner learner in _learners)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n  {learner.Name,-6}{learner.Run.Parameters.Length,12:n0}{learner.Run.FinalLoss,12:0.0000}")
                .Append(CultureInfo.InvariantCulture, $"{learner.Run.UpdatesUntil(Solved)?.ToString(CultureInfo.InvariantCulture) ?? "never",20}{learner.MillisecondsPerUpdate,16:0.00}{learner.NanosecondsPerEvent,14:0}");
        }

        return text.ToString();
    }

    private static string Fate(string name, LearningRun run)
    {
        bool broken = !double.IsFinite(run.Losses[^1]) || !double.IsFinite(run.Norms[^1]);
        double largest = run.Norms.Where(double.IsFinite).DefaultIfEmpty(double.NaN).Max();
        return Invariant($"{name}: the largest gradient has norm {largest:0.0e+00}; ")
            + (broken ? Invariant($"after {run.Losses.Length - 1} updates the loss is no number any more.")
                : Invariant($"after {run.Losses.Length} updates the loss is {run.FinalLoss:0.000}."));
    }

    private static JsonObject Json(LearningRun run) => new()
    {
        ["updates"] = run.Losses.Length,
        ["finite"] = double.IsFinite(run.Losses[^1]) && double.IsFinite(run.Norms[^1]),
        ["largestGradientNorm"] = run.Norms.Where(double.IsFinite).DefaultIfEmpty(0).Max(),
        ["losses"] = Numbers(run.Losses),
        ["gradientNorms"] = Numbers(run.Norms),
    };

    private static JsonArray Numbers(IEnumerable<double> numbers) => new([.. numbers.Select(number => double.IsFinite(number) ? (JsonNode)number : null)]);

    private static double[] Share(double[] norms) => Array.ConvertAll(norms, norm => norm / norms[0]);

    /// <summary>Means over some batches.</summary>
    private static (double[] X, double[] Y) Curve(double[] losses)
    {
        double[][] groups = [.. losses.Chunk(Averaged)];
        return ([.. groups.Select((_, i) => (i + 0.5) * Averaged)], [.. groups.Select(group => group.Average())]);
    }

    private sealed record Learner(string Name, LearningRun Run, double[] Before, double[] After, double NanosecondsPerEvent)
    {
        public double MillisecondsPerUpdate => 1000 * Run.CpuSeconds / Run.Losses.Length;
    }
}
