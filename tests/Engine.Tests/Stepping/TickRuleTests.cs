using System.Text;
using StreamRnn.Detection;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Stepping;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Tests.Stepping;

public sealed class TickRuleTests : IDisposable
{
    private const int Seed = 20261126;
    private const int Streams = 10;
    private const long Start = 1_767_225_600_000_000_000, Second = 1_000_000_000;

    private static readonly TickRule Reorder = new() { Late = LateTicks.Reorder, LateBound = TimeSpan.FromSeconds(5), LateCapacity = 16 };

    private readonly WorkerMetrics _metrics = new();

    public void Dispose() => _metrics.Dispose();

    [Theory, InlineData(1), InlineData(3)]
    public void Ticks_in_order_give_the_same_numbers_held_or_not(int shards)
    {
        Tick[] ticks = [.. InOrder(200).SelectMany(tick => tick.Value > 3 ? [tick] : new[] { tick, tick with { Value = tick.Value + 10 } })];   // some share their time

        Assert.Equal(Run(TickRule.Default, ticks, shards).Steps, Run(Reorder, ticks, shards).Steps);
    }

    [Theory, InlineData(1, 1), InlineData(1, 400), InlineData(3, 7)]
    public void Ticks_shuffled_within_the_bound_give_what_ticks_in_order_give(int shards, int atOnce)
    {
        Outcome ordered = Run(TickRule.Default, InOrder(300));
        Outcome shuffled = Run(Reorder, Shuffled(InOrder(300), seconds: 5), shards, atOnce);

        Assert.NotEqual(ordered.Steps, Run(TickRule.Default, Shuffled(InOrder(300), seconds: 5)).Steps);
        Assert.Equal(ordered.Steps, shuffled.Steps);
        Assert.Equal((0, 0), (shuffled.Late, shuffled.ReleasedEarly));
    }

    [Fact]
    public void What_comes_is_stepped_or_held_or_dropped_and_counted()
    {
        Tick[] ticks = Shuffled(InOrder(300), seconds: 12);   // more than the bound
        foreach (TickRule rule in new[] { Reorder, Reorder with { LateCapacity = 2 }, new TickRule { Late = LateTicks.Drop }, new TickRule { Once = TickOnce.Time } })
        {
            foreach (bool keepsHeld in new[] { false, true })
            {
                Outcome outcome = Run(rule, ticks, shards: 2, atOnce: 100, keepsHeld);
                Assert.Equal(ticks.Length, outcome.Stepped + outcome.Held + outcome.Late + outcome.Repeated);
                Assert.Equal(outcome.Stepped, outcome.Steps.Sum(steps => steps.Count));
                Assert.True(outcome.Late + outcome.Repeated > 100, $"seed {Seed}: {outcome}");
                Assert.Equal(rule.Late == LateTicks.Reorder && keepsHeld, outcome.Held > 0);
                Assert.Equal(rule.LateCapacity == 2, outcome.ReleasedEarly > 0);
            }
        }
    }

    [Fact]
    public void Reordered_steps_never_go_back_in_time()
    {
        Outcome outcome = Run(Reorder with { LateCapacity = 3 }, Shuffled(InOrder(300), seconds: 20));
        Assert.All(outcome.Steps, steps => Assert.Equal(steps.Select(step => step.Time).Order(), steps.Select(step => step.Time)));
    }

    [Fact]
    public void Older_than_the_newest_is_dropped_and_as_old_is_not()
    {
        Outcome outcome = Run(new TickRule { Late = LateTicks.Drop }, At(0, 10, 1), At(0, 9, 2), At(0, 10, 3), At(0, 11, 4), At(1, 5, 5));

        Assert.Equal([1, 3, 4], outcome.Steps[0].Select(step => step.Value));
        Assert.Equal([5], outcome.Steps[1].Select(step => step.Value));
        Assert.Equal((1, 0), (outcome.Late, outcome.Repeated));
    }

    [Fact]
    public void A_tick_an_hour_ahead_releases_what_is_held_and_makes_nothing_late_that_is_in_order()
    {
        Tick[] ticks = [At(0, 1, 1), At(0, 2, 2), At(0, 3601, 99), .. Enumerable.Range(3, 50).Select(second => At(0, second, second))];
        Outcome outcome = Run(Reorder, ticks, keepsHeld: true);

        Assert.Equal(Enumerable.Range(1, 52).Select(value => (double)value), outcome.Steps[0].Select(step => step.Value));
        Assert.Equal((0, 1), (outcome.Late, outcome.Held));
    }

    [Fact]
    public void Full_it_lets_the_oldest_go()
    {
        Outcome outcome = Run(Reorder with { LateCapacity = 2, LateBound = TimeSpan.FromHours(1) },
            [At(0, 5, 5), At(0, 3, 3), At(0, 4, 4), At(0, 2, 2), At(0, 6, 6)], keepsHeld: true);

        Assert.Equal([3, 4], outcome.Steps[0].Select(step => step.Value));
        Assert.Equal((1, 2, 2), (outcome.Late, outcome.Held, outcome.ReleasedEarly));
    }

