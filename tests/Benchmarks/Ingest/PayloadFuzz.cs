using System.Diagnostics;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Ingest;
using StreamRnn.Ingest.Tests.Payloads;

namespace StreamRnn.Benchmarks.Ingest;

/// <summary>The long run of the tests' damaged payloads: none may throw, step what is not finite, or get lost from the sums.</summary>
internal static class PayloadFuzz
{
    public static int Run(int cases, int seed)
    {
        var random = new Random(seed);
        var faults = new FaultCounters(NullLogger.Instance, TimeProvider.System);
        TickQueue[] queues = [new(4096), new(4096)];
        var directory = new StreamDirectory(100_000);
        var intake = new PacketIntake(directory, new TickRouter(queues), faults, TimeProvider.System, new IntakeOptions());
        var into = new Tick[4096];
        long ticks = 0, broken = 0;
        var watch = Stopwatch.StartNew();
        for (int i = 0; i < cases; i++)
        {
            byte[] payload = PayloadMutation.Next(random);
            long before = faults.Total;
            int count;
            try
            {
                count = intake.Accept(new Packet { Topic = "fuzz"u8, Payload = payload });
            }
            catch (Exception e)
            {
                Console.WriteLine($"seed {seed}, case {i}: {e.GetType().Name}: {Encoding.UTF8.GetString(payload)}");
                broken++;
                continue;
            }
            int taken = 0;
            foreach (TickQueue queue in queues)
            {
                for (int n = queue.Count > 0 ? queue.Take(into) : 0; n > 0; n = 0)
                {
                    taken += n;
                    foreach (Tick tick in into.AsSpan(0, n))
                        broken += double.IsFinite(tick.Value) ? 0 : 1;
                }
            }
            broken += taken == count && count + faults.Total - before > 0 ? 0 : 1;
            ticks += count;
        }

        Console.WriteLine($"{cases:N0} payloads in {watch.Elapsed.TotalSeconds:0.0} s, seed {seed}: {ticks:N0} ticks of {directory.Count:N0} streams, {broken} failures; refused:");
        foreach (TickFault fault in Enum.GetValues<TickFault>().Where(fault => faults.Of(fault) > 0))
            Console.WriteLine($"  {fault,-16} {faults.Of(fault),12:N0}");
        return broken == 0 ? 0 : 1;
    }
}
