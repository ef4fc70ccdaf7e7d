using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace StreamRnn.Worker.Commands;

/// <summary>
/// <c>bench wire</c>: a worker in a process of its own, ticks in over MQTT and forecasts out, on loopback. What it costs is the CPU time of
/// that process; what it delays is measured outside it, from before the publish to the arrival of the forecast.
/// </summary>
internal static class BenchWire
{
    private const double WarmUpSeconds = 3;

    public static Command Create(Option<bool> json)
    {
        Option<double> rate = Bounded.Option("--rate", "Ticks per second of the paced part.", 1000.0, value => value is >= 1 and <= 1e6, "1 to 1000000");
        Option<TimeSpan> duration = new("--duration")
        {
            Description = $"Length of each measurement; longer is steadier. Written as {Duration.Forms}.",
            DefaultValueFactory = _ => TimeSpan.FromSeconds(5),
            CustomParser = result =>
            {
                if (!Duration.TryParse(result.Tokens[0].Value, out TimeSpan length) || length < TimeSpan.FromSeconds(0.1))
                    result.AddError($"--duration is '{result.Tokens[0].Value}'; it takes {Duration.Forms}, and at least 100ms.");
                return length;
            },
        };
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
        Command wire = new("wire", "Ticks over MQTT into a worker process and forecasts back: CPU per tick and latency.") { rate, duration, broker };
        wire.SetAction(parsed => Report(
            Run(parsed.GetValue(rate), parsed.GetValue(duration).TotalSeconds, parsed.GetValue(broker)), parsed.GetValue(json)));
        return wire;
    }

    private static IEnumerable<WireLine> Run(double rate, double seconds, string? broker)
    {
        foreach (byte qos in new byte[] { 0, 1 })
        {
            foreach (WireLine line in Measure("embedded broker", broker: null, qos, rate, seconds))
                yield return line;
        }

        using Mosquitto? mosquitto = broker is null ? Mosquitto.TryStart() : null;
        (string Host, int Port)? address = mosquitto is null ? null : ("127.0.0.1", mosquitto.Port);
        if (broker is not null && TryParse(broker, out (string Host, int Port) given))
            address = given;
        if (address is null)
            yield break;
        foreach (byte qos in new byte[] { 0, 1 })
        {
            foreach (WireLine line in Measure(broker ?? "mosquitto", address, qos, rate, seconds))
                yield return line;
        }
    }

    /// <summary>First as fast as it goes, which has every method compiled in its last form, then paced.</summary>
    private static IEnumerable<WireLine> Measure(string name, (string Host, int Port)? broker, byte qos, double rate, double seconds)
    {
        using WireWorker worker = new(broker, qos);
        using WireLoad load = new(worker, qos);
        load.PlayFlat(WarmUpSeconds);
        TimeSpan cpuBefore = worker.CpuTime;
        WireResult flat = load.PlayFlat(seconds);
        yield return new WireLine($"{name}, QoS {qos}", "as fast as it goes", flat, worker.CpuTime - cpuBefore);

        load.PlayPaced(rate, Math.Min(1, seconds));
        cpuBefore = worker.CpuTime;
        WireResult paced = load.PlayPaced(rate, seconds);
        yield return new WireLine($"{name}, QoS {qos}", string.Create(CultureInfo.InvariantCulture, $"{rate:n0} ticks/s"), paced, worker.CpuTime - cpuBefore);
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
                $"  {line.Case,-20}{line.TicksPerSecond,10:n0} ticks/s {line.CpuMicroseconds,8:n1} us CPU per tick   p50 {line.P50Milliseconds,7:n3} ms   p99 {line.P99Milliseconds,7:n3} ms"));
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
internal sealed record WireLine(string Group, string Case, long Ticks, double TicksPerSecond, double CpuMicroseconds, double P50Milliseconds, double P99Milliseconds)
{
    public WireLine(string group, string name, WireResult result, TimeSpan cpu) : this(group, name, result.Ticks, result.Ticks / result.Seconds,
        cpu.TotalMicroseconds / result.Ticks, result.P50.TotalMilliseconds, result.P99.TotalMilliseconds)
    {
    }
}
