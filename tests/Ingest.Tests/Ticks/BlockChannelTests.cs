using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Ingest.Tests.Ticks;

public class BlockChannelTests
{
    [Fact]
    public void A_full_channel_takes_nothing_and_says_so()
    {
        var channel = new BlockChannel<string>(2);
        Assert.True(channel.TryWrite("a"));
        Assert.True(channel.TryWrite("b"));
        Assert.False(channel.TryWrite("c"));
        Assert.Equal(2, channel.Count);
        Assert.True(channel.TryRead(out string? read));
        Assert.Equal("a", read);
        Assert.True(channel.TryWrite("c"));
    }

    [Fact]
    public void What_is_in_a_complete_channel_is_still_read()
    {
        var channel = new BlockChannel<string>(2);
        channel.TryWrite("a");
        channel.Complete();
        Assert.False(channel.TryWrite("b"));
        Assert.True(channel.WaitToRead());
        Assert.True(channel.TryRead(out _));
        Assert.False(channel.WaitToRead());
        Assert.False(channel.TryRead(out _));
    }

    [Fact]
    public void A_reader_that_waits_ends_when_the_channel_is_completed()
    {
        var channel = new BlockChannel<string>(2);
        bool? waited = null;
        var reader = new Thread(() => waited = channel.WaitToRead());
        reader.Start();
        channel.Complete();
        Assert.True(reader.Join(TimeSpan.FromSeconds(20)));
        Assert.False(waited);
    }

    [Fact]
    public void No_wake_up_is_lost_and_each_writers_order_is_kept()
    {
        const int Writers = 3, Items = 20_000;
        var channel = new BlockChannel<object>(4);
        var next = new int[Writers];
        bool inOrder = true;
        var reader = new Thread(() =>
        {
            // One item at a time: it sleeps as often as can be, and an item nobody woke it for would leave it there.
            while (channel.WaitToRead())
            {
                channel.TryRead(out object? item);
                (int writer, int number) = ((int, int))item!;
                inOrder &= next[writer]++ == number;
            }
        });
        reader.Start();
        Thread[] writers = [.. Enumerable.Range(0, Writers).Select(writer => new Thread(() =>
        {
            for (int i = 0; i < Items; i++)
            {
                object item = (writer, i);
                while (!channel.TryWrite(item))
                    Thread.Yield();
            }
        }))];
        Array.ForEach(writers, thread => thread.Start());
        Assert.All(writers, thread => Assert.True(thread.Join(TimeSpan.FromSeconds(60))));
        channel.Complete();
        Assert.True(reader.Join(TimeSpan.FromSeconds(60)));
        Assert.True(inOrder);
        Assert.All(next, count => Assert.Equal(Items, count));
    }

    [Fact]
    public void An_item_on_its_way_allocates_nothing()
    {
        var channel = new BlockChannel<string>(8);
        Assert.Equal(0, Allocations.Least(1000, () =>
        {
            channel.TryWrite("a");
            channel.WaitToRead();
            channel.TryRead(out _);
        }));
    }
}
