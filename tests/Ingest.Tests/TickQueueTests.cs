namespace StreamRnn.Ingest.Tests;

public class TickQueueTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(64)]
    public void Order_survives_any_number_of_wrap_arounds(int capacity)
    {
        var random = new Random(capacity);
        var queue = new TickQueue(capacity);
        var into = new Tick[capacity + 3];
        long added = 0, taken = 0;
        while (taken < 10_000)
        {
            var ticks = new Tick[random.Next(capacity + 2)];
            for (int i = 0; i < ticks.Length; i++)
                ticks[i] = Numbered(added + i);
            bool fits = ticks.Length <= capacity - queue.Count;
            Assert.Equal(fits, queue.TryAdd(ticks));
            added += fits ? ticks.Length : 0;
            if (queue.Count == 0)
                continue;
            int count = queue.Take(into.AsSpan(0, 1 + random.Next(into.Length)));
            for (int i = 0; i < count; i++)
                Assert.Equal(taken++, into[i].Time);
        }
    }

    [Fact]
    public void What_does_not_fit_whole_is_not_added_at_all()
    {
        var queue = new TickQueue(4);
        Assert.True(queue.TryAdd([Numbered(0), Numbered(1), Numbered(2)]));
        Assert.False(queue.TryAdd([Numbered(3), Numbered(4)]));
        Assert.Equal(3, queue.Count);
        Assert.True(queue.TryAdd([Numbered(3)]));
        Assert.False(queue.TryAdd([Numbered(4)]));
    }

    [Fact]
    public void Reserved_room_belongs_to_whom_it_was_given()
    {
        var queue = new TickQueue(4);
        Assert.True(queue.TryReserve(3));
        Assert.False(queue.TryReserve(2));
        Assert.False(queue.TryAdd([Numbered(0), Numbered(1)]));
        Assert.True(queue.TryAdd([Numbered(0)]));
        queue.AddReserved([Numbered(1), Numbered(2)]);
        Assert.False(queue.TryAdd([Numbered(3)]));
        queue.Release(1);
        Assert.True(queue.TryAdd([Numbered(3)]));
        var into = new Tick[8];
        Assert.Equal(4, queue.Take(into));
        Assert.Equal([0L, 1, 2, 3], into.Take(4).Select(tick => tick.Time));
    }

    [Fact]
    public void A_full_queue_holds_the_producer_until_the_reader_takes()
    {
        var queue = new TickQueue(2);
        var producer = new Thread(() => queue.Add([.. Enumerable.Range(0, 1000).Select(i => Numbered(i))]));
        producer.Start();
        var into = new Tick[8];
        for (long taken = 0; taken < 1000;)
        {
            int count = queue.Take(into);
            Assert.InRange(count, 1, 2);
            for (int i = 0; i < count; i++)
                Assert.Equal(taken++, into[i].Time);
        }
        producer.Join();
    }

    [Fact]
    public void Each_of_many_producers_keeps_its_order_and_nothing_is_lost()
    {
        const int Producers = 4, Each = 20_000;
        var queue = new TickQueue(61);
        Thread[] producers = [.. Enumerable.Range(0, Producers).Select(p => new Thread(() =>
        {
            var random = new Random(p);
            for (int i = 0; i < Each;)
            {
                Tick[] ticks = [.. Enumerable.Range(i, Math.Min(1 + random.Next(5), Each - i)).Select(n => Numbered(n, p))];
                if (random.Next(2) == 0)
                    queue.Add(ticks);
                else
                    while (!queue.TryAdd(ticks))
                        Thread.Yield();
                i += ticks.Length;
            }
        }))];
        Array.ForEach(producers, producer => producer.Start());

        var next = new long[Producers];
        var into = new Tick[16];
        for (int total = 0; total < Producers * Each;)
        {
            int count = queue.Take(into);
            for (int i = 0; i < count; i++)
                Assert.Equal(next[into[i].Stream]++, into[i].Time);
            total += count;
        }
        Array.ForEach(producers, producer => producer.Join());
        queue.Complete();
        Assert.Equal(0, queue.Take(into));
    }

    [Fact]
    public void A_completed_queue_gives_what_it_holds_and_then_ends()
    {
        var queue = new TickQueue(4);
        queue.Add([Numbered(0), Numbered(1)]);
        queue.Complete();
        var into = new Tick[1];
        Assert.Equal(1, queue.Take(into));
        Assert.Equal(1, queue.Take(into));
        Assert.Equal(0, queue.Take(into));
        Assert.Throws<ObjectDisposedException>(() => queue.TryAdd([Numbered(2)]));
    }

    [Fact]
    public void Completing_wakes_the_reader_and_the_producers()
    {
        var empty = new TickQueue(4);
        int taken = -1;
        var reader = new Thread(() => taken = empty.Take(new Tick[4]));
        reader.Start();
        empty.Complete();
        reader.Join();
        Assert.Equal(0, taken);

        var full = new TickQueue(1);
        full.Add([Numbered(0)]);
        bool thrown = false;
        var producer = new Thread(() =>
        {
            try
            {
                full.Add([Numbered(1)]);
            }
            catch (ObjectDisposedException)
            {
                thrown = true;
            }
        });
        producer.Start();
        full.Complete();
        producer.Join();
        Assert.True(thrown);
    }

    private static Tick Numbered(long number, int stream = 0) => new() { Stream = stream, Time = number, Value = 0 };
}
