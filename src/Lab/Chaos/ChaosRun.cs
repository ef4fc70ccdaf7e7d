using System.Diagnostics;
using StreamRnn.Engine;
using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Snapshots;
using StreamRnn.Engine.Storage;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Ticks;
using StreamRnn.Lab.Cli;

namespace StreamRnn.Lab.Chaos;

/// <summary>Result of a run: every output by topic and n, and the state of every stream.</summary>
/// <param name="Repeats">Outputs that came more than once, which consumers drop.</param>
/// <param name="Differences">Outputs that came again with different content.</param>
internal sealed record ChaosOutcome(
    IReadOnlyDictionary<(string Topic, long N), string> Outputs, IReadOnlyDictionary<string, byte[]> States, long Repeats, IReadOnlyList<string> Differences)
{
    /// <summary>Describes all differences from an undisturbed run.</summary>
    public IEnumerable<string> DifferencesFrom(ChaosOutcome undisturbed)
    {
        foreach (string difference in Differences)
            yield return difference;
        foreach (((string topic, long n), string payload) in undisturbed.Outputs)
        {
            if (!Outputs.TryGetValue((topic, n), out string? here))
                yield return $"{topic} n={n} is missing";
            else if (here != payload)
                yield return $"{topic} n={n} is {here} and should be {payload}";
        }
        foreach ((string topic, long n) in Outputs.Keys.Except(undisturbed.Outputs.Keys))
            yield return $"{topic} n={n} is one too many: a tick was stepped twice";
        foreach ((string stream, byte[] state) in undisturbed.States)
        {
            if (!States.TryGetValue(stream, out byte[]? here) || !here.AsSpan().SequenceEqual(state))
                yield return $"the state of {stream} differs";
        }
    }
}

/// <summary>A worker, devices and a reader around a broker, for as long as the recording lasts.</summary>
/// <param name="broker">Null for the worker's own.</param>
/// <param name="rounds">Ticks of each stream.</param>
internal sealed class ChaosRun(BrokerAddress? broker, int rounds)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    /// <summary>Plays the recording and kills the worker in the middle of it, again and again.</summary>
    /// <param name="folder">For the data directory; made and left behind.</param>
    /// <param name="kills">0 for a run that nobody disturbs.</param>
    /// <param name="killed">Receives the number of kills.</param>
    /// <exception cref="CommandFailedException">It cannot be brought to an end; what is missing is said.</exception>
    public ChaosOutcome Play(string folder, int kills, Random random, Action<int> killed)
    {
        BrokerAddress address = broker ?? BrokerAddress.Parse("127.0.0.1", FreePort.Find());
        using ChaosWorker worker = new(address, broker is null, folder, $"chaos-worker-{Environment.ProcessId}-{Path.GetFileName(folder)}", hasty: kills > 0);
        worker.Start();
        worker.WaitUntilReady();
        using ChaosReader reader = new(address);
        WaitUntil(() => reader.IsReady, "the reader is connected");
        using ChaosDevices devices = new(address, rounds, () => reader.ForecastCount);

        for (int kill = 0; kill < kills; kill++)
        {
            devices.Allow((int)((long)rounds * (kill + 1) / (kills + 1)));
            if (random.Next(4) > 0)
                worker.WaitUntilReady();   // else it may be hit while it recovers
            Thread.Sleep(random.Next(300));
            worker.Kill();
            killed(kill + 1);
            worker.Start();
        }
        if (kills > 0)
            worker.WaitUntilReady();
        devices.Finish(Patience);
        long expected = devices.ForecastCount;
        long arrived = 0;
        while (reader.ForecastCount < expected)   // as long as it takes, while some arrive
        {
            WaitUntil(() => reader.ForecastCount > arrived, () => $"{expected - reader.ForecastCount} of {expected} forecasts are missing");
            arrived = reader.ForecastCount;
        }
        worker.Stop();
        return new ChaosOutcome(reader.Outputs, States(folder), reader.RepeatCount, reader.Differences);
    }

    /// <summary>States of all streams in a data directory whose worker has stopped normally.</summary>
    private static Dictionary<string, byte[]> States(string folder)
    {
        using DataFolder files = new(folder);
        SnapshotStore store = new(files);
        LogIndex names = new(new StreamDirectory(StreamDirectory.MaximumLimit), redeliveryCapacity: 1);
        Dictionary<int, byte[]> rows = [];
        store.Load(store.Find(), names, sessions: null, (stream, _, row) => rows[stream] = System.Runtime.InteropServices.MemoryMarshal.AsBytes(row).ToArray());
        return rows.ToDictionary(row => names.Directory.Name(row.Key), row => row.Value);
    }

    private static void WaitUntil(Func<bool> condition, string what) => WaitUntil(condition, () => $"not in time: {what}");

    private static void WaitUntil(Func<bool> condition, Func<string> complaint)
    {
        for (long startedAt = Stopwatch.GetTimestamp(); !condition(); Thread.Sleep(20))
        {
            if (Stopwatch.GetElapsedTime(startedAt) > Patience)
                throw new CommandFailedException(complaint());
        }
    }
}
