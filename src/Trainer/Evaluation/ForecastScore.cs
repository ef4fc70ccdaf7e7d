namespace StreamRnn.Trainer.Evaluation;

/// <summary>
/// How good one-step forecasts are, and how good the simplest forecast would have been on the same rows: persistence, that the value stays
/// as it is.
/// </summary>
/// <param name="skippedRows">First rows that are seen and not scored.</param>
public sealed class ForecastScore(int skippedRows)
{
    private long _rows;
    private long _inside, _withInterval;
    private double _squared, _absolute, _stayedSquared, _stayedAbsolute;
    private double _last = double.NaN;

    /// <summary>Rows scored: those with a value, a forecast and a value before.</summary>
    public long Count { get; private set; }

    /// <summary>Root of the mean squared error, in the values' unit.</summary>
    public double Rmse => Math.Sqrt(_squared / Count);

    /// <summary>Mean absolute error, in the values' unit.</summary>
    public double Mae => _absolute / Count;

    /// <summary>RMSE as a share of persistence's; below 1 is better. NaN where nothing ever changed.</summary>
    public double RmseRatio => Math.Sqrt(_squared / _stayedSquared);

    /// <summary>
    /// MAE as a share of persistence's on the same rows; below 1 is better. The mean absolute scaled error of Hyndman and Koehler (2006) but
    /// for its denominator, which theirs takes from the training rows.
    /// </summary>
    public double MaeRatio => _absolute / _stayedAbsolute;

    /// <summary>1 - MSE / MSE of persistence.</summary>
    public double Skill => 1 - _squared / _stayedSquared;

    /// <summary>Share of the rows with an interval that lie within it.</summary>
    public double Coverage => (double)_inside / _withInterval;

    /// <summary>Adds a row, in order. NaN stands for what is not there.</summary>
    public void Add(double value, double forecast, double lower, double upper)
    {
        double last = _last;
        bool scored = _rows++ >= skippedRows && !double.IsNaN(value) && !double.IsNaN(forecast) && !double.IsNaN(last);
        if (!double.IsNaN(value))
            _last = value;
        if (!scored)
            return;

        Count++;
        _squared += (value - forecast) * (value - forecast);
        _absolute += Math.Abs(value - forecast);
        _stayedSquared += (value - last) * (value - last);
        _stayedAbsolute += Math.Abs(value - last);
        if (double.IsNaN(lower) || double.IsNaN(upper))
            return;
        _withInterval++;
        _inside += lower <= value && value <= upper ? 1 : 0;
    }
}
