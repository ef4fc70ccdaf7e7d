using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Tests.Ticks;

namespace StreamRnn.Ingest.Tests.Mqtt.Delivery;

public class PacketLedgerTests
{
    private readonly PacketAcknowledgement[] _into = new PacketAcknowledgement[64];

    [Fact]
    public void Acknowledgements_leave_in_the_order_of_arrival()
    {
        var ledger = new PacketLedger(8, () => { });
        long first = ledger.TryOpen(11, 1, 2);
        long second = ledger.TryOpen(12, 2, 1);
        long third = ledger.TryOpen(13, 1, 1);
        ledger.Complete(third);
        ledger.Complete(second);
        ledger.Complete(first);
        Assert.Equal(0, ledger.Take(_into));
        ledger.Complete(first);
        Assert.Equal(3, ledger.Take(_into));
        Assert.Equal([new(11, 1), new(12, 2), new(13, 1)], _into.Take(3));
        Assert.Equal(0, ledger.OpenCount);
    }

    [Fact]
    public void A_refused_packet_is_acknowledged_in_its_turn()
    {
        int due = 0;
        var ledger = new PacketLedger(8, () => due++);
        long open = ledger.TryOpen(1, 1, 1);
        ledger.TryOpen(2, 1, 0);
        Assert.Equal(0, due);
        Assert.Equal(0, ledger.Take(_into));
        ledger.Complete(open);
        Assert.Equal(1, due);
        Assert.Equal(2, ledger.Take(_into));
        ledger.TryOpen(3, 1, 0);
        Assert.Equal(2, due);
    }

    [Fact]
    public void What_a_thread_makes_due_in_a_batch_it_sends_itself_and_nobody_is_told()
    {
        int due = 0, sent = 0;
        PacketLedger ledger = null!;
        ledger = new PacketLedger(8, () => due++, () => sent += ledger.Take(_into));
        for (ushort id = 1; id <= 3; id++)
            ledger.TryOpen(id, 1, 1);

        List<PacketLedger> ledgers = [];
        var batch = new AckBatch(ledgers);
        ledger.Complete(0, ref batch);
        ledger.Complete(1, ref batch);
        Assert.Equal((0, 0), (due, sent));
        batch.Send();
        Assert.Equal((0, 2), (due, sent));
        Assert.Empty(ledgers);

        ledger.Complete(2);
        Assert.Equal((1, 2), (due, sent));
    }

    [Fact]
    public void A_batch_tells_the_writer_of_a_ledger_that_the_thread_cannot_send()
    {
        int due = 0;
        var ledger = new PacketLedger(8, () => due++);
        ledger.TryOpen(1, 1, 1);
        List<PacketLedger> ledgers = [];
        var batch = new AckBatch(ledgers);
        ledger.Complete(0, ref batch);
        Assert.Equal(1, due);
        Assert.Empty(ledgers);
    }

    [Fact]
    public void A_batch_sends_each_ledger_once_in_the_order_they_became_due()
    {
        List<int> sent = [];
        PacketLedger[] ledgers = [.. Enumerable.Range(0, 3).Select(i => new PacketLedger(8, () => sent.Add(-1), () => sent.Add(i)))];
        foreach (PacketLedger ledger in ledgers)
        {
            ledger.TryOpen(1, 1, 1);
            ledger.TryOpen(2, 1, 2);
        }
        var batch = new AckBatch([]);
        foreach (int i in new[] { 2, 0, 1, 0, 2 })
            ledgers[i].Complete(ledgers[i].IsDue ? 1 : 0, ref batch);
        Assert.Empty(sent);
        batch.Send();
        Assert.Equal([2, 0, 1], sent);
    }

    [Fact]
    public void A_reader_that_sends_by_itself_is_not_told_of_what_it_opened_with_nothing_to_wait_for()
    {
        int due = 0, sent = 0;
        PacketLedger ledger = null!;
        ledger = new PacketLedger(8, () => due++, () => sent += ledger.Take(_into));
        ledger.IsReaderSending = true;
        ledger.TryOpen(1, 1, 0);
        ledger.TryOpen(2, 1, 1);
        Assert.Equal((0, 0, true), (due, sent, ledger.IsDue));
        ledger.SendDue();
        Assert.Equal((0, 1, false), (due, sent, ledger.IsDue));

        ledger.Complete(1);   // by another thread, which tells as ever
        Assert.Equal((1, true), (due, ledger.IsDue));
    }

