namespace StreamRnn.Detection;

/// <summary>How far a raw value lies outside everything seen before, as a share of the range seen: 1 from 5 % of the range on.</summary>
internal struct RecordRule
{
    private const int WarmUp = 100;
    private const double FullAt = 0.05;

    private double _low, _high;

    public float Score(double value, long row)
    {
        if (row == 0)
            _low = _high = value;
        double outside = Math.Max(_low - value, value - _high);
        double score = outside > 0 && row >= WarmUp ? Math.Min(1, outside / ((_high - _low) * FullAt)) : 0;
        _low = Math.Min(_low, value);
        _high = Math.Max(_high, value);
        return (float)score;
    }
}
