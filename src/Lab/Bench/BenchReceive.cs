using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Engine;
using StreamRnn.Ingest.Mqtt.Broker;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Lab.Cli;

namespace StreamRnn.Lab.Bench;

/// <summary>
/// <c>bench receive</c>: what a message at QoS 1 costs the threads that take it in, without an engine behind them: read and acknowledged at once,
/// and decoded, written to the input log and acknowledged from the disk. Devices run in the same process and are not counted.
/// </summary>
internal static class BenchReceive
{
    private const string Topic = "bench";
    private const int Streams = 1000;
    private const int Connections = 4;
    private const int Window = 4096;   // the broker's Receive Maximum
    private const double BacklogPerSecond = 40_000;
    private const double PacedRate = 1000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static Command Create(Option<bool> json)
    {
        Option<TimeSpan> duration = BenchWire.Length();
        Command receive = new("receive", "CPU time per message at QoS 1 of the threads that take it in, as many as go through and one at a time.") { duration };
        receive.SetAction(parsed => Report(Run(parsed.GetValue(duration)), parsed.GetValue(json)));
        return receive;
    }

    private static IEnumerable<ReceiveLine> Run(TimeSpan duration)
    {
        foreach (bool kept in new[] { false, true })
        {
            string then = kept ? "decoded, logged, acknowledged from the disk" : "acknowledged at once";
            using ReceiveEnd end = ReceiveEnd.Create(kept);
            using MqttBroker broker = new(new MqttBrokerOptions { Port = 0 }, end.Take, journal: end.Journal);
            broker.Start();
            int port = broker.EndPoint!.Port;
            yield return Flood($"embedded broker, {then}", end, port, duration);
            yield return Paced($"embedded broker, {then}", end, port, duration);
        }

        using Mosquitto? mosquitto = Mosquitto.TryStart();
        if (mosquitto is null)
            yield break;
        int backlog = (int)(BacklogPerSecond * duration.TotalSeconds);
        foreach (bool kept in new[] { false, true })
        {
            string name = "client of mosquitto, " + (kept ? "decoded, logged, acknowledged from the disk" : "acknowledged at once");
            using ReceiveEnd end = ReceiveEnd.Create(kept);
            Drained(name, end, mosquitto.Port, backlog / 4);   // has every method compiled in its last form
            yield return Drained(name, end, mosquitto.Port, backlog);
            using BrokerLink client = new(ClientOptions(mosquitto.Port), end.Take, NullLogger.Instance, journal: end.Journal);
            client.Start();
            WaitUntil(() => client.State == BrokerLinkState.Ready);
            yield return Paced(name, end, mosquitto.Port, duration);
        }
    }

    /// <summary>Measures the highest rate.</summary>
    private static ReceiveLine Flood(string name, ReceiveEnd end, int port, TimeSpan duration)
    {
        FloodDevice[] devices = [.. Enumerable.Range(0, Connections).Select(device =>
            new FloodDevice("127.0.0.1", port, Topic, device * Streams / Connections, Streams / Connections, Window))];
        foreach (FloodDevice device in devices)
            device.Start();
        Thread.Sleep(duration / 2);
        ReceivePoint first = ReceivePoint.Of(end);
        Thread.Sleep(duration);
        WaitUntil(() => end.Received > first.Received || devices.Any(device => device.Failure is not null));
        ReceivePoint last = ReceivePoint.Of(end);
        foreach (FloodDevice device in devices)
            End(device);
        return ReceiveLine.Between(name, "as many as go through", first, last);
    }

    /// <summary>One at a time.</summary>
    private static ReceiveLine Paced(string name, ReceiveEnd end, int port, TimeSpan duration)
    {
        FloodDevice device = new("127.0.0.1", port, Topic, 0, Streams, Window, PacedRate);
        device.Start();
        Thread.Sleep(duration / 5);
        ReceivePoint first = ReceivePoint.Of(end);
        Thread.Sleep(duration);
        WaitUntil(() => end.Received > first.Received || device.Failure is not null);
        ReceivePoint last = ReceivePoint.Of(end);
        End(device);
        return ReceiveLine.Between(name, string.Create(CultureInfo.InvariantCulture, $"{PacedRate:n0} a second"), first, last);
    }

