using StreamRnn.Engine.Stepping;

namespace StreamRnn.Engine.Tests.Stepping;

public sealed class RowOwnersTests
{
    [Fact]
    public void What_is_used_all_the_time_stays_and_what_is_in_the_batch_always()
    {
        const int Rows = 64, Busy = 24, Streams = 500;
        RowOwners owners = new();
        StreamPlace[] places = new StreamPlace[Streams];
        int[] rowOf = [.. Enumerable.Repeat(-1, Streams)];
        int misses = 0, next = Busy;
        for (int batch = 1; batch < 2000; batch++)
        {
            // All busy streams and two others in their turn.
            int[] inBatch = [.. Enumerable.Range(0, Busy), next, next + 1];
            next = next + 2 < Streams - 1 ? next + 2 : Busy;
            foreach (int stream in inBatch)
            {
                if (rowOf[stream] < 0)
                {
                    int row = Array.FindIndex(Enumerable.Range(0, Rows).ToArray(), candidate => !rowOf.Contains(candidate));
                    if (row < 0)
                    {
                        row = owners.FindIdle(Rows, places, batch);
                        int owner = owners.Of(row);
                        Assert.NotEqual(batch, places[owner].LastBatch);
                        misses += owner < Busy ? 1 : 0;
                        rowOf[owner] = -1;
                    }
                    owners.Set(row, stream);
                    rowOf[stream] = row;
                }
                places[stream].LastBatch = batch;
            }
        }
        Assert.InRange(misses, 0, 20);   // of 3,936 that were put aside
    }

    [Fact]
    public void Where_every_row_is_in_the_batch_there_is_none()
    {
        RowOwners owners = new();
        StreamPlace[] places = [new StreamPlace { LastBatch = 5 }, new StreamPlace { LastBatch = 5 }];
        owners.Set(0, 0);
        owners.Set(1, 1);
        Assert.Equal(-1, owners.FindIdle(2, places, before: 5));
        owners.Clear(0);
        Assert.Equal(-1, owners.FindIdle(2, places, before: 5));
        Assert.Equal(1, owners.FindIdle(2, places, before: 6));
    }
}
