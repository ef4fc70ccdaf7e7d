using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;
using StreamRnn.Detection;
using StreamRnn.Engine;
using StreamRnn.Lab.Cli;

namespace StreamRnn.Lab.Bench;

/// <summary>
/// <c>bench flood</c>: the highest rate through a worker with a data directory, in a separate process with the embedded broker: JSON at QoS
/// 1 over TCP, stepped, published, acknowledged from the disk. Devices and the reader of the forecasts share the machine with it.
/// </summary>
internal static class BenchFlood
{
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(4);   // every method compiled in its last form
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Threads of the worker whose share is reported: those that read sockets, step, write the log, publish and send.</summary>
    private static readonly (string Name, string Thread)[] Parts =
        [("read", "mqtt broker connection"), ("step", "shard"), ("publish", "publisher"), ("send", "mqtt broker sender"), ("log", "commit"), ("save", "checkpoints")];

    public static Command Create(Option<bool> json)
    {
        Option<TimeSpan> duration = BenchWire.Length();
        Option<int> connections = Bounded.Option("--connections", "Devices that send, each over a connection of its own.", 4, value => value is >= 1 and <= 100, "1 to 100");
        Option<int> window = Bounded.Option("--window", "Packets a device may have unacknowledged; the broker allows 4096.", 4096, value => value is >= 1 and <= 4096, "1 to 4096");
        Option<int> streams = Bounded.Option("--streams", "Streams in all.", 1000, value => value is >= 100 and <= 100_000, "100 to 100000");
        Option<string[]> models = Words("--model", "The worker's model; may be repeated.", "bare", "detector");
        Option<string[]> readers = Words("--reader", "Whether a subscriber takes all forecasts, at QoS 1; may be repeated.", "one", "none");
        Command flood = new("flood", "As many ticks as go through: MQTT at QoS 1 into a worker with a data directory, forecasts out.") { duration, connections, window, streams, models, readers };
        flood.SetAction(parsed =>
        {
            FloodCase[] cases = [.. from model in parsed.GetValue(models)! from reader in parsed.GetValue(readers)! select new FloodCase(model, reader)];
            FloodSize size = new(parsed.GetValue(connections), parsed.GetValue(window), Math.Max(1, parsed.GetValue(streams) / parsed.GetValue(connections)));
            return Report(cases.Select(one => Measure(one, size, parsed.GetValue(duration))), parsed.GetValue(json));
        });
        return flood;
    }

    private static Option<string[]> Words(string name, string description, params string[] words)
    {
        Option<string[]> option = new(name) { Description = description, DefaultValueFactory = _ => words };
        option.AcceptOnlyFromAmong(words);
        return option;
    }

    private static FloodLine Measure(FloodCase one, FloodSize size, TimeSpan duration)
    {
        string folder = Directory.CreateTempSubdirectory("streamrnn-bench-").FullName;
        try
        {
            string data = Path.Combine(folder, "data");
            List<(string, string)> settings = [("DataDir", data)];
            if (one.Model == "bare")
                settings.Add(("Model", WriteBareModel(folder)));
            using WireWorker worker = new(broker: null, qos: 1, [.. settings]);
            if (!worker.WaitUntilReady(Patience))
                throw new CommandFailedException($"the worker is not ready after {Patience.TotalSeconds:0} s; is the machine overloaded?");
            using Flood flood = new(worker, size, withReader: one.Reader == "one");
            using DiskMeter disk = new(data);
            flood.RunFor(duration * 4 < WarmUp ? duration * 4 : WarmUp, Patience);
            FloodPoint first = Point();
            flood.RunFor(duration, Patience);
            FloodPoint last = Point();
            flood.Finish(Patience);
            return FloodLine.Between(one, first, last, Parts);

            FloodPoint Point() => new(Stopwatch.GetTimestamp(), flood.Done, worker.Use, Environment.CpuUsage.TotalTime, disk.Use);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Weights of any size cost the same; these keep the gates off their rails.</summary>
    public static string WriteBareModel(string folder)
    {
        ModelShape shape = new(CellKind.Gru, inputs: 2, hidden: 32, outputs: 1);
        Random random = new(32);
        float[] parameters = [.. Enumerable.Range(0, new ParameterLayout(shape).Length).Select(_ => (random.NextSingle() - 0.5f) * 0.35f)];
        string path = Path.Combine(folder, "gru-32.safetensors");
        ModelFile.Save(path, shape, parameters, new Dictionary<string, string> { [ForecasterFile.ForecasterKey] = ForecasterFile.Bare });
        return path;
    }

    private static int Report(IEnumerable<FloodLine> lines, bool asJson)
    {
        BenchMachine machine = BenchMachine.Measure();
        if (asJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { machine, lines = lines.ToArray() }, BenchLine.Json));
            return CommandLine.Success;
        }

        Console.WriteLine($"{machine}, {Environment.ProcessorCount} cores");
        Console.WriteLine("JSON at QoS 1 over TCP into a worker with a data directory, CommitInterval as shipped; microseconds of CPU and bytes are per tick");
        foreach (FloodLine line in lines)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  {line.Case,-32}{line.TicksPerSecond,10:n0} ticks/s   worker {line.WorkerMicroseconds,5:0.00} us ({string.Join(", ", line.Parts.Select(part => $"{part.Key} {part.Value.ToString("0.00", CultureInfo.InvariantCulture)}"))})"
                + $"   devices and reader {line.LoadMicroseconds,5:0.00} us{line.Disk}"));
        }
        return CommandLine.Success;
    }
}

