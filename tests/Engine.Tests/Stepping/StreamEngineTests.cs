using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Stepping;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Tests.Stepping;

public sealed class StreamEngineTests : IDisposable
{
    private const int Seed = 20260101;
    private readonly WorkerMetrics _metrics = new();

    public void Dispose() => _metrics.Dispose();

    [Theory, InlineData(1), InlineData(4)]
    public void Every_accepted_tick_gives_one_forecast_after_a_stop_in_the_middle(int shards)
    {
        CollectingSink sink = new();
        StreamEngine engine = Start(shards, sink);
        Tick[] ticks = Skewed(streams: 50, count: 20_000);

        engine.Feed(ticks);
        engine.Drain();

        Assert.Equal(ticks.Length, engine.Stepped);
        Assert.Equal(ticks.Length, engine.Published);
        Assert.Equal(ticks.Length, sink.Forecasts.Count);
        Assert.Equal(50, engine.StreamCount);
        Assert.True(sink.Completed);
    }

    [Theory, InlineData(1), InlineData(4)]
    public void Order_is_kept_and_no_batch_holds_a_stream_twice_under_skew(int shards)
    {
        CollectingSink sink = new();
        ChainForecaster model = new();
        StreamEngine engine = Start(shards, sink, model);
        Tick[] ticks = Skewed(streams: 30, count: 30_000);

        engine.Feed(ticks);
        engine.Drain();

        Assert.Equal(0, model.WrongBatches);
        foreach (IGrouping<int, Forecast> stream in sink.Forecasts.GroupBy(forecast => forecast.Stream))
        {
            Tick[] sent = [.. ticks.Where(tick => tick.Stream == stream.Key)];
            Assert.Equal(sent.Select(tick => (tick.Time, tick.Value, tick.Number)), stream.Select(f => (f.Time, f.Value, f.Number)));
            Assert.Equal(Enumerable.Range(1, sent.Length).Select(n => (long)n), stream.Select(f => f.Verdict.N));
            float next = 0.5f;
            foreach (Forecast forecast in stream)
            {
                next = ChainForecaster.Next(next, forecast.Value);
                Assert.Equal(next, forecast.Verdict.Next);
            }
        }
    }

    [Fact]
    public void A_stream_gets_the_same_bits_alone_and_among_a_thousand_with_one_shard_and_with_four()
    {
        Tick[] alone = [.. Enumerable.Range(0, 500).Select(i => At(stream: 617, i, Math.Sin(i) * 10))];
        Tick[] among = [.. alone.SelectMany((tick, i) => Enumerable.Range(0, 1000)
            .Select(stream => stream == 617 ? tick : At(stream, i, stream + i)))];

        double[] expected = NextOf(617, 1, alone);

        Assert.Equal(expected, NextOf(617, 4, alone));
        Assert.Equal(expected, NextOf(617, 1, among));
        Assert.Equal(expected, NextOf(617, 4, among));
    }

    [Fact]
    public void Each_stream_is_stepped_by_the_first_model_whose_pattern_matches()
    {
        StreamDirectory directory = new(10);
        foreach (string topic in new[] { "plant/a/pressure", "plant/b/flow", "office/co2" })
            Assert.Equal(TickFault.None, directory.TryGet(System.Text.Encoding.UTF8.GetBytes(topic), [], out _));
        CollectingSink sink = new();
        StreamModels models = new(new ChainForecaster("standard@0"), directory,
            [(new StreamPattern("plant/+/pressure"), new ChainForecaster("pressure@1")), (new StreamPattern("plant/#"), new ChainForecaster("plant@2"))], []);
        StreamEngine engine = new(models, new EngineCapacity(1), _metrics, sink);
        engine.Start();

        engine.Feed([.. Enumerable.Range(0, 30).Select(i => At(i % 3, i, i))]);
        engine.Drain();

        Assert.Equal(30, sink.Forecasts.Count);
        Assert.All(sink.Forecasts, f => Assert.Equal(((string[])["pressure@1", "plant@2", "standard@0"])[f.Stream], models.Kinds[f.Kind].Model.Name));
        Assert.All(sink.Forecasts, f => Assert.Equal((f.Number / 3) + 1, f.Verdict.N));
    }

    [Fact]
    public void A_publisher_that_is_behind_holds_intake_up_and_loses_nothing()
    {
        CollectingSink sink = new();
        sink.Hold();
        StreamEngine engine = Start(shards: 1, sink, queueCapacity: 256, publishCapacity: 2 * ForecastQueue.BlockForecasts);
        TickInbox queue = engine.Inboxes[0];
        TickRouter router = new(engine.Inboxes);
        PacketBlocks packet = new();
        Tick[] ticks = [.. Enumerable.Range(0, 10_000).Select(i => At(i % 7, i, i))];

        // In flight at most: the tick queue, what the shard took, its block, the publish queue, the block the sink holds.
        int accepted = 0;
        Assert.True(SpinWait.SpinUntil(() =>
        {
            while (accepted < ticks.Length && TrySend(ticks[accepted]))
                accepted++;
            return queue.Count == 256 && (engine.Forecasts.Count == 2 || sink.Held == "shard 0");
        }, TimeSpan.FromSeconds(20)), "intake must come to a halt");
        Assert.InRange(accepted, 256, 256 + 256 + (4 * ForecastQueue.BlockForecasts));

        sink.LetGo();
        engine.Feed(ticks.AsSpan(accepted));
        engine.Drain();

        Assert.Equal(ticks.Select(tick => tick.Number), sink.Forecasts.Select(forecast => forecast.Number));
        Assert.Equal(0, engine.Forecasts.Dropped);

        bool TrySend(Tick tick)
        {
            packet.Begin();
            packet.Add(in tick);
            if (!router.TryReserve(packet))
                return false;
            packet.Write(0);
            return true;
        }
    }

