using System.Diagnostics;
using StreamRnn.Ingest.Mqtt;
using StreamRnn.Ingest.Tests.Mqtt;

namespace StreamRnn.Benchmarks.Mqtt;

/// <summary>
/// <c>fuzz-mqtt [--cases 1000000] [--seed 1]</c>: damages valid packets of every type at random and has the codec read them. Ends with
/// what was refused and why, or at the first case that throws or is not read the same again, with its bytes.
/// </summary>
internal static class MqttFuzz
{
    public static int Run(int cases, int seed)
    {
        var random = new Random(seed);
        var faults = new long[Enum.GetValues<MqttFault>().Length];
        byte[] scratch = new byte[2048];
        byte[] again = new byte[2048];
        IReadOnlyList<MqttSamples.Sample> samples = MqttSamples.All;
        long startedAt = Stopwatch.GetTimestamp();
        for (int i = 0; i < cases; i++)
            faults[(int)MqttMutation.Run(samples[i % samples.Count], random, scratch, again)]++;

        Console.WriteLine($"{cases} cases, seed {seed}, {Stopwatch.GetElapsedTime(startedAt).TotalSeconds:F1} s");
        foreach (MqttFault fault in Enum.GetValues<MqttFault>())
            Console.WriteLine($"{faults[(int)fault],10}  {(fault == MqttFault.None ? "read, or waited for" : fault)}");
        return 0;
    }
}
