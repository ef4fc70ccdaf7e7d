using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using StreamRnn.Engine;
using StreamRnn.Engine.Journal;
using StreamRnn.Lab.Cli;

namespace StreamRnn.Lab.Bench;

/// <summary>
/// <c>bench wire</c>: a worker in a separate process, ticks in over MQTT and forecasts out, on loopback. Cost is the CPU time of that
/// process; latency is measured outside it, from before the publish to the arrival of the forecast.
/// </summary>
internal static class BenchWire
{
    private const double WarmUpSeconds = 3;

    public static Command Create(Option<bool> json)
    {
        Option<double[]> rates = new("--rate")
        {
            Description = "Ticks per second of a paced part; may be repeated. 1000 unless said, with --durable 100, 1000 and 10000.",
            CustomParser = result => [.. result.Tokens.Select(token =>
            {
                if (double.TryParse(token.Value, CultureInfo.InvariantCulture, out double rate) && rate is >= 1 and <= 1e6)
                    return rate;
                result.AddError($"--rate is '{token.Value}'; it takes 1 to 1000000.");
                return 0;
            })],
        };
        Option<bool> durable = new("--durable") { Description = "The worker keeps its ticks on the disk and acknowledges them from there: QoS 1, and the bytes it writes." };
        Option<TimeSpan> duration = Length();
        Option<string?> broker = new("--broker")
        {
            Description = "A broker that runs already, to use in place of a mosquitto of our own.",
            HelpName = "HOST:PORT",
        };
        broker.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && !TryParse(result.Tokens[0].Value, out _))
                result.AddError($"--broker is '{result.Tokens[0].Value}'; it takes HOST:PORT.");
        });
        Command wire = new("wire", "Ticks over MQTT into a worker process and forecasts back: CPU per tick, latency, bytes written.") { rates, durable, duration, broker };
        wire.SetAction(parsed =>
        {
            bool isDurable = parsed.GetValue(durable);
            double[] paces = parsed.GetValue(rates) is { Length: > 0 } said ? said : isDurable ? [100, 1000, 10_000] : [1000];
            return Report(Run(isDurable, paces, parsed.GetValue(duration).TotalSeconds, parsed.GetValue(broker)), parsed.GetValue(json));
        });
        return wire;
    }

    /// <summary>Length of each measurement.</summary>
    public static Option<TimeSpan> Length() =>
        Bounded.Duration("--duration", "Length of each measurement; longer is steadier.", "5s", TimeSpan.FromMilliseconds(100));

    private static IEnumerable<WireLine> Run(bool durable, double[] rates, double seconds, string? broker)
    {
        foreach (WireLine line in Measure("embedded broker", broker: null, durable, rates, seconds))
            yield return line;

        using Mosquitto? mosquitto = broker is null ? Mosquitto.TryStart() : null;
        (string Host, int Port)? address = mosquitto is null ? null : ("127.0.0.1", mosquitto.Port);
        if (broker is not null && TryParse(broker, out (string Host, int Port) given))
            address = given;
        if (address is null)
            yield break;
        foreach (WireLine line in Measure(broker ?? "mosquitto", address, durable, rates, seconds))
            yield return line;
    }

    private static IEnumerable<WireLine> Measure(string name, (string Host, int Port)? broker, bool durable, double[] rates, double seconds)
    {
        if (!durable)
        {
            foreach (byte qos in new byte[] { 0, 1 })
            {
                using WireWorker worker = new(broker, qos);
                foreach (WireLine line in Measure($"{name}, QoS {qos}", worker, qos, folder: null, rates, seconds))
                    yield return line;
            }
            yield break;
        }

        foreach (TimeSpan interval in new[] { TimeSpan.Zero, new DurabilityOptions().CommitInterval })
        {
            string folder = Directory.CreateTempSubdirectory("streamrnn-bench-").FullName;
            try
            {
                using WireWorker worker = new(broker, qos: 1, ("DataDir", folder), ("Durability__CommitInterval", interval.ToString()));
                foreach (WireLine line in Measure($"{name}, QoS 1, durable, CommitInterval {interval.TotalMilliseconds:0} ms", worker, qos: 1, folder, rates, seconds))
                    yield return line;
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    /// <summary>First as fast as it goes, which has every method compiled in its last form, then paced.</summary>
    private static IEnumerable<WireLine> Measure(string group, WireWorker worker, byte qos, string? folder, double[] rates, double seconds)
    {
        using WireLoad load = new(worker, qos);
        load.PlayFlat(WarmUpSeconds);
        yield return Between("as fast as it goes", () => load.PlayFlat(seconds));
        foreach (double rate in rates)
        {
            load.PlayPaced(rate, Math.Min(1, seconds));
            yield return Between(string.Create(CultureInfo.InvariantCulture, $"{rate:n0} ticks/s"), () => load.PlayPaced(rate, seconds));
        }

        WireLine Between(string name, Func<WireResult> play)
        {
            using DiskMeter? disk = folder is null ? null : new DiskMeter(folder);
            DiskUse? diskBefore = disk?.Use;
            ProcessUse before = worker.Use;
            WireResult result = play();
            return new WireLine(group, name, result, worker.Use.Cpu - before.Cpu, disk?.Use.Since(diskBefore!, result.Ticks, name));
        }
    }

    private static int Report(IEnumerable<WireLine> lines, bool asJson)
    {
        BenchMachine machine = BenchMachine.Measure();
        if (asJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { machine, lines = lines.ToArray() }, BenchLine.Json));
            return CommandLine.Success;
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{machine.Processor}, {Environment.ProcessorCount} cores"));
        string? group = null;
        foreach (WireLine line in lines)
        {
            if (group != line.Group)
                Console.WriteLine($"\nwire, {group = line.Group}");
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  {line.Case,-20}{line.TicksPerSecond,10:n0} ticks/s {line.CpuMicroseconds,8:n1} us CPU per tick   p50 {line.P50Milliseconds,7:n3} ms   p99 {line.P99Milliseconds,7:n3} ms{line.Disk}"));
        }
        return CommandLine.Success;
    }

    private static bool TryParse(string text, out (string Host, int Port) address)
    {
        int colon = text.LastIndexOf(':');
        address = default;
        if (colon <= 0 || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) || port == 0)
            return false;
        address = (text[..colon], port);
        return true;
    }
}

/// <summary>One measurement over the wire. CPU time is that of the worker's process, its broker included where that is embedded.</summary>
/// <param name="Disk">Null where nothing is kept.</param>
internal sealed record WireLine(
    string Group, string Case, long Ticks, double TicksPerSecond, double CpuMicroseconds, double P50Milliseconds, double P99Milliseconds, DiskPerTick? Disk)
{
    public WireLine(string group, string name, WireResult result, TimeSpan cpu, DiskPerTick? disk) : this(group, name, result.Ticks, result.Ticks / result.Seconds,
        Measured.Per(cpu.TotalMicroseconds, result.Ticks, name, "ticks"), result.P50.TotalMilliseconds, result.P99.TotalMilliseconds, disk)
    {
    }
}
