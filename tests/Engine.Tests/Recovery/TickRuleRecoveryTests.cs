using System.Globalization;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Tests.Storage;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Engine.Tests.Recovery;

/// <summary>Streams whose ticks are held, dropped when late or known by their numbers, in a worker that is killed.</summary>
public sealed class TickRuleRecoveryTests
{
    private const int Seed = 20261127;
    private const int Streams = 3, Rounds = 300;

    private static readonly (StreamPattern Pattern, TickRule Rule)[] Rules =
    [
        (new("held/#"), new TickRule { Late = LateTicks.Reorder, LateBound = TimeSpan.FromSeconds(4), LateCapacity = 8 }),
        (new("tight/#"), new TickRule { Late = LateTicks.Reorder, LateBound = TimeSpan.FromSeconds(4), LateCapacity = 2, Once = TickOnce.Time }),
        (new("numbered/#"), new TickRule { Once = TickOnce.Sequence }),
        (new("dropped/#"), new TickRule { Late = LateTicks.Drop }),
    ];

    [Theory, InlineData(false, null), InlineData(true, null), InlineData(false, 7), Trait("speed", "slow")]
    public void Killed_a_hundred_times_it_says_what_one_says_that_nobody_disturbed(bool powerLoss, int? streamsInMemory)
    {
        const int Kills = 100;
        (string Topic, string Payload)[] packets = Packets();
        Outcome undisturbed = Play(packets, kills: 0, powerLoss: false);
        Outcome killed = Play(packets, Kills, powerLoss, streamsInMemory);

        Assert.True(killed.Snapshots > 20 && killed.Replayed > 50, $"{killed.Snapshots} snapshots, {killed.Replayed} stepped again: the test tests nothing");
        Assert.True(undisturbed.Late > 100 && undisturbed.Repeated > 100 && undisturbed.Held > 5, $"{undisturbed}");
        Assert.Equal(undisturbed.Outputs, killed.Outputs);
        Assert.Equal(undisturbed.Held, killed.Held);
    }

    [Fact]
    public void A_stop_in_order_keeps_what_is_held_and_a_start_goes_on_with_it()
    {
        List<Forecast> outputs = [];
        FaultyFiles files = new();
        DurableEngine first = new(files, shards: 2, outputs, rules: Rules);
        foreach (int second in new[] { 3, 1, 2 })
            first.Send(null, null, 0, "held/1", $$"""{"ts":{{1_767_225_600 + second}},"value":{{second}}}""", qos: 0);
        first.Stop();
        Assert.Empty(outputs);

        DurableEngine next = new(files, shards: 3, outputs, rules: Rules);
        Assert.Equal((0, 3), (next.Replayed, next.Held));
        next.Send(null, null, 0, "held/1", $$"""{"ts":{{1_767_225_600 + 60}},"value":60}""", qos: 0);
        Wait.Until(() => next.Published == 3, "the three that were held");
        Assert.Equal([(1L, 1.0), (2L, 2.0), (3L, 3.0)], outputs.Select(forecast => (forecast.Verdict.N, forecast.Value)));
        Assert.Equal(1, next.Held);
        next.Stop();
    }

    [Fact]
    public void A_broker_that_brings_back_what_it_had_been_told_long_ago_steps_nothing_twice()
    {
        List<Forecast> outputs = [];
        FaultyFiles files = new();
        for (int life = 0; life < 3; life++)
        {
            // Each time the whole session from the beginning, under new packet ids and without DUP, as an old save has it.
            DurableEngine engine = new(files, shards: 1 + life, outputs, rules: Rules);
            PacketLedger ledger = new(4096, () => { });
            for (int number = 0; number < 100 * (life + 1); number++)
                engine.Send(engine.State.Log.Open("broker", DuplicateRule.UntilBarrier, isResumed: false), ledger, (ushort)(number + 1), "numbered/1", $$"""{"n":{{number}},"value":{{number}}}""");
            Wait.Until(() => ledger.Take(new PacketAcknowledgement[4096]) >= 0 && ledger.OpenCount == 0, "every acknowledgement");
            Assert.Equal(100 * life, engine.Faults.Of(TickFault.Repeated));
            engine.Stop();
        }
        Assert.Equal(Enumerable.Range(0, 300).Select(number => (number + 1L, (double)number)), outputs.Select(forecast => (forecast.Verdict.N, forecast.Value)));
    }

