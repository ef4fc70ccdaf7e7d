using StreamRnn.Cells.Layers;

namespace StreamRnn.Cells.Tests;

public sealed class StateSlabTests
{
    [Fact]
    public void A_row_that_was_given_back_is_handed_out_again_all_zero_and_takes_no_page()
    {
        StateSlab slab = new(20, pageBytes: 512);   // 4 rows of 128 bytes
        int[] rows = [.. Enumerable.Range(0, 6).Select(_ => slab.Add())];
        foreach (int row in rows)
            slab[row].Fill(row + 1);
        long bytes = slab.Bytes;

        slab.Remove(rows[4]);
        slab.Remove(rows[1]);
        Assert.Equal((4, 6, false), (slab.Count, slab.Extent, slab.IsFull));
        int[] again = [slab.Add(), slab.Add()];
        Assert.Equal([1, 4], again.Order());
        Assert.All(again, row => Assert.All(slab[row].ToArray(), value => Assert.Equal(0, value)));
        Assert.All(rows.Except(again), row => Assert.Equal(row + 1, slab[row][0]));

        Assert.Equal([6, 7], [slab.Add(), slab.Add()]);
        Assert.Equal((8, bytes, true), (slab.Count, slab.Bytes, slab.IsFull));
        Assert.Equal(8, slab.Add());
        Assert.Equal(bytes + slab.PageBytes, slab.Bytes);
    }
}
