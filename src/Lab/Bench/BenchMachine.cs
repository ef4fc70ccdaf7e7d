using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using StreamRnn.Cells.Kernels;

namespace StreamRnn.Lab.Bench;

/// <summary>The machine a figure was measured on, so that it can be judged on another.</summary>
internal sealed record BenchMachine(string Processor, string Runtime, int LaneFloats, double PeakGflops)
{
    public static BenchMachine Measure() => new(ProcessorName(), RuntimeInformation.FrameworkDescription, LaneWidth.Floats, Peak());

    public override string ToString() =>
        $"{Processor}, {LaneFloats * 32}-bit lanes, {PeakGflops:f0} GFLOP/s of fused multiply-adds on one core, {Runtime}";

    /// <summary>GFLOP/s, best of a few rounds: what other processes take away is no property of the machine.</summary>
    private static double Peak()
    {
        double best = 0;
        for (int round = 0; round < 20; round++)
        {
            const int Steps = 200_000;
            long startedAt = Stopwatch.GetTimestamp();
            float floats = LaneWidth.Floats switch { 16 => Chains512(Steps), 8 => Chains256(Steps), _ => Chains128(Steps) };
            best = Math.Max(best, floats * Steps * 2 / Stopwatch.GetElapsedTime(startedAt).TotalNanoseconds);
        }
        return best;
    }

    // Eight independent chains hide the latency of a fused multiply-add. Each returns the floats of one step and keeps the sums alive.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float Chains512(int steps)
    {
        var factor = Vector512.Create(0.999f);
        Vector512<float> a = factor, b = a, c = a, d = a, e = a, f = a, g = a, h = a;
        for (int i = 0; i < steps; i++)
        {
            a = Vector512.FusedMultiplyAdd(a, factor, factor);
            b = Vector512.FusedMultiplyAdd(b, factor, factor);
            c = Vector512.FusedMultiplyAdd(c, factor, factor);
            d = Vector512.FusedMultiplyAdd(d, factor, factor);
            e = Vector512.FusedMultiplyAdd(e, factor, factor);
            f = Vector512.FusedMultiplyAdd(f, factor, factor);
            g = Vector512.FusedMultiplyAdd(g, factor, factor);
            h = Vector512.FusedMultiplyAdd(h, factor, factor);
        }
        return (a + b + c + d + e + f + g + h).ToScalar() > 0 ? 8 * 16 : 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float Chains256(int steps)
    {
        var factor = Vector256.Create(0.999f);
        Vector256<float> a = factor, b = a, c = a, d = a, e = a, f = a, g = a, h = a;
        for (int i = 0; i < steps; i++)
        {
            a = Vector256.FusedMultiplyAdd(a, factor, factor);
            b = Vector256.FusedMultiplyAdd(b, factor, factor);
            c = Vector256.FusedMultiplyAdd(c, factor, factor);
            d = Vector256.FusedMultiplyAdd(d, factor, factor);
            e = Vector256.FusedMultiplyAdd(e, factor, factor);
            f = Vector256.FusedMultiplyAdd(f, factor, factor);
            g = Vector256.FusedMultiplyAdd(g, factor, factor);
            h = Vector256.FusedMultiplyAdd(h, factor, factor);
        }
        return (a + b + c + d + e + f + g + h).ToScalar() > 0 ? 8 * 8 : 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float Chains128(int steps)
    {
        var factor = Vector128.Create(0.999f);
        Vector128<float> a = factor, b = a, c = a, d = a, e = a, f = a, g = a, h = a;
        for (int i = 0; i < steps; i++)
        {
            a = Vector128.FusedMultiplyAdd(a, factor, factor);
            b = Vector128.FusedMultiplyAdd(b, factor, factor);
            c = Vector128.FusedMultiplyAdd(c, factor, factor);
            d = Vector128.FusedMultiplyAdd(d, factor, factor);
            e = Vector128.FusedMultiplyAdd(e, factor, factor);
            f = Vector128.FusedMultiplyAdd(f, factor, factor);
            g = Vector128.FusedMultiplyAdd(g, factor, factor);
            h = Vector128.FusedMultiplyAdd(h, factor, factor);
        }
        return (a + b + c + d + e + f + g + h).ToScalar() > 0 ? 8 * 4 : 0;
    }

    public static string ProcessorName()
    {
        const string LinuxList = "/proc/cpuinfo";
        string? line = File.Exists(LinuxList) ? File.ReadLines(LinuxList).FirstOrDefault(text => text.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line is null ? RuntimeInformation.ProcessArchitecture.ToString() : line[(line.IndexOf(':') + 1)..].Trim();
    }
}
