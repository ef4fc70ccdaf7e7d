namespace StreamRnn.Detection;

/// <summary>
/// Distance of a raw value from everything seen before, as a share of the range seen: 1 from 5 % of the range on. An extreme that does not
/// recur within 3000 rows is forgotten, so that one broken reading does not blind the rule for ever.
/// </summary>
/// <remarks>
/// On the Numenta benchmark this costs 0.1 points against remembering everything (4 seeds, 77.9 to 77.8); to count an extreme only after
/// it was met again within 100 rows costs 4, to forget a lone one after 100 rows also 4, after 1000 rows 0.2.
/// </remarks>
internal struct RecordRule
{
    private const int WarmUp = 100;
    private const double FullAt = 0.05;

    private Extreme _high, _low;   // the low one of the negated values

    public float Score(double value, long row)
    {
        if (row == 0)
            (_high, _low) = (new Extreme(value), new Extreme(-value));
        double high = _high.At(row);
        double low = -_low.At(row);
        double outside = Math.Max(value - high, low - value);
        double score = outside > 0 && row >= WarmUp ? Math.Min(1, outside / ((high - low) * FullAt)) : 0;
        _high.Learn(value, row);
        _low.Learn(-value, row);
        return (float)score;
    }

    private struct Extreme(double first)
    {
        private const int LoneRows = 3000;

        private double _settled = first;   // reached at least twice
        private double _lone = first;      // the farthest beyond it, reached once
        private long _forgottenAt;

        /// <summary>The extreme that counts at a row.</summary>
        public readonly double At(long row) => row < _forgottenAt ? Math.Max(_settled, _lone) : _settled;

        public void Learn(double value, long row)
        {
            if (value <= _settled)
                return;
            bool again = row < _forgottenAt;
            (_settled, _lone) = again ? (Math.Min(_lone, value), Math.Max(_lone, value)) : (_settled, value);
            _forgottenAt = row + LoneRows;
        }
    }
}
