using System.Globalization;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Tests.Storage;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Engine.Tests.Recovery;

/// <summary>More streams than may be in memory: what lies on the disk meanwhile comes back with the bits it had.</summary>
public sealed class BoundedStreamsTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(2, 1, 2)]
    [InlineData(3, 20, 1)]
    [InlineData(4, 64, 2)]
    [InlineData(5, 65, 1)]
    [InlineData(6, 150, 3)]
    [InlineData(7, 299, 3)]
    [InlineData(8, 301, 2)]
    public void Outputs_and_rows_are_those_of_an_engine_with_all_streams_in_memory(int seed, int inMemory, int shards)
    {
        (int Stream, double Value)[] ticks = Ticks(seed, streams: 300, count: 6000);
        (string[] Outputs, SortedDictionary<int, float[]> Rows) unlimited = Run(ticks, shards: 1, inMemory: null, out _);
        (string[] Outputs, SortedDictionary<int, float[]> Rows) limited = Run(ticks, shards, Math.Max(inMemory, shards), out long evicted);

        Assert.True(inMemory >= 300 || evicted > 0, $"{evicted} evictions: the test tests nothing");
        Assert.Equal(unlimited.Outputs, limited.Outputs);
        Assert.Equal(unlimited.Rows, limited.Rows);
    }

    [Fact]
    public void No_more_rows_than_allowed_are_in_memory_whatever_comes_and_after_a_restart()
    {
        FaultyFiles files = new();
        List<Forecast> outputs = [];
        DurableEngine engine = new(files, shards: 2, outputs, streamsInMemory: 70);
        (int Stream, double Value)[] ticks = Ticks(seed: 11, streams: 500, count: 3000);
        Send(engine, ticks);
        Wait.Until(() => engine.Published == ticks.Length, "every forecast");
        Assert.Equal(70, engine.InMemoryCount);
        FaultyFiles left = files.AfterKill();
        engine.Dispose();

        Assert.Contains("cold-0-0.rows", left.List());
        using DurableEngine second = new(left, shards: 3, outputs, streamsInMemory: 40);
        Send(second, ticks);
        Wait.Until(() => second.Published >= ticks.Length, "every forecast again");
        Assert.Equal(39, second.InMemoryCount);
    }

    [Fact]
    public void Working_files_go_with_the_worker()
    {
        FaultyFiles files = new();
        DurableEngine engine = new(files, shards: 2, [], streamsInMemory: 2);
        Send(engine, Ticks(seed: 12, streams: 50, count: 200));
        engine.Stop();
        Assert.DoesNotContain(files.List(), name => name.StartsWith("cold-", StringComparison.Ordinal));

        files["cold-7-0.rows"] = [1, 2, 3];
        new DurableEngine(files, shards: 1, []).Stop();
        Assert.DoesNotContain("cold-7-0.rows", files.List());
    }

    [Fact]
    public void A_disk_without_room_for_idle_streams_holds_intake_up_and_loses_nothing()
    {
        (int Stream, double Value)[] ticks = Ticks(seed: 13, streams: 100, count: 3000);
        (string[] expected, _) = Run(ticks, shards: 1, inMemory: null, out _);

        FaultyFiles files = new() { FullFile = "cold-0-0.rows" };
        List<Forecast> outputs = [];
        DurableEngine engine = new(files, shards: 1, outputs, streamsInMemory: 10);
        Send(engine, ticks);
        Wait.Until(() => engine.State.Cold!.IsFull, "the disk is found full");
        Assert.True(engine.State.IsFull);
        Assert.Equal(10, engine.InMemoryCount);
        Assert.True(engine.Published < ticks.Length);

        files.FullFile = null;
        Wait.Until(() => engine.Published == ticks.Length, "every forecast");
        Assert.False(engine.State.IsFull);
        engine.Stop();
        Assert.Equal(expected, InWords(outputs));
        Assert.Null(engine.Failure);
    }

    [Fact]
    public void A_stop_with_a_full_disk_ends_in_order_with_every_tick_stepped()
    {
        (int Stream, double Value)[] ticks = Ticks(seed: 14, streams: 100, count: 1000);
        (string[] expected, SortedDictionary<int, float[]> rows) = Run(ticks, shards: 1, inMemory: null, out _);

        FaultyFiles files = new() { FullFile = "cold-0-0.rows" };
        List<Forecast> outputs = [];
        DurableEngine engine = new(files, shards: 1, outputs, streamsInMemory: 10);
        Send(engine, ticks);
        Wait.Until(() => engine.State.Cold!.IsFull, "the disk is found full");
        engine.Stop();
        Assert.Equal(expected, InWords(outputs));
        Assert.Equal(rows, DurableEngine.RowsIn(files));
    }

    [Theory, InlineData("cannot be read"), InlineData("does not hold")]
    public void A_row_that_does_not_come_back_ends_the_process_with_a_clear_message_and_the_next_start_has_it(string damage)
    {
        FaultyFiles files = new();
        List<Forecast> outputs = [];
        DurableEngine engine = new(files, shards: 1, outputs, streamsInMemory: 5);
        for (int stream = 0; stream < 20; stream++)
            engine.Send(null, null, 0, $"t{stream}", $"{stream}", qos: 0);
        Wait.Until(() => engine.Published == 20, "every forecast");
        if (damage == "cannot be read")
            files.ReadFails = true;
        else
            files.Readable = 10;
        for (int stream = 0; stream < 20; stream++)
            engine.Send(null, null, 0, $"t{stream}", $"{stream + 1}", qos: 0);
        Wait.Until(() => engine.Failure is not null, "the failure is told");
        Assert.Contains(damage, engine.Failure, StringComparison.Ordinal);
        Assert.Contains("Look at the disk", engine.Failure, StringComparison.Ordinal);
        engine.State.Log.WaitUntilDurable(engine.State.Log.AppendedPosition);
        FaultyFiles left = files.AfterKill();
        engine.Dispose();

        DurableEngine second = new(left, shards: 2, outputs, streamsInMemory: 5);
        second.Send(null, null, 0, "t0", "2", qos: 0);
        second.Stop();
        foreach (IGrouping<int, Forecast> stream in outputs.GroupBy(forecast => forecast.Stream))
            Assert.Equal(stream.Key == 0 ? [1, 2, 3] : [1L, 2], stream.Select(forecast => forecast.Verdict.N).Distinct().Order());
    }

    private static (string[] Outputs, SortedDictionary<int, float[]> Rows) Run((int Stream, double Value)[] ticks, int shards, int? inMemory, out long evicted)
    {
        FaultyFiles files = new();
        List<Forecast> outputs = [];
        DurableEngine engine = new(files, shards, outputs, streamsInMemory: inMemory);
        Send(engine, ticks);
        engine.Stop();
        evicted = engine.State.Cold?.Evicted.Rows ?? 0;
        return (InWords(outputs), DurableEngine.RowsIn(files));
    }

    /// <summary>A few streams often and all of them now and then, in random order.</summary>
    private static (int Stream, double Value)[] Ticks(int seed, int streams, int count)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(i => (random.Next(2) == 0 ? random.Next(streams) : random.Next(Math.Max(1, streams / 20)), Math.Round(random.NextDouble() * 10, 3)))];
    }

    private static void Send(DurableEngine engine, (int Stream, double Value)[] ticks)
    {
        PacketLedger ledger = new(ticks.Length, () => { });   // at QoS 0 a tick may be refused
        for (int i = 0; i < ticks.Length; i++)
            engine.Send(null, ledger, (ushort)(i + 1), $"t{ticks[i].Stream}", string.Create(CultureInfo.InvariantCulture, $"{ticks[i].Value}"));
    }

    private static string[] InWords(List<Forecast> forecasts) =>
        [.. forecasts.Select(forecast => $"{forecast.Stream:d4} {forecast.Verdict.N:d6} {forecast.Value:R} {forecast.Verdict.Next:R}").Order(StringComparer.Ordinal)];
}