    private static Outcome Play((string Topic, string Payload)[] packets, int kills, bool powerLoss, int? streamsInMemory = null)
    {
        Random random = new(Seed);
        HashSet<string> outputs = [];
        FaultyFiles files = new();
        Queue<(ushort Id, string Topic, string Payload)> owed = [];
        long snapshots = 0, replayed = 0, held = 0, late = 0, repeated = 0;
        for (int kill = 0, next = 0; kill <= kills; kill++)
        {
            List<Forecast> seen = [];
            DurableEngine engine = new(files, 1 + (kill % 3), seen, streamsInMemory: streamsInMemory, rules: Rules);
            PacketSource source = engine.State.Log.Open("broker", DuplicateRule.UntilBarrier, isResumed: true);
            PacketLedger ledger = new(4096, () => { });
            replayed += engine.Replayed;
            foreach ((ushort id, string topic, string payload) in owed)
                engine.Send(source, ledger, id, topic, payload, dup: true);
            for (int upto = (int)((long)packets.Length * (kill + 1) / (kills + 1)); next < upto; next++)
            {
                ushort id = (ushort)((next % 60_000) + 1);
                owed.Enqueue((id, packets[next].Topic, packets[next].Payload));
                engine.Send(source, ledger, id, packets[next].Topic, packets[next].Payload);
                if (random.Next(8) == 0)
                    TakeAcknowledgements();
            }
            if (kill == kills)
            {
                Wait.Until(() =>
                {
                    TakeAcknowledgements();
                    return owed.Count == 0;
                }, "the last acknowledgement");
                (held, late, repeated) = (engine.Held, engine.Faults.Of(TickFault.Late), engine.Faults.Of(TickFault.Repeated));
            }
            for (int spin = random.Next(2000); spin > 0; spin--)
                Thread.SpinWait(20);

            lock (files.Lock)
            {
                FaultyFiles after = powerLoss ? files.AfterPowerLoss(random) : files.AfterKill();
                outputs.UnionWith(seen.Select(forecast => InWords(engine, forecast)));
                files = after;
            }
            snapshots += files.List().Count(name => name.EndsWith(".snap", StringComparison.Ordinal));
            engine.Dispose();

            void TakeAcknowledgements()
            {
                PacketAcknowledgement[] due = new PacketAcknowledgement[64];
                int count = ledger.Take(due);
                for (int i = 0; i < count; i++)
                    Assert.Equal(due[i].PacketId, owed.Dequeue().Id);
                if (count > 0 && random.Next(2) == 0)
                    engine.State.Log.Confirm(source, due[count - 1].Position);
            }
        }
        return new Outcome([.. outputs.Order(StringComparer.Ordinal)], snapshots, replayed, held, late, repeated);
    }

    /// <summary>One tick of each stream a second, out of order by up to seven seconds; some come twice, under ids of their own.</summary>
    private static (string Topic, string Payload)[] Packets()
    {
        Random random = new(Seed);
        return
        [
            .. Enumerable.Range(0, Rounds).SelectMany(_ => Rules.Select(rule => rule.Pattern.ToString()[..^2]).Append("plain"), (second, rule) => (second, rule))
                .SelectMany(_ => Enumerable.Range(0, Streams), (tick, stream) => (tick.second, Topic: $"{tick.rule}/{stream}", Value: random.Next(5)))
                .SelectMany(tick => Enumerable.Repeat(tick, random.Next(6) == 0 ? 2 : 1))
                .Select(tick => (tick, At: tick.second + (tick.Topic.StartsWith("numbered", StringComparison.Ordinal) ? 0 : random.NextDouble() * 7)))
                .OrderBy(entry => entry.At)
                .Select(entry => (entry.tick.Topic, At(entry.tick.second, entry.tick.Value))),
        ];
    }

    private static string At(int second, int value) =>
        string.Create(CultureInfo.InvariantCulture, $$"""{"ts":{{1_767_225_600 + second}},"seq":{{second}},"value":{{value}}}""");

    private static string InWords(DurableEngine engine, Forecast forecast) => string.Create(CultureInfo.InvariantCulture,
        $"{engine.Directory.Name(forecast.Stream)} {forecast.Verdict.N:d6} {forecast.Time} {forecast.Value:R} {forecast.Verdict.Next:R}");

    private sealed record Outcome(string[] Outputs, long Snapshots, long Replayed, long Held, long Late, long Repeated);
}