    [Fact]
    public void Once_by_sequence_drops_what_is_not_above_the_last()
    {
        Outcome outcome = Run(new TickRule { Once = TickOnce.Sequence },
            Numbered(1, 7), Numbered(2, 8), Numbered(3, 8), Numbered(4, 7), Numbered(5, 10), Numbered(6, 9), Numbered(7, 11));

        Assert.Equal([7, 8, 10, 11], outcome.Steps[0].Select(step => step.Value));
        Assert.Equal(3, outcome.Repeated);
    }

    [Fact]
    public void A_producer_that_counts_anew_is_told_from_a_repeat_by_times_of_its_own()
    {
        TickRule rule = new() { Once = TickOnce.Sequence };
        Tick[] ticks = [Numbered(100, 500), Numbered(101, 501), Numbered(200, 0), Numbered(201, 1), Numbered(201, 1), Numbered(200, 0), Numbered(202, 2)];

        Assert.Equal([500, 501], Run(rule, ticks).Steps[0].Select(step => step.Value));
        Outcome timed = Run(rule, [.. ticks.Select(tick => tick with { Numbering = TickNumbering.NumberAndTime })]);
        Assert.Equal([500, 501, 0, 1, 2], timed.Steps[0].Select(step => step.Value));
        Assert.Equal(2, timed.Repeated);
    }

    [Fact]
    public void Numbers_may_come_out_of_order_within_the_bound_of_a_rule_that_reorders()
    {
        Outcome outcome = Run(Reorder with { Once = TickOnce.Sequence },
            [Numbered(2, 2), Numbered(1, 1), Numbered(2, 2), Numbered(3, 3), Numbered(1, 1), Numbered(9, 9), Numbered(2, 2), Numbered(3, 3), Numbered(20, 20)]);

        Assert.Equal([1, 2, 3, 9, 20], outcome.Steps[0].Select(step => step.Value));
        Assert.Equal(4, outcome.Repeated);
    }

    [Fact]
    public void Once_by_time_steps_times_that_rise()
    {
        Tick[] ticks = [At(0, 1, 1), At(0, 1, 2), At(0, 3, 3), At(0, 2, 4), At(0, 3, 5), At(0, 4, 6)];

        Outcome outcome = Run(new TickRule { Once = TickOnce.Time }, ticks);
        Assert.Equal([1, 3, 6], outcome.Steps[0].Select(step => step.Value));
        Assert.Equal((0, 3), (outcome.Late, outcome.Repeated));

        outcome = Run(Reorder with { Once = TickOnce.Time }, ticks);
        Assert.Equal([1, 4, 3, 6], outcome.Steps[0].Select(step => step.Value));
        Assert.Equal((0, 2), (outcome.Late, outcome.Repeated));
    }

    [Fact]
    public void A_stream_that_was_reset_takes_a_producer_that_counts_anew_and_keeps_what_is_held()
    {
        Tick[] ticks = [Numbered(100, 500), Numbered(101, 501), Numbered(110, 502), Numbered(50, 0), Numbered(111, 1), Numbered(112, 2), Numbered(130, 3), Numbered(130, 2)];
        Outcome outcome = Run(Reorder with { Once = TickOnce.Sequence }, ticks, resetBefore: 3);

        Assert.Equal([500, 501, 0, 502, 1, 2, 3], outcome.Steps[0].Select(step => step.Value));
        Assert.Equal([1, 2, 3, 4, 5, 6, 7], outcome.Steps[0].Select(step => step.N));
        Assert.Equal(1, outcome.Repeated);
    }

    [Fact]
    public void Every_packet_is_acknowledged_when_its_ticks_are_stepped_held_or_dropped()
    {
        PacketLedger ledger = new(1000, () => { });
        Tick[] ticks = Shuffled(InOrder(50), seconds: 12);
        Outcome outcome = Run(Reorder with { LateCapacity = 3 }, ticks, shards: 2, keepsHeld: true, ledger: ledger);

        Assert.True(outcome.Held > 0 && outcome.Late > 0 && outcome.Steps.Sum(steps => steps.Count) > 0);
        PacketAcknowledgement[] due = new PacketAcknowledgement[1000];
        Assert.Equal(ticks.Length, ledger.Take(due));
        Assert.Equal(Enumerable.Range(1, ticks.Length), due.Take(ticks.Length).Select(acknowledgement => (int)acknowledgement.PacketId));
    }

