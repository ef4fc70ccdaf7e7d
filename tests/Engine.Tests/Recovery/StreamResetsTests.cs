using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Recovery;
using StreamRnn.Engine.Stepping;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Tests.Stepping;
using StreamRnn.Engine.Tests.Storage;

namespace StreamRnn.Engine.Tests.Recovery;

public sealed class StreamResetsTests
{
    private const int Streams = 6;

    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public void A_pattern_begins_anew_where_the_log_says_and_the_rest_goes_on(int shards)
    {
        List<Forecast> outputs = [], again = [];
        FaultyFiles files = new();
        DurableEngine engine = new(files, shards, outputs, confirms: false);
        Send(engine, 1, 2);
        Assert.Equal(2, engine.Reset("plant/+/pressure"));
        Assert.Equal(0, engine.Reset("plant/7/#"));
        Send(engine, 3);
        Wait.Until(() => engine.Published == 3 * Streams, "every forecast");
        FaultyFiles left = files.AfterKill();
        engine.Dispose();
        AssertReset(outputs, engine);

        DurableEngine second = new(left, shards: 4 - shards, again);
        Wait.Until(() => second.Published == 3 * Streams, "every forecast again");
        second.Stop();
        AssertReset(again, second);
    }

    [Theory, InlineData(false), InlineData(true)]
    public void A_worker_that_is_not_there_finds_its_streams_reset(bool stoppedInOrder)
    {
        FaultyFiles files = new();
        DurableEngine engine = new(files, shards: 2, []);
        Send(engine, 1, 2);
        if (stoppedInOrder)
            engine.Stop();
        else
            Wait.Until(() => engine.Published == 2 * Streams, "every forecast");
        FaultyFiles left = files.AfterKill();
        engine.Dispose();

        string[] before = [.. left.List()];
        Assert.Equal(0, StreamResets.Append(left, new StreamPattern("plant/7")));
        Assert.Equal(before, left.List());
        Assert.Equal(2, StreamResets.Append(left, new StreamPattern("plant/+/pressure")));
        Assert.Equal(2, StreamResets.Append(left, new StreamPattern("plant/+/pressure")));

        List<Forecast> outputs = [];
        DurableEngine second = new(left, shards: 1, outputs);
        Send(second, 3);
        second.Stop();
        AssertReset(outputs, second);
    }

    [Fact]
    public void A_disk_without_room_resets_nothing()
    {
        FaultyFiles files = new();
        using (DurableEngine engine = new(files, shards: 1, []))
            Send(engine, 1, 2);
        files.Room = 40;
        string[] before = [.. files.List()];
        Assert.Throws<IOException>(() => StreamResets.Append(files, new StreamPattern("#")));
        Assert.Equal(before, files.List());
    }

    [Fact]
    public void A_row_is_saved_before_it_begins_anew_and_counts_as_changed_after()
    {
        RowExchange exchange = new(shards: 1);
        StreamRows rows = new(new StreamModels(new ChainForecaster()), shard: 0, shardCount: 1, exchange);
        for (int stream = 0; stream < 3; stream++)
            rows.Restore(stream, kind: 0, [10.5f, 20 + stream, 0, 0]);

        rows.BeginSaving(all: true);
        rows.Reset(1);
        rows.Reset(1);
        rows.Reset(7);   // never seen
        rows.GoOnSaving(toTheEnd: true);
        Assert.Equal(["0: 10.5 20", "1: 10.5 21", "2: 10.5 22"], Saved(exchange));
        Assert.Equal(3, rows.StreamCount);

        rows.BeginSaving(all: false);
        rows.GoOnSaving(toTheEnd: true);
        Assert.Equal(["1: 10.5 0.5"], Saved(exchange));
    }

    private static void Send(DurableEngine engine, params int[] values)
    {
        foreach (int value in values)
        {
            for (int stream = 0; stream < Streams; stream++)
                engine.Send(null, null, 0, stream % 3 == 0 ? $"plant/{stream}/pressure" : $"plant/{stream}/flow", $"{value}", qos: 0);
        }
    }

    private static void AssertReset(List<Forecast> outputs, DurableEngine engine)
    {
        Forecast[] last = [.. outputs.Where(output => output.Verdict.N == 3)];
        Assert.Equal(Streams, last.Length);
        Assert.All(last, output => Assert.Equal(engine.Directory.Name(output.Stream).EndsWith("pressure", StringComparison.Ordinal)
            ? ChainForecaster.Next(0.5f, 3)
            : ChainForecaster.Next(ChainForecaster.Next(ChainForecaster.Next(0.5f, 1), 2), 3), output.Verdict.Next));
    }

    private static string[] Saved(RowExchange exchange)
    {
        List<string> saved = [];
        while (exchange.TryTake(out RowPiece piece))
        {
            for (ReadOnlySpan<byte> bytes = piece.Bytes; !bytes.IsEmpty; bytes = bytes[24..])
                saved.Add(FormattableString.Invariant($"{BitConverter.ToInt32(bytes)}: {BitConverter.ToSingle(bytes[8..])} {BitConverter.ToSingle(bytes[12..])}"));
            exchange.Return(piece);
        }
        return [.. saved.Order(StringComparer.Ordinal)];
    }
}
