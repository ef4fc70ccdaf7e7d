using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;
using StreamRnn.Detection;
using StreamRnn.Engine;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Ticks;
using StreamRnn.Lab.Cli;
using StreamRnn.Lab.Soak;

namespace StreamRnn.Lab.Bench;

/// <summary>
/// <c>bench soak</c>: a worker with its own broker and a data directory, fed at a fixed rate over more topics than it may hold, and what its
/// memory does meanwhile. Fails where it grows.
/// </summary>
internal static class BenchSoak
{
    private const string Bare = "bare";

    public static Command Create(Option<bool> json)
    {
        Option<TimeSpan> duration = Bounded.Duration("--duration", "How long to feed it.", "1m", TimeSpan.FromSeconds(1));
        Option<double> rate = Bounded.Option("--rate", "Ticks per second.", 20_000.0, value => value is >= 1 and <= 1e6, "1 to 1000000");
        Option<int> topics = Bounded.Option("--topics", "Distinct topics.", 1_000_000, value => value is >= 1 and <= SoakLoad.MaximumTopics, $"1 to {SoakLoad.MaximumTopics}");
        Option<int> limit = Bounded.Option("--limit", "Streams in all (Limits:Streams); the ticks of the others are refused.", 50_000,
            value => value is >= 1 and <= StreamDirectory.MaximumLimit, $"1 to {StreamDirectory.MaximumLimit}");
        Option<int> inMemory = Bounded.Option("--in-memory", "Of those in memory (Limits:StreamsInMemory), the rest on the disk; 0 for all.", 0,
            value => value is >= 0 and <= StreamDirectory.MaximumLimit, $"0 to {StreamDirectory.MaximumLimit}");
        Option<double> busy = Bounded.Option("--busy", $"Share of the ticks that goes to {SoakLoad.BusyTopics:N0} busy topics; the rest visits all in turn.", 0.5,
            value => value is >= 0 and <= 1, "0 to 1");
        Option<string> model = new("--model") { Description = $"default, {Bare} (a GRU-32 without a detector) or a model file.", DefaultValueFactory = _ => ShippedModel.Name, HelpName = "FILE" };
        Option<TimeSpan> every = Bounded.Duration("--every", "Time between two looks.", "5s", TimeSpan.FromMilliseconds(100));
        Option<int> tolerance = Bounded.Option("--tolerance", "MB that memory may grow by, from the first tenth after the warm-up to the last, before this fails.", 64,
            value => value is >= 0 and <= 1 << 20, $"0 to {1 << 20}");
        Option<double> warmUp = Bounded.Option("--warm-up", "Share of the duration that is not judged: slabs, queues and the heap find their size.", 0.1,
            value => value is >= 0 and <= 0.8, "0 to 0.8");
        Option<string?> csv = new("--csv") { Description = "Write every look as a row of this file.", HelpName = "FILE" };
        Option<string?> folder = new("--data-dir") { Description = "Where the worker keeps its log; a temporary folder, removed afterwards, unless given.", HelpName = "DIR" };
        Command soak = new("soak", "A worker fed for long over more topics than it may hold: does its memory stay as it is?")
            { duration, rate, topics, limit, inMemory, busy, model, every, tolerance, warmUp, csv, folder };
        soak.SetAction(parsed =>
        {
            if (!OperatingSystem.IsLinux())
                throw new CommandFailedException("bench soak reads /proc and runs on Linux alone");
            DirectoryInfo temporary = Directory.CreateTempSubdirectory("streamrnn-soak-");
            try
            {
                string modelFile = parsed.GetValue(model)!;
                SoakPlan plan = new(parsed.GetValue(duration), parsed.GetValue(rate), parsed.GetValue(topics), parsed.GetValue(busy), parsed.GetValue(every),
                    parsed.GetValue(warmUp), (long)parsed.GetValue(tolerance) << 20);
                Dictionary<string, string> settings = new() { ["Limits__Streams"] = parsed.GetValue(limit).ToString(CultureInfo.InvariantCulture) };
                if (parsed.GetValue(inMemory) > 0)
                    settings["Limits__StreamsInMemory"] = parsed.GetValue(inMemory).ToString(CultureInfo.InvariantCulture);
                SoakReport report = Run(plan, parsed.GetValue(folder) ?? Path.Combine(temporary.FullName, "data"),
                    modelFile == Bare ? WriteBareModel(temporary.FullName) : Path.GetFullPath(ShippedModel.Resolve(modelFile)), settings, parsed.GetValue(csv));
                return Say(report, plan, modelFile, parsed.GetValue(limit), parsed.GetValue(json));
            }
            finally
            {
                temporary.Delete(recursive: true);
            }
        });
        return soak;
    }

