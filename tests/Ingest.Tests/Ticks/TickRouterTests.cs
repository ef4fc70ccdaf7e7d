using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Ingest.Tests.Ticks;

public class TickRouterTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Each_tick_goes_to_the_shard_of_its_stream_in_order(int shards)
    {
        TickInbox[] inboxes = [.. Enumerable.Range(0, shards).Select(_ => new TickInbox(64))];
        var router = new TickRouter(inboxes);
        Tick[] ticks = [.. Enumerable.Range(0, 30).Select(i => Of(stream: i * 7 % 10, time: i))];
        PacketBlocks first = TickInboxes.Packet(ticks.AsSpan(0, 20));
        Assert.True(router.TryReserve(first));
        first.Write(position: 20);
        router.Route(TickInboxes.Packet(ticks.AsSpan(20)), position: 30);
        Assert.Equal(30, inboxes.Sum(inbox => inbox.Count));
        for (int shard = 0; shard < shards; shard++)
        {
            var into = new Tick[64];
            List<long> positions = [];
            int count = inboxes[shard].Take(into, origin => positions.Add(origin.Position));
            Assert.Equal(ticks.Where(tick => tick.Stream % shards == shard), into.Take(count));
            Assert.Equal(into.Take(count).Select(tick => tick.Time < 20 ? 20L : 30L), positions);
        }
        Assert.Equal(0, inboxes.Sum(inbox => inbox.Count));
    }

    [Fact]
    public void A_packet_that_one_shard_cannot_take_reaches_none()
    {
        TickInbox[] inboxes = [new(8), new(8), new(2)];
        var router = new TickRouter(inboxes);
        Tick[] ticks = [Of(0, 0), Of(1, 1), Of(3, 2), Of(5, 3), Of(2, 4)];
        router.Route(TickInboxes.Packet(Of(2, 0)));
        PacketBlocks packet = TickInboxes.Packet(ticks);   // two for shard 2, which has room for one
        Assert.False(router.TryReserve(packet));
        Assert.Equal(1, inboxes.Sum(inbox => inbox.Count));   // nothing was left reserved by the refusal
        Assert.True(inboxes[0].IsEmpty && inboxes[1].IsEmpty);
        inboxes[2].Take(new Tick[8]);
        Assert.True(router.TryReserve(packet));
        packet.Write(0);
        Assert.Equal(5, inboxes.Sum(inbox => inbox.Count));
    }

    [Fact]
    public void A_large_packet_without_room_in_all_shards_leaves_no_large_block_in_the_pool()
    {
        TickInbox[] inboxes = [new(1024), new(1)];
        var router = new TickRouter(inboxes);
        router.Route(TickInboxes.Packet(Of(1, 0)));
        PacketBlocks large = TickInboxes.Packet([Of(1, 1), .. Enumerable.Range(0, 500).Select(i => Of(0, i))]);
        Assert.False(router.TryReserve(large));
        Assert.Equal(new TickInbox(1).Rent().Capacity, inboxes[0].Rent().Capacity);
    }

    [Fact]
    public void Room_that_was_reserved_is_given_back()
    {
        TickInbox[] inboxes = [new(2), new(2)];
        var router = new TickRouter(inboxes);
        PacketBlocks packet = TickInboxes.Packet(Of(0, 0), Of(1, 1), Of(2, 2));
        router.Reserve(packet);
        Assert.Equal(3, inboxes.Sum(inbox => inbox.Count));
        packet.Release();
        Assert.Equal(0, inboxes.Sum(inbox => inbox.Count));
        Assert.True(inboxes[0].IsEmpty && inboxes[1].IsEmpty);
    }

    [Fact]
    public void Racing_packets_go_in_whole_or_not_at_all_and_no_write_after_a_reservation_fails()
    {
        const int Shards = 3, Producers = 3, Packets = 5_000;
        TickInbox[] inboxes = [.. Enumerable.Range(0, Shards).Select(_ => new TickInbox(5))];
        var router = new TickRouter(inboxes);
        long accepted = 0, failed = 0;
        Thread[] producers = [.. Enumerable.Range(0, Producers).Select(p => new Thread(() =>
        {
            PacketBlocks message = new();
            for (int i = 0; i < Packets; i++)
            {
                // Packets of one tick for each shard, of one tick and of a control message: every block takes a place in a channel.
                PacketBlocks packet = i % 3 == 0 ? TickInboxes.Packet(Of(0, i), Of(1, i), Of(2, i)) : TickInboxes.Packet(Of(i, i));
                if (i % 5 == 0)
                    router.Reserve(packet);
                else if (!router.TryReserve(packet))
                    continue;
                try
                {
                    packet.Write(i);
                    Interlocked.Add(ref accepted, packet.Ticks.Length);
                    if (i % 7 == 0)
                        router.Broadcast(message, TickBlockKind.Barrier, i);
                }
                catch (InvalidOperationException)
                {
                    Interlocked.Increment(ref failed);
                }
            }
        }))];
        long taken = 0;
        Thread[] shards = [.. inboxes.Select((inbox, s) => new Thread(() =>
        {
            var into = new Tick[64];
            while (inbox.WaitToRead())
                Interlocked.Add(ref taken, inbox.Take(into));
        }))];
        Array.ForEach(shards, thread => thread.Start());
        Array.ForEach(producers, thread => thread.Start());
        Array.ForEach(producers, thread => thread.Join());
        router.Complete();
        Array.ForEach(shards, thread => thread.Join());
        Assert.Equal(0, failed);
        Assert.Equal(accepted, taken);
        Assert.All(inboxes, inbox => Assert.Equal(0, inbox.Count));
    }

    [Fact]
    public void A_control_message_reaches_every_shard_behind_the_ticks_before_it_and_a_reset_its_own()
    {
        TickInbox[] inboxes = [new(8), new(8)];
        var router = new TickRouter(inboxes);
        router.Route(TickInboxes.Packet(Of(0, 1), Of(1, 2)), position: 2);
        PacketBlocks message = new();
        router.Broadcast(message, TickBlockKind.Switch, position: 3, plan: 7);
        router.Reserve(message, TickBlockKind.Reset, stream: 5);
        message.Write(position: 4);

        List<(TickBlockKind, int, int, long)>[] read = [.. inboxes.Select(ReadAll)];
        Assert.Equal([(TickBlockKind.Ticks, 0, 0, 2L), (TickBlockKind.Switch, -1, 7, 3L)], read[0]);
        Assert.Equal([(TickBlockKind.Ticks, 0, 0, 2L), (TickBlockKind.Switch, -1, 7, 3L), (TickBlockKind.Reset, 5, 0, 4L)], read[1]);

        static List<(TickBlockKind, int, int, long)> ReadAll(TickInbox inbox)
        {
            List<(TickBlockKind, int, int, long)> all = [];
            while (inbox.TryRead(out TickBlock? block))
                all.Add((block.Kind, block.Stream, block.Plan, block.Origin.Position));
            return all;
        }
    }

    [Fact]
    public void A_packet_that_is_larger_than_an_inbox_waits_until_it_is_alone()
    {
        var inbox = new TickInbox(4);
        var router = new TickRouter([inbox]);
        router.Route(TickInboxes.Packet(Of(0, 0)));
        PacketBlocks large = TickInboxes.Packet([.. Enumerable.Range(1, 9).Select(i => Of(0, i))]);
        Assert.False(router.TryReserve(large));
        var producer = new Thread(() => router.Route(large));
        producer.Start();
        var into = new Tick[16];
        List<long> times = [];
        while (times.Count < 10)
            times.AddRange(into.Take(inbox.Take(into)).Select(tick => tick.Time));
        producer.Join();
        Assert.Equal(Enumerable.Range(0, 10).Select(i => (long)i), times);
        Assert.Equal(0, inbox.Count);
    }

    [Fact]
    public void Nobody_is_let_in_once_it_is_complete_and_whoever_waits_is_told()
    {
        var inbox = new TickInbox(1);
        var router = new TickRouter([inbox]);
        router.Route(TickInboxes.Packet(Of(0, 0)));
        Exception? refused = null;
        var producer = new Thread(() => refused = Record.Exception(() => router.Reserve(TickInboxes.Packet(Of(0, 1)))));
        producer.Start();
        router.Complete();
        Assert.True(producer.Join(TimeSpan.FromSeconds(20)));
        Assert.IsType<ObjectDisposedException>(refused);
        Assert.Throws<ObjectDisposedException>(() => router.TryReserve(TickInboxes.Packet(Of(0, 2))));
        Assert.Equal(1, inbox.Take(new Tick[1]));
        Assert.Equal(0, inbox.Take(new Tick[1]));
    }

    [Fact]
    public void A_block_that_no_room_is_reserved_for_is_not_written()
    {
        var inbox = new TickInbox(1);
        inbox.Write(inbox.Rent());
        Assert.Throws<InvalidOperationException>(() => inbox.Write(inbox.Rent()));
    }

    [Fact]
    public void Blocks_that_were_read_hold_nothing_of_their_packet()
    {
        var inbox = new TickInbox(4);
        var router = new TickRouter([inbox]);
        PacketBlocks packet = TickInboxes.Packet(Of(0, 1), Of(0, 2));
        packet.Origin = new TickOrigin { Ledger = new PacketLedger(1, () => { }), Packet = 3, ReceivedAt = 4, Trace = 5 };
        router.Route(packet, position: 2);
        Assert.True(inbox.TryRead(out TickBlock? block));
        Assert.Equal((2, 2L, 3L, 4L, 5), (block.Ticks.Length, block.Origin.Position, block.Origin.Packet, block.Origin.ReceivedAt, block.Origin.Trace));
        inbox.Return([block]);
        Assert.Same(block, inbox.Rent());
        Assert.Equal(default, block.Origin);
        Assert.True(block.Ticks.IsEmpty);
    }

    [Fact]
    public void Routing_allocates_nothing()
    {
        TickInbox[] inboxes = [new(64), new(64)];
        var router = new TickRouter(inboxes);
        PacketBlocks packet = TickInboxes.Packet(Of(0, 0), Of(1, 1), Of(2, 2));
        var into = new Tick[64];
        Assert.Equal(0, Allocations.Least(1000, () =>
        {
            router.TryReserve(packet);
            packet.Write(0);
            router.Route(packet);
            inboxes[0].Take(into);
            inboxes[1].Take(into);
        }));
    }

    private static Tick Of(int stream, long time) => new() { Stream = stream, Time = time, Value = 0 };
}
