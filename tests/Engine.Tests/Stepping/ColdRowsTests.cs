using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Engine.Stepping;
using StreamRnn.Engine.Storage;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Tests.Storage;

namespace StreamRnn.Engine.Tests.Stepping;

/// <summary>Rows on the disk come back as they were, or not at all.</summary>
public sealed class ColdRowsTests
{
    private const int Floats = 5;

    [Theory, InlineData(false), InlineData(true)]
    public void Rows_come_back_as_they_were_and_their_slots_are_used_again(bool onDisk)
    {
        string folder = Path.Combine(Path.GetTempPath(), $"streamrnn-{Guid.NewGuid():n}");
        using DataFolder? real = onDisk ? new DataFolder(folder) : null;
        IDataFiles files = onDisk ? real! : new FaultyFiles();
        try
        {
            using ColdRows rows = new(files, "cold-0-0.rows", Floats);
            Random random = new(20261125);
            Dictionary<int, (int Slot, float[] Row)> there = [];
            int most = 0;
            for (int i = 0; i < 3000; i++)
            {
                int stream = random.Next(40);
                if (there.Remove(stream, out (int Slot, float[] Row) cold))
                {
                    float[] row = new float[Floats];
                    rows.Take(cold.Slot, stream, row);
                    Assert.Equal(cold.Row, row);
                    continue;
                }
                float[] written = [.. Enumerable.Range(0, Floats).Select(_ => random.NextSingle())];
                Assert.True(rows.TryAdd(stream, written, out int slot));
                there.Add(stream, (slot, written));
                most = Math.Max(most, there.Count);
                Assert.InRange(slot, 0, most - 1);
            }
            Assert.Equal(rows.Evicted.Rows, rows.Returned.Rows + there.Count);
        }
        finally
        {
            if (onDisk)
                Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Restored_rows_are_written_together_and_are_there_whatever_comes_next()
    {
        FaultyFiles files = new();
        using ColdRows rows = new(files, "cold-0-0.rows", Floats);
        int[] slots = [.. Enumerable.Range(0, 1000).Select(stream => rows.Restore(-1, stream, Row(stream)))];
        Assert.Equal(Enumerable.Range(0, 1000), slots);
        foreach (int stream in new[] { 10, 11, 12, 500, 999, 11 })
            Assert.Equal(slots[stream], rows.Restore(slots[stream], stream, Row(stream + 5000)));

        int[] changed = [10, 11, 12, 500, 999];
        float[] row = new float[Floats];
        for (int stream = 0; stream < 1000; stream++)
        {
            rows.Read(slots[stream], stream, row);
            Assert.Equal(Row(changed.Contains(stream) ? stream + 5000 : stream), row);
        }
        Assert.InRange(files.WriteCount, 2, 6);
        Assert.True(rows.TryAdd(1000, Row(1000), out int next));
        Assert.Equal(1000, next);

        static float[] Row(int seed) => [seed, seed + 1, seed + 2, seed + 3, seed + 4];
    }

    [Fact]
    public void Rows_that_do_not_fit_when_they_are_restored_are_refused_in_words()
    {
        FaultyFiles files = new() { Room = 100 };
        using ColdRows rows = new(files, "cold-0-0.rows", Floats);
        string message = Assert.Throws<ColdRowsException>(() =>
        {
            for (int stream = 0; stream < 10; stream++)
                rows.Restore(-1, stream, [1, 2, 3, 4, 5]);
            rows.Read(0, 0, new float[Floats]);
        }).Message;
        Assert.Contains("has no room on the disk", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_disk_that_fails_is_told_from_one_that_is_full()
    {
        FaultyFiles files = new() { WriteFails = true };
        using ColdRows rows = new(files, "cold-0-0.rows", Floats);
        string message = Assert.Throws<ColdRowsException>(() => rows.TryAdd(1, [1, 1, 1, 1, 1], out _)).Message;
        Assert.StartsWith("cold-0-0.rows cannot be written: Input/output error. Nothing that was acknowledged is lost", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Moving_rows_out_and_back_allocates_nothing()
    {
        string folder = Path.Combine(Path.GetTempPath(), $"streamrnn-{Guid.NewGuid():n}");
        using DataFolder files = new(folder);
        try
        {
            using ColdStore store = new(files, streamsInMemory: 20, reason => Assert.Fail(reason), NullLogger.Instance);
            StreamRows rows = new(new StreamModels(new ChainForecaster()), shard: 0, shardCount: 1, new RowExchange(shards: 1), store);
            long allocated = 1;
            for (int round = 0; round < 5 && allocated != 0; round++)   // what is made once is made in one round and not in the next
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                for (int i = 0; i < 2000; i++)
                {
                    rows.BeginBatch();
                    Assert.True(rows.TryUse(i % 100, out _, out _));
                }
                allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            }
            Assert.Equal(0, allocated);
            Assert.True(store.Returned.Rows > 3000, $"{store.Returned.Rows} came back");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Any_flipped_bit_of_a_slot_is_noticed()
    {
        FaultyFiles files = new();
        using ColdRows rows = new(files, "cold-0-0.rows", Floats);
        Assert.True(rows.TryAdd(3, [1, 2, 3, 4, 5], out int slot));
        byte[] good = files["cold-0-0.rows"];
        using IDataFile disk = files.Open("cold-0-0.rows");
        for (int bit = 0; bit < good.Length * 8; bit++)
        {
            disk.Write(bit / 8, [(byte)(good[bit / 8] ^ (1 << (bit % 8)))]);
            Assert.Contains("does not hold the state of stream 3", Assert.Throws<ColdRowsException>(() => rows.Read(slot, 3, new float[Floats])).Message, StringComparison.Ordinal);
            disk.Write(bit / 8, good.AsSpan(bit / 8, 1));
        }
        float[] row = new float[Floats];
        rows.Read(slot, 3, row);
        Assert.Equal([1, 2, 3, 4, 5], row);
        Assert.Throws<ColdRowsException>(() => rows.Read(slot, 4, row));
    }

    [Fact]
    public void A_full_disk_leaves_the_slots_as_they_were_at_every_byte()
    {
        for (int room = 0; room < 28; room++)
        {
            FaultyFiles files = new();
            using ColdRows rows = new(files, "cold-0-0.rows", Floats);
            Assert.True(rows.TryAdd(1, [1, 1, 1, 1, 1], out int first));
            files.Room = room;
            Assert.False(rows.TryAdd(2, [2, 2, 2, 2, 2], out _));
            files.Room = long.MaxValue;
            Assert.True(rows.TryAdd(2, [2, 2, 2, 2, 2], out int second));
            float[] row = new float[Floats];
            rows.Take(first, 1, row);
            Assert.Equal([1, 1, 1, 1, 1], row);
            rows.Take(second, 2, row);
            Assert.Equal([2, 2, 2, 2, 2], row);
        }
    }
}
