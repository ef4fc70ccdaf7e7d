using System.CommandLine;
using System.Diagnostics;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Lab.Cli;
using StreamRnn.Lab.Devices;

namespace StreamRnn.Lab.Chaos;

/// <summary><c>chaos</c>: kills a worker at random instants and proves that nothing differs.</summary>
public static class ChaosCommand
{
    // What the devices send between two kills, on each stream.
    private const int RoundsPerKill = 3;
    private const int LeastRounds = 60;
    private const int ShownDifferences = 10;

    public static Command Create()
    {
        Option<int> kills = Bounded.Option("--kills", "How often the worker is killed, with each broker.", 20, value => value is >= 1 and <= 1_000_000, "1 to 1000000");
        Option<int> seed = Bounded.Option("--seed", "Of the instants.", 1, value => value >= 0, "0 or more");
        Option<string?> broker = new("--broker")
        {
            Description = "Use this broker beside the embedded one; a mosquitto found on the PATH unless given.",
            HelpName = "HOST:PORT|URL",
        };
        broker.Validators.Add(result =>
        {
            try
            {
                if (result.GetValueOrDefault<string?>() is string text)
                    BrokerArgument.Parse(text);
            }
            catch (FormatException e)
            {
                result.AddError($"--broker: {e.Message}.");
            }
        });
        Option<bool> embeddedOnly = new("--embedded-only") { Description = "Leave the outside broker out." };
        Option<bool> outsideOnly = new("--outside-only") { Description = "Leave the embedded broker out." };
        Command chaos = new("chaos", "Kill a worker at random instants and prove that states and outputs are those of one that nobody disturbed.")
        {
            kills, seed, broker, embeddedOnly, outsideOnly,
        };
        chaos.Validators.Add(result =>
        {
            if (result.GetValue(embeddedOnly) && result.GetValue(outsideOnly))
                result.AddError("--embedded-only and --outside-only leave no broker; give one of them, or neither.");
        });
        chaos.SetAction(parsed => Run(parsed.GetValue(kills), parsed.GetValue(seed), parsed.GetValue(broker), parsed.GetValue(embeddedOnly), parsed.GetValue(outsideOnly)));
        return chaos;
    }

    private static int Run(int kills, int seed, string? brokerText, bool embeddedOnly, bool outsideOnly)
    {
        BrokerAddress? named = brokerText is null ? null : BrokerArgument.Parse(brokerText);
        if (!embeddedOnly && named is not null)
            DeviceClient.Connect(named, DeviceClient.Options(named, $"chaos-{Environment.ProcessId}").WithSessionExpiryInterval(0).Build(), CancellationToken.None).Dispose();
        string folder = Directory.CreateTempSubdirectory("streamrnn-chaos-").FullName;
        int rounds = Math.Max(LeastRounds, RoundsPerKill * kills);
        Console.WriteLine($"{ChaosDevices.Streams} streams, {rounds:N0} ticks each, half at QoS 1 and half at QoS 2; first a run that nobody disturbs; workers that are killed "
            + $"have {ChaosWorker.StreamsInMemory} streams in memory, or all, and 1 to 3 shards");
        ChaosOutcome undisturbed = new ChaosRun(broker: null, rounds).Play(Path.Combine(folder, "undisturbed"), kills: 0, new Random(seed), _ => { });

        long differences = 0, done = 0;
        if (!outsideOnly)
            Judge("embedded", broker: null);
        if (!embeddedOnly)
        {
            using Mosquitto? mosquitto = named is null ? Mosquitto.TryStart() : null;
            BrokerAddress? outside = named ?? (mosquitto is null ? null : BrokerAddress.Parse("127.0.0.1", mosquitto.Port));
            if (outside is not null)
                Judge("outside", outside);
            else
                Console.WriteLine("outside: there is no mosquitto on the PATH and no --broker; this half is left out");
        }

        if (differences == 0)
            Directory.Delete(folder, recursive: true);
        Console.WriteLine($"{done:N0} kills, {differences:N0} differences in outputs and states" + (differences > 0 ? $"; the data directories are in {folder}" : ""));
        return differences == 0 ? CommandLine.Success : CommandLine.Failure;

        void Judge(string name, BrokerAddress? broker)
        {
            long startedAt = Stopwatch.GetTimestamp();
            ChaosOutcome outcome = new ChaosRun(broker, rounds).Play(Path.Combine(folder, name), kills, new Random(seed), killed =>
            {
                if (!Console.IsOutputRedirected)
                    Console.Write($"\r{name}: {killed:N0} kills");
            });
            string[] found = [.. outcome.DifferencesFrom(undisturbed)];
            (differences, done) = (differences + found.Length, done + kills);
            Console.WriteLine($"{(Console.IsOutputRedirected ? "" : "\r")}{name}: {kills:N0} kills in {Stopwatch.GetElapsedTime(startedAt).TotalSeconds:0} s, seed {seed}: "
                + $"{outcome.Outputs.Count:N0} outputs ({outcome.Repeats:N0} repeats dropped by stream and n), {outcome.States.Count:N0} states, {found.Length:N0} differences");
            foreach (string difference in found.Take(ShownDifferences))
                Console.WriteLine($"  {difference}");
        }
    }
}
