using System.Diagnostics;
using System.Globalization;
using StreamRnn.Detection;
using StreamRnn.Engine.Journal;

namespace StreamRnn.Lab.Bench;

/// <summary>
/// Measures the snapshots' share of what is written, as a part of <c>bench durable</c>: over two snapshots, a full one and an incremental
/// one, with every stream in its turn, so that all have changed.
/// </summary>
internal static class BenchAmplification
{
    private const int Snapshots = 2;

    /// <param name="patience">When to be content with fewer snapshots.</param>
    public static AmplificationLine Measure(string name, Forecaster model, int streams, int? streamsInMemory, TimeSpan patience)
    {
        string folder = Directory.CreateTempSubdirectory("streamrnn-bench-").FullName;
        try
        {
            using DurableBench bench = new(folder, model, shards: 2, streams, new DurabilityOptions(), streamsInMemory);
            bench.Feed(2 * streams);
            FeedUntil(bench, bench.SnapshotCount + 1, patience);
            (long ticks, long log, long snapshotBytes, long snapshots) = (bench.Sent, bench.Log.WrittenBytes, bench.SnapshotBytes, bench.SnapshotCount);
            (long evicted, long returned) = (bench.Cold?.Evicted.Bytes ?? 0, bench.Cold?.Returned.Bytes ?? 0);
            TimeSpan cpu = Environment.CpuUsage.TotalTime;
            FeedUntil(bench, snapshots + Snapshots, patience);
            double fed = bench.Sent - ticks;
            long logged = bench.Log.WrittenBytes - log;
            Measured.Per(fed, logged, name, "bytes of log");
            return new AmplificationLine(name, streams, streamsInMemory ?? streams, Each((Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds),
                bench.SnapshotCount - snapshots, Each(logged), Each(bench.SnapshotBytes - snapshotBytes),
                Each((bench.Cold?.Evicted.Bytes ?? 0) - evicted), Each((bench.Cold?.Returned.Bytes ?? 0) - returned));

            double Each(double amount) => Measured.Per(amount, fed, name, "ticks");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void FeedUntil(DurableBench bench, long snapshots, TimeSpan patience)
    {
        for (long startedAt = Stopwatch.GetTimestamp(); bench.SnapshotCount < snapshots && Stopwatch.GetElapsedTime(startedAt) < patience;)
            bench.Feed(256);
    }
}

/// <summary>Bytes written per tick by one load.</summary>
/// <param name="CpuMicroseconds">Of the whole process, per tick.</param>
/// <param name="Snapshots">In the time it was looked at.</param>
/// <param name="EvictedBytesPerTick">To the files of idle streams; not part of the amplification, because nothing of it is ever flushed.</param>
internal sealed record AmplificationLine(string Case, int Streams, int StreamsInMemory, double CpuMicroseconds, long Snapshots, double LogBytesPerTick,
    double SnapshotBytesPerTick, double EvictedBytesPerTick, double ReturnedBytesPerTick)
{
    /// <summary>Log and snapshots over log.</summary>
    public double Amplification => (LogBytesPerTick + SnapshotBytesPerTick) / LogBytesPerTick;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"  {Case,-18}{Streams,10:n0} streams, {StreamsInMemory,9:n0} in memory {CpuMicroseconds,6:0.00} us CPU a tick "
        + $"{LogBytesPerTick,6:0.0} B of log {SnapshotBytesPerTick,7:0.0} B of {Snapshots} snapshots: {Amplification,5:0.00}x; idle states {EvictedBytesPerTick,6:0.0} B out {ReturnedBytesPerTick,6:0.0} B in");
}