    /// <summary>Measures the delivery of a backlog that a broker kept for an absent client.</summary>
    private static ReceiveLine Drained(string name, ReceiveEnd end, int port, int messages)
    {
        using (BrokerLink absent = new(ClientOptions(port), end.Take, NullLogger.Instance, journal: end.Journal))
        {
            absent.Start();
            WaitUntil(() => absent.State == BrokerLinkState.Ready);
        }
        FloodDevice device = new("127.0.0.1", port, Topic, 0, Streams, Window, last: messages);
        device.Start();
        WaitUntil(() => device.Acknowledged >= messages || device.Failure is not null);
        End(device);

        ReceivePoint first = ReceivePoint.Of(end);
        using BrokerLink client = new(ClientOptions(port), end.Take, NullLogger.Instance, journal: end.Journal);
        client.Start();
        WaitUntil(() => end.Received >= first.Received + messages);
        return ReceiveLine.Between(name, $"{messages:n0} that waited", first, ReceivePoint.Of(end));
    }

    private static BrokerLinkOptions ClientOptions(int port) => new()
    {
        Host = "127.0.0.1",
        Port = port,
        ClientId = "bench",
        SessionExpiry = TimeSpan.FromMinutes(10),
        Subscriptions = [new MqttSubscription(Topic + "/#", 1)],
    };

    private static void End(FloodDevice device)
    {
        device.Stop(Patience);
        device.Dispose();
        if (device.Failure is string failure)
            throw new CommandFailedException($"a device lost its connection: {failure}");
    }

    private static void WaitUntil(Func<bool> condition)
    {
        for (long startedAt = Stopwatch.GetTimestamp(); !condition(); Thread.Sleep(1))
        {
            if (Stopwatch.GetElapsedTime(startedAt) > Patience)
                throw new CommandFailedException($"nothing more came for {Patience.TotalSeconds:0} s; is the machine overloaded?");
        }
    }

    private static int Report(IEnumerable<ReceiveLine> lines, bool asJson)
    {
        BenchMachine machine = BenchMachine.Measure();
        if (asJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { machine, lines = lines.ToArray() }, BenchLine.Json));
            return CommandLine.Success;
        }

        Console.WriteLine($"{machine}, {Environment.ProcessorCount} cores");
        string? group = null;
        foreach (ReceiveLine line in lines)
        {
            if (group != line.Group)
                Console.WriteLine($"\nreceive, {group = line.Group}");
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  {line.Case,-24}{line.PerSecond,10:n0} messages/s {line.Microseconds,7:0.00} us CPU each ({string.Join(", ", line.Parts.Select(part => $"{part.Key} {part.Value.ToString("0.00", CultureInfo.InvariantCulture)}"))})"));
        }
        return CommandLine.Success;
    }
}

/// <summary>Counters of a receiving end at one moment.</summary>
internal sealed record ReceivePoint(long At, long Received, ProcessUse Use)
{
    public static ReceivePoint Of(ReceiveEnd end)
    {
        using Process self = Process.GetCurrentProcess();
        return new ReceivePoint(Stopwatch.GetTimestamp(), end.Received, ProcessUse.Of(self));
    }
}

/// <summary>Cost of a message, between two moments.</summary>
/// <param name="Microseconds">Of CPU per message, all threads that take part in taking it in.</param>
/// <param name="Parts">The same by what they do: read (and decode and write down), acknowledge, write to the disk, hand back.</param>
internal sealed record ReceiveLine(string Group, string Case, long Messages, double PerSecond, double Microseconds, IReadOnlyDictionary<string, double> Parts)
{
    private static readonly (string Name, string[] Threads)[] Threads =
        [("read", ["mqtt broker connection", "mqtt bench"]), ("acknowledge", ["mqtt broker sender", "mqtt send bench"]), ("disk", ["commit"]), ("hand back", [ReceiveEnd.ThreadName])];

    public static ReceiveLine Between(string group, string name, ReceivePoint first, ReceivePoint last)
    {
        long messages = last.Received - first.Received;
        Dictionary<string, double> parts = Threads.ToDictionary(part => part.Name,
            part => Measured.Per(part.Threads.Sum(thread => last.Use.MicrosecondsSince(first.Use, thread)), messages, $"{group}, {name}", "messages"));
        return new ReceiveLine(group, name, messages, messages / Stopwatch.GetElapsedTime(first.At, last.At).TotalSeconds, parts.Values.Sum(), parts);
    }
}