    [Fact]
    public void Held_and_dropped_ticks_allocate_nothing()
    {
        StreamRows rows = new(MapOf(Reorder with { LateCapacity = 3, Once = TickOnce.Time }, ShippedModel.Load(null)), shard: 0, shardCount: 1, new RowExchange(1));
        MicroBatch batch = new(rows) { Dropped = (_, _) => { } };
        ForecastBlock block = new(512);
        Tick[] ticks = Shuffled(InOrder(2000), seconds: 12);
        TickInbox inbox = new(4096);
        TickRouter router = new([inbox]);
        TakenTicks taken = new();
        PacketBlocks packet = new();
        StepAll(ticks.AsSpan(0, 10_000));

        long before = GC.GetAllocatedBytesForCurrentThread();
        StepAll(ticks.AsSpan(10_000));
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void StepAll(ReadOnlySpan<Tick> waiting)
        {
            for (; !waiting.IsEmpty; waiting = waiting[100..])
            {
                packet.Begin();
                packet.Add(waiting[..100]);
                router.Route(packet);
                taken.Read(inbox);
                for (int at = 0; at < taken.Ticks.Length; at += batch.TakenCount)
                {
                    batch.Fill(taken.Ticks[at..]);
                    batch.Step();
                    block.Clear();
                    batch.CopyTo(block, taken, at);
                }
            }
        }
    }

    private static StreamModels MapOf(TickRule rule, Forecaster? model = null)
    {
        StreamDirectory directory = new(Streams);
        for (int stream = 0; stream < Streams; stream++)
            directory.TryGet(Encoding.UTF8.GetBytes($"t/{stream}"), [], out _);
        return new StreamModels(model ?? new ChainForecaster(), directory, [], rule == TickRule.Default ? [] : [(new StreamPattern("t/#"), rule)]);
    }

    private Outcome Run(TickRule rule, params Tick[] ticks) => Run(rule, ticks, shards: 1);

    /// <param name="keepsHeld">Looks at what is held before the drain, at which it would step.</param>
    private Outcome Run(TickRule rule, Tick[] ticks, int shards = 1, int atOnce = 64, bool keepsHeld = false, PacketLedger? ledger = null, int resetBefore = -1)
    {
        CollectingSink sink = new();
        StreamEngine engine = new(MapOf(rule), new EngineCapacity(shards, Ticks: 4096), _metrics, sink);
        int late = 0, repeated = 0;
        engine.Dropped = (fault, _, _) => Interlocked.Increment(ref fault == TickFault.Late ? ref late : ref repeated);
        engine.Start();
        if (ledger is not null)
        {
            engine.Feed(ticks, ledger, i => ledger.TryOpen((ushort)(i + 1), 1, 1));
        }
        else
        {
            for (int at = 0; at < ticks.Length; at += atOnce)
            {
                atOnce = at < resetBefore ? Math.Min(atOnce, resetBefore - at) : atOnce;
                if (at == resetBefore)
                    Reset(engine, stream: 0);
                engine.FeedTogether(ticks.AsSpan(at, Math.Min(atOnce, ticks.Length - at)));
            }
        }
        if (keepsHeld)
        {
            Assert.True(SpinWait.SpinUntil(() => engine.Published + engine.Held + Volatile.Read(ref late) + Volatile.Read(ref repeated) == ticks.Length,
                TimeSpan.FromSeconds(20)), "every tick is stepped, held or dropped");
        }
        else
        {
            engine.Drain();
        }
        Outcome outcome = new(
            [.. Enumerable.Range(0, Streams).Select(stream => sink.Forecasts.Where(forecast => forecast.Stream == stream)
                .Select(forecast => new Stepped(forecast.Verdict.N, (forecast.Time - Start) / Second, forecast.Value, forecast.Verdict.Next)).ToList())],
            engine.Stepped, engine.Held, late, repeated, engine.ReleasedEarly);
        if (keepsHeld)
            engine.Drain();
        return outcome;
    }

    private static void Reset(StreamEngine engine, int stream)
    {
        TickRouter router = new(engine.Inboxes);
        PacketBlocks message = new();
        router.Reserve(message, TickBlockKind.Reset, stream);
        message.Write(position: 0);
    }

    /// <summary>One tick of every stream each second.</summary>
    private static Tick[] InOrder(int seconds)
    {
        Random random = new(Seed);
        return [.. Enumerable.Range(0, seconds).SelectMany(second => Enumerable.Range(0, Streams).Select(stream => At(stream, second, random.Next(10))))];
    }

    /// <summary>Each tick comes later than it should by no more than this: none is overtaken by one that is younger by more.</summary>
    private static Tick[] Shuffled(Tick[] ticks, int seconds)
    {
        Random random = new(Seed + 1);
        return [.. ticks.Select(tick => (tick, At: tick.Time + (long)(random.NextDouble() * seconds * Second))).OrderBy(entry => entry.At).Select(entry => entry.tick)];
    }

    private static Tick At(int stream, long second, double value) => new() { Stream = stream, Time = Start + (second * Second), Value = value };

    private static Tick Numbered(long second, long number) => At(0, second, number) with { Number = number, Numbering = TickNumbering.Number };

    private sealed record Outcome(List<Stepped>[] Steps, long Stepped, long Held, long Late, long Repeated, long ReleasedEarly);

    private readonly record struct Stepped(long N, long Time, double Value, double Next);
}