    private static SoakReport Run(SoakPlan plan, string folder, string model, IReadOnlyDictionary<string, string> settings, string? csv)
    {
        Directory.CreateDirectory(folder);
        using StreamWriter? rows = csv is null ? null : new StreamWriter(csv) { AutoFlush = true };
        using SoakWorker worker = new(folder, model, settings);
        worker.WaitUntilReady();
        List<SoakSample> samples = [];
        using StopSignal stop = new();   // ends early, with what there is
        using SoakLoad load = new(worker.Port, plan.Topics, plan.BusyShare, plan.Rate);
        long startedAt = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(startedAt) < plan.Duration && load.Failure is null && !stop.Token.IsCancellationRequested)
        {
            TimeSpan next = plan.Every * (samples.Count + 1);
            stop.Token.WaitHandle.WaitOne(TimeSpan.FromTicks(Math.Max(0, (Min(next, plan.Duration) - Stopwatch.GetElapsedTime(startedAt)).Ticks)));
            Add();
        }
        if (!load.Finish(TimeSpan.FromMinutes(1)) && load.Failure is string reason)
            throw new CommandFailedException($"{reason}: {worker.Said}");
        WaitUntilStepped(worker, load);
        Add();
        if (!worker.Stop())
            throw new CommandFailedException($"the worker did not stop in order: {worker.Said}");
        return SoakReport.Of(samples, plan.WarmUpShare * samples[^1].Seconds, plan.ToleratedBytes);

        void Add()
        {
            if (stop.Token.IsCancellationRequested && worker.WaitForExit(TimeSpan.FromSeconds(1)))
                throw new CommandFailedException("stopped before its time, and the worker with it: this run says nothing");   // Ctrl-C goes to both
            SoakSample sample = worker.Look(Stopwatch.GetElapsedTime(startedAt).TotalSeconds, load);
            if (samples.Count == 0)
                rows?.WriteLine(sample.Header);
            samples.Add(sample);
            rows?.WriteLine(sample.Row(samples[0]));
        }

        static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
    }

    /// <summary>An acknowledgement says that a tick was stepped; the worker's own count may be a micro-batch behind it.</summary>
    private static void WaitUntilStepped(SoakWorker worker, SoakLoad load)
    {
        for (int attempt = 0; attempt < 100; attempt++, Thread.Sleep(20))
        {
            SoakSample now = worker.Look(0, load);
            if (now["stepped"] == now["accepted"])
                return;
        }
    }

    private static int Say(SoakReport report, SoakPlan plan, string model, int limit, bool asJson)
    {
        if (asJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { processor = BenchMachine.ProcessorName(), model, limit, plan.Topics, plan.BusyShare, askedRate = plan.Rate, report }, BenchLine.Json));
        }
        else
        {
            Print($"{BenchMachine.ProcessorName()}, {Environment.ProcessorCount} cores");
            Print($"{plan.Topics:n0} topics, {model} model, at most {limit:n0} streams, {TimeSpan.FromSeconds(Math.Round(report.Seconds)):c}, the first {report.WarmUpSeconds:n0} s not judged");
            Print($"  ticks         {report.Sent,14:n0} sent, {report.Rate:n0} a second of {plan.Rate:n0} asked for; {report.CpuMicroseconds:0.0} us of the worker's CPU each");
            Print($"                {report.Accepted,14:n0} accepted on {report.Streams:n0} streams and stepped");
            foreach ((string reason, long count) in report.Refused)
                Print($"                {count,14:n0} refused as {reason}");
            if (report.OnDisk > 0)
            {
                Print($"  on disk       {report.OnDisk,14:n0} streams, {report.InMemory:n0} in memory");
                Print($"                {report.Evicted,14:n0} states moved there and {report.Returned:n0} back, {(report.EvictedBytes + report.ReturnedBytes) / 1048576.0 / report.Seconds:n1} MB a second");
            }
            Print($"  memory        {Course(report.Anonymous)}; {report.StateBytes / 1048576.0:n0} MB of it states");
            Print($"  resident      {Course(report.Resident)}");
            Print($"  data folder   {Course(report.Data)}");
            Print($"  to the device {report.WrittenBytesPerSecond / 1048576:n1} MB a second");
        }
        if (report.Fault is null)
            return CommandLine.Success;
        throw new CommandFailedException(report.Fault);

        static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));
        static string Course(SoakCourse course) => string.Create(CultureInfo.InvariantCulture,
            $"first tenth {course.First / 1048576.0:n1} MB, last tenth {course.Last / 1048576.0:n1} MB, most {course.Largest / 1048576.0:n1} MB, {course.PerHour / 1048576.0:+0.0;-0.0;0} MB an hour");
    }

    /// <summary>A GRU-32 with a head and no detector around it; weights of any value cost the same, these keep the gates off their rails.</summary>
    private static string WriteBareModel(string folder)
    {
        string path = Path.Combine(folder, "bare-gru-32.safetensors");
        ModelShape shape = new(CellKind.Gru, inputs: 2, hidden: 32, outputs: 1);
        Random random = new(32);
        float[] parameters = [.. Enumerable.Range(0, new ParameterLayout(shape).Length).Select(_ => (random.NextSingle() - 0.5f) * 0.35f)];
        ModelFile.Save(path, shape, parameters, new Dictionary<string, string> { [ForecasterFile.ForecasterKey] = ForecasterFile.Bare });
        return path;
    }
}

/// <summary>Parameters of a soak.</summary>
/// <param name="WarmUpShare">Of the duration.</param>
internal sealed record SoakPlan(TimeSpan Duration, double Rate, int Topics, double BusyShare, TimeSpan Every, double WarmUpShare, long ToleratedBytes);