    [Fact]
    public void One_more_than_the_peer_may_have_in_flight_is_not_opened()
    {
        var ledger = new PacketLedger(3, () => { });
        for (ushort id = 1; id <= 3; id++)
            Assert.Equal(id - 1, ledger.TryOpen(id, 1, 1));
        Assert.True(ledger.IsFull);
        Assert.Equal(-1, ledger.TryOpen(4, 1, 1));
        ledger.Complete(0);
        Assert.Equal(-1, ledger.TryOpen(4, 1, 1));   // done is not yet acknowledged
        Assert.Equal(1, ledger.Take(_into));
        Assert.Equal(3, ledger.TryOpen(4, 1, 1));
    }

    [Fact]
    public void A_small_span_takes_the_oldest_and_leaves_the_rest()
    {
        var ledger = new PacketLedger(100, () => { });
        for (ushort id = 1; id <= 100; id++)
            ledger.Complete(ledger.TryOpen(id, 1, 1));
        for (int taken = 0; taken < 100; taken += 10)
        {
            Assert.Equal(10, ledger.Take(_into.AsSpan(0, 10)));
            Assert.Equal(taken + 1, _into[0].PacketId);
        }
        Assert.Equal(0, ledger.Take(_into));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(1024)]
    public void Many_completing_threads_lose_no_acknowledgement_and_no_wake_up(int capacity)
    {
        const int Packets = 30_000, Ticks = 3;
        using var due = new SemaphoreSlim(0);
        var ledger = new PacketLedger(capacity, () => due.Release());
        var shards = Enumerable.Range(0, Ticks).Select(_ => new BlockingCollection<long>(capacity)).ToArray();
        Thread[] completing = [.. shards.Select(queue => new Thread(() =>
        {
            foreach (long number in queue.GetConsumingEnumerable())
                ledger.Complete(number);
        }))];

        // The writer sleeps until it is told: a wake-up that got lost would leave it, the reader and the test waiting.
        int acknowledged = 0;
        bool inOrder = true, timedOut = false;
        using var room = new SemaphoreSlim(capacity);
        var writer = new Thread(() =>
        {
            var into = new PacketAcknowledgement[16];
            while (acknowledged < Packets && !timedOut)
            {
                timedOut = !due.Wait(TimeSpan.FromSeconds(20));
                for (int count; (count = ledger.Take(into)) > 0;)
                    for (int i = 0; i < count; i++)
                    {
                        inOrder &= into[i].PacketId == (ushort)acknowledged++;
                        room.Release();
                    }
            }
        });
        Array.ForEach(completing, thread => thread.Start());
        writer.Start();
        for (int packet = 0; packet < Packets && room.Wait(TimeSpan.FromSeconds(20)); packet++)
        {
            long number = ledger.TryOpen((ushort)packet, 1, packet % 10 == 9 ? 0 : Ticks);
            Assert.Equal(packet, number);
            if (packet % 10 != 9)
                foreach (BlockingCollection<long> queue in shards)
                    queue.Add(number);
        }
        Array.ForEach(shards, queue => queue.CompleteAdding());
        writer.Join();
        Array.ForEach(completing, thread => thread.Join());
        Assert.False(timedOut);
        Assert.Equal(Packets, acknowledged);
        Assert.True(inOrder);
    }

    [Fact]
    public void A_ledger_that_is_closed_is_owed_nothing_and_holds_nothing()
    {
        PacketLedger ledger = WithConnection(out WeakReference connection);
        for (ushort id = 1; id <= 8; id++)
            ledger.TryOpen(id, 1, 1);
        ledger.Complete(0);
        ledger.Close();

        // A shard or the log may be done with its ticks long after.
        var batch = new AckBatch([]);
        for (long packet = 1; packet < 8; packet++)
            ledger.Complete(packet, ref batch);
        batch.Send();
        Assert.Equal(0, ledger.Take(_into));
        GC.Collect();
        Assert.False(connection.IsAlive);
        GC.KeepAlive(ledger);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static PacketLedger WithConnection(out WeakReference connection)
    {
        object one = new();
        connection = new WeakReference(one);
        return new PacketLedger(8, () => GC.KeepAlive(one), () => GC.KeepAlive(one));
    }
}
