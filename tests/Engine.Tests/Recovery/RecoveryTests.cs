using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Recovery;
using StreamRnn.Engine.Serving;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Tests.Stepping;
using StreamRnn.Engine.Tests.Storage;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Tests.Recovery;

public sealed class RecoveryTests
{
    private const int Seed = 20261125;

    /// <summary>Among the values sent: the stream begins anew here.</summary>
    private const double Reset = double.NaN;

    [Theory, InlineData(false), InlineData(true), Trait("speed", "slow")]
    public void Killed_two_hundred_times_every_tick_is_stepped_once_in_order(bool powerLoss)
    {
        const int Kills = 200, Streams = 40;
        Random random = new(Seed);
        List<Forecast> seen = [];
        FaultyFiles files = new();
        List<double>[] sent = [.. Enumerable.Range(0, Streams).Select(_ => new List<double>())];
        List<(ushort Id, string Topic, string Payload)> owed = [];
        ushort lastId = 0;
        long snapshots = 0, repeats = 0, replayed = 0, resets = 0, valueCount = 0;

        for (int kill = 0; kill <= Kills; kill++)
        {
            List<Forecast> outputs = [];
            int? inMemory = (kill % 4) switch { 0 => null, 1 => 3, 2 => 10, _ => 25 };
            DurableEngine engine = new(files, shards: 1 + kill % 3, outputs, streamsInMemory: inMemory);
            PacketSource source = engine.State.Log.Open("broker-session", DuplicateRule.UntilBarrier, isResumed: true);
            PacketLedger ledger = new(4096, () => { });
            replayed += engine.Replayed;
            bool isConnected = true;

            // The broker sends again what it has no acknowledgement of, in its order.
            foreach ((ushort id, string topic, string payload) in owed)
                engine.Send(source, ledger, id, topic, payload, dup: true);
            int packets = kill == Kills ? 0 : random.Next(0, 120);
            for (int i = 0; i < packets; i++)
            {
                lastId = (ushort)(lastId % 3000 + 1);   // ids come round, later than any packet is owed
                if (owed.Any(packet => packet.Id == lastId))
                    break;
                int stream = random.Next(Streams / 4) * 4;

                // No two messages are equal: under an id that has come round, a message may be new while nobody has confirmed the old one.
                double[] values = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.Next(5) + (++valueCount / 1e6))];
                string payload = string.Create(CultureInfo.InvariantCulture, $"{{{string.Join(',', values.Select((value, path) => $"\"p{path}\":{value}"))}}}");
                for (int path = 0; path < values.Length; path++)
                    sent[stream + path].Add(values[path]);
                owed.Add((lastId, $"t{stream}", payload));
                engine.Send(source, ledger, lastId, $"t{stream}", payload);
                if (random.Next(100) == 0)
                {
                    resets += engine.Reset($"t{stream}")!.Value;
                    for (int path = 0; path < 3; path++)
                        sent[stream + path].Add(Reset);
                }
                if (isConnected && random.Next(8) == 0)
                    isConnected = TakeAcknowledgements(engine, source, ledger, owed, random);
            }
            if (kill == Kills)
                Wait.Until(() => ledger.Take(new PacketAcknowledgement[4096]) >= 0 && ledger.OpenCount == 0, "the last acknowledgement");
            for (int spin = random.Next(2000); spin > 0; spin--)
                Thread.SpinWait(20);

            lock (files.Lock)
            {
                FaultyFiles after = powerLoss ? files.AfterPowerLoss(random) : files.AfterKill();
                seen.AddRange(outputs);
                files = after;
            }
            repeats += engine.Intake.RepeatedPacketCount;
            snapshots += files.List().Count(name => name.EndsWith(".snap", StringComparison.Ordinal));
            engine.Dispose();
        }

        Assert.True(snapshots > 20 && repeats > 20 && replayed > 50 && resets > 50,
            $"{snapshots} snapshots, {repeats} repeats, {replayed} stepped again, {resets} resets: the test tests nothing");
        AssertExact(sent, seen);
    }

    [Fact]
    public void After_a_stop_in_order_nothing_is_stepped_again()
    {
        List<Forecast> outputs = [];
        FaultyFiles files = new();
        DurableEngine first = new(files, shards: 2, outputs);
        for (int i = 0; i < 100; i++)
            first.Send(null, null, 0, $"t{i % 7}", $"{i}", qos: 0);
        first.Stop();
        Assert.Equal(100, outputs.Count);

        DurableEngine second = new(files, shards: 3, outputs);
        Assert.Equal(0, second.Replayed);
        second.Send(null, null, 0, "t0", "5", qos: 0);
        second.Stop();
        Assert.Equal(101, outputs.Count);
        Assert.Equal(16, outputs[^1].Verdict.N);
    }

    [Fact]
    public void What_the_broker_has_not_confirmed_is_published_again_with_the_same_numbers()
    {
        List<Forecast> before = [], after = [];
        FaultyFiles files = new();
        DurableEngine first = new(files, shards: 2, before, confirms: false);
        for (int i = 0; i < 50; i++)
            first.Send(null, null, 0, $"t{i % 7}", $"{i}", qos: 0);
        Wait.Until(() => first.Published == 50, "every forecast");
        FaultyFiles left = files.AfterKill();
        first.Dispose();

        DurableEngine second = new(left, shards: 1, after);
        Wait.Until(() => second.Published == 50, "every forecast again");
        second.Stop();
        Assert.Equal(InWords(before), InWords(after));
    }

    [Fact]
    public void A_stop_in_order_takes_nothing_for_confirmed_that_was_only_made_again()
    {
        List<Forecast> before = [], after = [];
        FaultyFiles files = new();
        DurableEngine first = new(files, shards: 2, before, confirms: false);
        for (int i = 0; i < 50; i++)
            first.Send(null, null, 0, $"t{i % 7}", $"{i}", qos: 0);
        Wait.Until(() => first.Published == 50, "every forecast");
        FaultyFiles left = files.AfterKill();
        first.Dispose();

        DurableEngine second = new(left, shards: 2, [], confirms: false);
        Wait.Until(() => second.Published == 50, "every forecast again");
        second.Stop(patience: TimeSpan.FromMilliseconds(1));   // the broker is still away

        DurableEngine third = new(left, shards: 1, after);
        third.Stop();
        Assert.Equal(InWords(before), InWords(after));
    }

    [Fact]
    public void Snapshots_hold_what_has_changed_and_the_log_behind_them_goes()
    {
        List<Forecast> outputs = [];
        FaultyFiles files = new();
        DurableEngine engine = new(files, shards: 1, outputs);
        for (int i = 0; i < 30_000; i++)
        {
            engine.Send(null, null, 0, $"t{(i < 2000 ? i : i % 10)}", $"{i % 10}", qos: 0);
            if (i % 1000 == 0)
                Wait.Until(() => engine.Published == i + 1, "the forecasts so far");
        }
        Wait.Until(() => engine.Published == 30_000, "every forecast");
        engine.Stop();

        string[] snapshots = [.. files.List().Where(name => name.EndsWith(".snap", StringComparison.Ordinal))];
        Assert.InRange(snapshots.Length, 2, 34);
        Assert.True(snapshots.Min(name => files[name].Length) * 20 < snapshots.Max(name => files[name].Length),
            $"every snapshot holds everything: {string.Join(' ', snapshots.Select(name => files[name].Length))}");
        Assert.InRange(files.List().Count(name => name.StartsWith("log-", StringComparison.Ordinal)), 1, 3);   // of some 10 that were written

        // The newest gone bad: the one before it and the log after that one do as well.
        files[snapshots[^1]] = [.. files[snapshots[^1]].Select((b, i) => i == 40 ? (byte)(b ^ 1) : b)];
        List<Forecast> after = [];
        using DurableEngine second = new(files, shards: 2, after);
        second.Send(null, null, 0, "t3", "1", qos: 0);
        Wait.Until(() => after.Any(forecast => second.Directory.Name(forecast.Stream) == "t3" && forecast.Verdict.N == 2802), "the next forecast of t3");
    }

    [Fact]
    public void A_disk_full_for_the_snapshot_costs_the_snapshot_alone()
    {
        List<Forecast> outputs = [];
        FaultyFiles files = new();
        DurableEngine engine = new(files, shards: 1, outputs);
        for (int i = 0; i < 3000; i++)
            engine.Send(null, null, 0, $"t{i}", "1", qos: 0);
        Wait.Until(() => engine.Published == 3000, "every forecast");
        files.FullFile = "snapshot.tmp";
        for (int i = 0; i < 3000; i++)
            engine.Send(null, null, 0, $"t{i}", "2", qos: 0);
        Wait.Until(() => engine.Published == 6000 && engine.State.FailedSnapshotCount > 0, "every forecast and a failed snapshot");
        Wait.Until(() => !files.List().Contains("snapshot.tmp"), "the room that it took, for the log");
        files.FullFile = null;
        engine.Send(null, null, 0, "t0", "3", qos: 0);
        engine.Stop();

        List<Forecast> after = [];
        DurableEngine second = new(files, shards: 2, after);
        for (int i = 0; i < 3000; i++)
            second.Send(null, null, 0, $"t{i}", "4", qos: 0);
        second.Stop();
        float expected = ChainForecaster.Next(ChainForecaster.Next(ChainForecaster.Next(0.5f, 1), 2), 4);
        Assert.All(after.Where(forecast => forecast.Value == 4 && second.Directory.Name(forecast.Stream) != "t0"), forecast => Assert.Equal(expected, forecast.Verdict.Next));
    }

    [Fact]
    public void A_log_that_is_another_when_it_is_stepped_than_when_it_was_looked_at_is_refused()
    {
        FaultyFiles files = new();
        DurableEngine first = new(files, shards: 1, []);
        for (int i = 0; i < 5; i++)
        {
            first.Send(null, null, 0, "t", $"{i}", qos: 0);
            first.State.Log.WaitUntilDurable(first.State.Log.AppendedPosition);
        }
        FaultyFiles left = files.AfterKill();
        first.Dispose();
        foreach (string snapshot in left.List().Where(name => name.EndsWith(".snap", StringComparison.Ordinal)))
            left.Delete(snapshot);

        ModelCatalog models = new(new ChainForecaster(), []);
        using DurableState state = new(left, new StreamDirectory(10), ServingPlan.Of(models, []), models, DurableEngine.Hasty, 4096, _ => { }, TimeProvider.System, NullLogger.Instance);
        string segment = left.List().Last(LogFormat.IsSegment);
        left[segment] = left[segment][..^5];
        InvalidDataException refused = Assert.Throws<InvalidDataException>(() => state.Replay(new TickRouter([new TickInbox(100)]), sessions: null));
        Assert.Contains("read again", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>The acknowledgements reach the broker, or some of them and the connection breaks; behind a barrier it is sure.</summary>
    /// <returns>Whether the connection stands: behind a lost acknowledgement none arrives.</returns>
    private static bool TakeAcknowledgements(DurableEngine engine, PacketSource source, PacketLedger ledger, List<(ushort Id, string, string)> owed, Random random)
    {
        PacketAcknowledgement[] due = new PacketAcknowledgement[random.Next(1, 64)];
        int count = ledger.Take(due);
        int arrived = random.Next(4) > 0 ? count : random.Next(count + 1);
        foreach (PacketAcknowledgement acknowledgement in due.AsSpan(0, arrived))
            owed.RemoveAt(owed.FindIndex(packet => packet.Id == acknowledgement.PacketId));
        if (arrived == count && count > 0 && random.Next(2) == 0)
            engine.State.Log.Confirm(source, due[count - 1].Position);
        return arrived == count;
    }

    private static void AssertExact(List<double>[] sent, List<Forecast> seen)
    {
        // Ids are given in the order of first ticks, so a stream is told by its values alone: by the set of all chains.
        string[] expected = [.. sent.Where(values => values.Any(double.IsFinite)).Select(values => Chain(values)).Order(StringComparer.Ordinal)];
        string[] stepped = [.. seen.GroupBy(forecast => forecast.Stream)
            .Select(stream => string.Join(' ', stream.GroupBy(forecast => forecast.Verdict.N).OrderBy(n => n.Key)
                .Select(n => Assert.Single(n.Select(forecast => $"{forecast.Verdict.N}:{forecast.Value:R}>{forecast.Verdict.Next:R}").Distinct()))))
            .Order(StringComparer.Ordinal)];
        Assert.Equal(expected, stepped);
    }

    private static string Chain(List<double> values)
    {
        (float next, int n) = (0.5f, 0);
        List<string> steps = [];
        foreach (double value in values)
        {
            next = double.IsNaN(value) ? 0.5f : ChainForecaster.Next(next, value);
            if (double.IsFinite(value))
                steps.Add($"{++n}:{value:R}>{(double)next:R}");
        }
        return string.Join(' ', steps);
    }

    private static string[] InWords(List<Forecast> forecasts) =>
        [.. forecasts.Select(forecast => $"{forecast.Stream:d4} {forecast.Verdict.N:d6} {forecast.Value:R} {forecast.Time} {forecast.Verdict.Next:R}").Order(StringComparer.Ordinal)];
}