    [Fact]
    public void Told_to_drop_it_steps_everything_and_counts_the_forecasts_it_gave_up()
    {
        CollectingSink sink = new();
        sink.Hold();
        StreamEngine engine = Start(shards: 1, sink, queueCapacity: 256, publishCapacity: 256, whenFull: WhenFull.DropForecasts);
        PacketLedger ledger = new(10_000, () => { });
        Tick[] ticks = [.. Enumerable.Range(0, 10_000).Select(i => At(i % 7, i, i))];

        engine.Feed(ticks, ledger, i => ledger.TryOpen((ushort)i, 1, 1));
        Assert.True(SpinWait.SpinUntil(() => engine.Stepped == ticks.Length, TimeSpan.FromSeconds(20)), "the shard must not wait");
        sink.LetGo();
        engine.Drain();

        Assert.True(engine.Forecasts.Dropped > 0);
        Assert.Equal(ticks.Length, sink.Forecasts.Count + engine.Forecasts.Dropped);
        Assert.Equal(ticks.Length, ledger.Take(new PacketAcknowledgement[10_000]));
    }

    [Fact]
    public void Told_to_drop_a_shard_waits_for_no_sink_at_a_barrier_either()
    {
        CollectingSink sink = new();
        sink.Hold();
        StreamEngine engine = Start(shards: 2, sink, queueCapacity: 256, publishCapacity: 256, whenFull: WhenFull.DropForecasts);
        Tick[] ticks = [.. Enumerable.Range(0, 10_000).Select(i => At(i % 7, i, i))];

        engine.Feed(ticks);
        engine.Broadcast(TickBlockKind.Barrier, position: 1);
        engine.Feed(ticks);
        Assert.True(SpinWait.SpinUntil(() => engine.Stepped == 2 * ticks.Length, TimeSpan.FromSeconds(20)), "the shard must not wait");
        sink.LetGo();
        engine.Drain();

        Assert.Equal(2 * ticks.Length, sink.Forecasts.Count + engine.Forecasts.Dropped);
    }

    /// <summary>A link that another client has taken over, say: the shards end in order, and the sender keeps what has no outputs.</summary>
    [Theory, InlineData(1), InlineData(4)]
    public void After_a_sink_has_ended_nothing_is_acknowledged_and_nothing_waits_for_it(int shards)
    {
        CollectingSink sink = new() { EndsAfter = 1 };
        StreamEngine engine = Start(shards, sink, queueCapacity: 256, publishCapacity: 256);
        PacketLedger ledger = new(10_000, () => { });
        Tick[] ticks = [.. Enumerable.Range(0, 10_000).Select(i => At(i % 7, i, i))];

        engine.Feed(ticks, ledger, i => ledger.TryOpen((ushort)i, 1, 1));
        engine.Drain();

        Assert.Equal(ticks.Length, engine.Stepped);
        Assert.InRange(sink.Forecasts.Count, 1, ticks.Length - 1);
        Assert.Equal(sink.Forecasts.Count, engine.Published);
        Assert.InRange(ledger.Take(new PacketAcknowledgement[10_000]), 0, sink.Forecasts.Count);   // in order: as far as no gap is before
        Assert.False(sink.Completed);
    }

    [Fact]
    public void A_packet_is_acknowledged_when_its_outputs_have_been_handed_over_and_not_before()
    {
        CollectingSink sink = new();
        sink.Hold();
        StreamEngine engine = Start(shards: 2, sink);
        PacketLedger ledger = new(16, () => { });
        PacketAcknowledgement[] due = new PacketAcknowledgement[16];
        long packet = ledger.TryOpen(77, 1, tickCount: 3);

        for (int stream = 0; stream < 3; stream++)
            engine.Feed([At(stream, 0, 1)], ledger, _ => packet);
        // Not all three need be stepped yet: a shard that has nothing else to do publishes itself, and waits in the sink.
        Assert.True(SpinWait.SpinUntil(() => engine.Stepped > 0, TimeSpan.FromSeconds(20)));
        Assert.Equal(0, ledger.Take(due));

        sink.LetGo();
        engine.Drain();

        Assert.Equal(1, ledger.Take(due));
        Assert.Equal(new PacketAcknowledgement(77, 1), due[0]);
    }

    private StreamEngine Start(int shards, CollectingSink sink, ChainForecaster? model = null, int queueCapacity = 1024,
        int publishCapacity = 4096, WhenFull whenFull = WhenFull.Wait)
    {
        StreamEngine engine = new(new StreamModels(model ?? new ChainForecaster()),
            new EngineCapacity(shards, queueCapacity, publishCapacity, whenFull), _metrics, sink);
        engine.Start();
        return engine;
    }

    private double[] NextOf(int stream, int shards, Tick[] ticks)
    {
        CollectingSink sink = new();
        StreamEngine engine = Start(shards, sink);
        engine.Feed(ticks);
        engine.Drain();
        return [.. sink.Forecasts.Where(forecast => forecast.Stream == stream).Select(forecast => forecast.Verdict.Next)];
    }

    /// <summary>Half of the ticks belong to stream 0, the rest to any.</summary>
    private static Tick[] Skewed(int streams, int count)
    {
        Random random = new(Seed);
        return [.. Enumerable.Range(0, count).Select(i => At(random.Next(2) == 0 ? 0 : random.Next(streams), i, random.NextDouble()))];
    }

    private static Tick At(int stream, int i, double value) =>
        new() { Stream = stream, Time = 1_767_225_600_000_000_000 + (i * 1_000_000_000L), Value = value, Number = i };
}
