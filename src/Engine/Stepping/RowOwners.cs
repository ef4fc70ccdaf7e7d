namespace StreamRnn.Engine.Stepping;

/// <summary>Owners of the rows of a slab, and the clock hand that looks for a row to evict.</summary>
internal sealed class RowOwners
{
    // The oldest of so many is about the oldest of all: the hand comes to each row once a round.
    private const int Looks = 8;

    private int[] _places = [];   // 0 where the row is free
    private int _hand;

    public long Bytes => _places.LongLength * sizeof(int);

    /// <summary>The place that has the row.</summary>
    public int Of(int row) => _places[row] - 1;

    public void Set(int row, int place)
    {
        if (row >= _places.Length)
            Array.Resize(ref _places, Math.Max(row + 1, Math.Max(64, 2 * _places.Length)));
        _places[row] = place + 1;
    }

    public void Clear(int row) => _places[row] = 0;

    /// <summary>The row, of the next few, whose stream was longest in no batch.</summary>
    /// <param name="extent">Rows of the slab, free ones included.</param>
    /// <param name="before">A batch; streams that were in it stay.</param>
    /// <returns>-1 where there is none.</returns>
    public int FindIdle(int extent, ReadOnlySpan<StreamPlace> places, long before)
    {
        int idle = -1;
        for (int looks = 0, steps = 0; steps < extent && (looks < Looks || idle < 0); steps++)
        {
            _hand = _hand + 1 < extent ? _hand + 1 : 0;
            if (_places[_hand] == 0)
                continue;
            looks++;
            long last = places[Of(_hand)].LastBatch;
            if (last < before)
                (idle, before) = (_hand, last);
        }
        return idle;
    }
}