/// <param name="Window">Packets each connection may have unacknowledged.</param>
/// <param name="Streams">Of each connection.</param>
internal sealed record FloodSize(int Connections, int Window, int Streams);

/// <param name="Model"><c>bare</c> or <c>detector</c>.</param>
/// <param name="Reader"><c>one</c>, at QoS 1, or <c>none</c>.</param>
internal sealed record FloodCase(string Model, string Reader)
{
    public override string ToString() =>
        (Model == "bare" ? "bare GRU-32, " : "default detector, ") + (Reader == "none" ? "no reader" : "a reader");
}

/// <summary>Counters of all parts at one moment.</summary>
/// <param name="Load">CPU time of devices and reader, which are this process.</param>
internal sealed record FloodPoint(long At, long Done, ProcessUse Worker, TimeSpan Load, DiskUse Disk);

/// <summary>Figures of a flood between two moments.</summary>
/// <param name="TicksPerSecond">Acknowledged and, where there is a reader, their forecasts received.</param>
/// <param name="Parts">Microseconds of CPU per tick, by what the worker's threads do.</param>
internal sealed record FloodLine(string Case, long Ticks, double TicksPerSecond, double WorkerMicroseconds, IReadOnlyDictionary<string, double> Parts,
    double LoadMicroseconds, DiskPerTick Disk)
{
    public static FloodLine Between(FloodCase one, FloodPoint first, FloodPoint last, IReadOnlyList<(string Name, string Thread)> parts)
    {
        long ticks = last.Done - first.Done;
        string name = one.ToString();
        return new FloodLine(name, ticks, ticks / Stopwatch.GetElapsedTime(first.At, last.At).TotalSeconds,
            Each((last.Worker.Cpu - first.Worker.Cpu).TotalMicroseconds),
            parts.ToDictionary(part => part.Name, part => Each(last.Worker.MicrosecondsSince(first.Worker, part.Thread))),
            Each((last.Load - first.Load).TotalMicroseconds), last.Disk.Since(first.Disk, ticks, name));

        double Each(double amount) => Measured.Per(amount, ticks, name, "ticks");
    }
}

/// <summary>Devices and perhaps a reader at one worker.</summary>
internal sealed class Flood : IDisposable
{
    private readonly FloodDevice[] _devices;
    private readonly FloodReader? _reader;

    public Flood(WireWorker worker, FloodSize size, bool withReader)
    {
        _reader = withReader ? new FloodReader(worker.Host, worker.Port, worker.Topic, size.Connections * size.Streams) : null;
        _devices = [.. Enumerable.Range(0, size.Connections).Select(device =>
            new FloodDevice(worker.Host, worker.Port, worker.Topic, device * size.Streams, size.Streams, size.Window))];
        foreach (FloodDevice device in _devices)
            device.Start();
    }

    /// <summary>Ticks that are done with: acknowledged and, where there is a reader, their forecasts received.</summary>
    public long Done => Math.Min(_devices.Sum(device => device.Acknowledged), _reader?.Received ?? long.MaxValue);

    /// <param name="patience">How long to go on where nothing is done with by then.</param>
    public void RunFor(TimeSpan duration, TimeSpan patience)
    {
        long before = Done;
        for (long startedAt = Stopwatch.GetTimestamp(); GoesOn(Stopwatch.GetElapsedTime(startedAt)); Thread.Sleep(50))
        {
            if (_devices.Select(device => device.Failure).FirstOrDefault(failure => failure is not null) is string failure)
                throw new CommandFailedException($"a device lost its connection: {failure}");
        }

        bool GoesOn(TimeSpan elapsed) => elapsed < duration || (elapsed < patience && Done == before);
    }

    /// <summary>Stops sending and waits until everything has come back, in order and once.</summary>
    public void Finish(TimeSpan patience)
    {
        foreach (FloodDevice device in _devices)
            device.Stop(patience);
        long sent = _devices.Sum(device => device.Sent), acknowledged = _devices.Sum(device => device.Acknowledged);
        if (acknowledged != sent)
            throw new CommandFailedException($"{sent - acknowledged:N0} of {sent:N0} ticks were not acknowledged within {patience.TotalSeconds:0} s; is the machine overloaded?");
        if (_reader is null)
            return;
        for (long startedAt = Stopwatch.GetTimestamp(); _reader.Received < sent && Stopwatch.GetElapsedTime(startedAt) < patience;)
            Thread.Sleep(10);
        if (_reader.Received != sent || _reader.OutOfOrder > 0)
            throw new CommandFailedException($"of {sent:N0} ticks {_reader.Received:N0} forecasts came, {_reader.OutOfOrder:N0} of them not the next of their stream");
    }

    public void Dispose()
    {
        foreach (FloodDevice device in _devices)
            device.Dispose();
        _reader?.Dispose();
    }
}
