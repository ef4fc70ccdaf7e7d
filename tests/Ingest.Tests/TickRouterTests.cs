namespace StreamRnn.Ingest.Tests;

public class TickRouterTests
{
    private readonly Tick[] _scratch = new Tick[64];

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Each_tick_goes_to_the_shard_of_its_stream_in_order(int shards)
    {
        TickQueue[] queues = [.. Enumerable.Range(0, shards).Select(_ => new TickQueue(64))];
        var router = new TickRouter(queues);
        Tick[] ticks = [.. Enumerable.Range(0, 30).Select(i => Of(stream: i * 7 % 10, time: i))];
        Assert.True(router.TryRoute(ticks.AsSpan(0, 20), _scratch));
        router.Route(ticks.AsSpan(20), _scratch);
        Assert.Equal(30, router.Count);
        for (int shard = 0; shard < shards; shard++)
        {
            var into = new Tick[64];
            int count = queues[shard].Take(into);
            Assert.Equal(ticks.Where(tick => tick.Stream % shards == shard), into.Take(count));
        }
    }

    [Fact]
    public void A_packet_that_one_shard_cannot_take_reaches_none()
    {
        TickQueue[] queues = [new(8), new(8), new(2)];
        var router = new TickRouter(queues);
        Tick[] packet = [Of(0, 0), Of(1, 1), Of(2, 2), Of(5, 3), Of(8, 4)];   // three for shard 2
        Assert.False(router.TryRoute(packet, _scratch));
        Assert.Equal(0, router.Count);
        Assert.True(router.TryRoute(packet.AsSpan(0, 4), _scratch));
        Assert.Equal(4, router.Count);
        Assert.True(queues[0].TryReserve(7));   // nothing was left reserved by the refusal
    }

    [Fact]
    public void Racing_packets_go_in_whole_or_not_at_all()
    {
        const int Shards = 3, Producers = 3, Packets = 5_000;
        TickQueue[] queues = [.. Enumerable.Range(0, Shards).Select(_ => new TickQueue(5))];
        var router = new TickRouter(queues);
        long accepted = 0;
        Thread[] producers = [.. Enumerable.Range(0, Producers).Select(p => new Thread(() =>
        {
            var scratch = new Tick[Shards];
            for (int i = 0; i < Packets; i++)
                if (router.TryRoute([Of(0, i), Of(1, i), Of(2, i)], scratch))
                    Interlocked.Increment(ref accepted);
        }))];
        var taken = new long[Shards];
        Thread[] shards = [.. queues.Select((queue, s) => new Thread(() =>
        {
            var into = new Tick[3];
            for (int count; (count = queue.Take(into)) > 0;)
                taken[s] += count;
        }))];
        Array.ForEach(shards, thread => thread.Start());
        Array.ForEach(producers, thread => thread.Start());
        Array.ForEach(producers, thread => thread.Join());
        router.Complete();
        Array.ForEach(shards, thread => thread.Join());
        Assert.All(taken, count => Assert.Equal(accepted, count));
        Assert.InRange(accepted, 1, Producers * Packets);
    }

    [Fact]
    public void Routing_allocates_nothing()
    {
        TickQueue[] queues = [new(64), new(64)];
        var router = new TickRouter(queues);
        Tick[] packet = [Of(0, 0), Of(1, 1), Of(2, 2)];
        var into = new Tick[64];
        Assert.Equal(0, Allocations.Least(1000, () =>
        {
            router.TryRoute(packet, _scratch);
            router.Route(packet, _scratch);
            queues[0].Take(into);
            queues[1].Take(into);
        }));
    }

    private static Tick Of(int stream, long time) => new() { Stream = stream, Time = time, Value = 0 };
}
