namespace StreamRnn.Trainer.Evaluation;

/// <summary>Forecasts of a recording's rows under a name: entry t is what was forecast for row t, NaN where nothing was.</summary>
/// <param name="Lower">Lower end of the 90 % interval; null where there are no intervals.</param>
public sealed record SeriesForecast(string Name, double[] Values, double[]? Lower = null, double[]? Upper = null);

/// <summary>Accuracy of one-step forecasts over some rows.</summary>
public sealed class ForecastScore
{
    private long _inside, _withInterval;
    private double _squared, _absolute, _stayedSquared, _stayedAbsolute;

    /// <param name="scale">Denominator of the mean absolute scaled error; NaN where unknown.</param>
    public ForecastScore(string name, double scale) => (Name, Scale) = (name, scale);

    public string Name { get; }

    /// <summary>Mean absolute error of persistence on the rows before the scored ones, in the values' unit.</summary>
    public double Scale { get; }

    /// <summary>Rows scored.</summary>
    public int Count { get; private set; }

    /// <summary>Mean squared error, in the values' unit squared.</summary>
    public double Mse => _squared / Count;

    /// <summary>Root of the mean squared error, in the values' unit.</summary>
    public double Rmse => Math.Sqrt(Mse);

    /// <summary>Mean absolute error, in the values' unit.</summary>
    public double Mae => _absolute / Count;

    /// <summary>Mean absolute scaled error (Hyndman and Koehler 2006): MAE over the MAE of persistence on the rows before the scored ones.</summary>
    public double Mase => Mae / Scale;

    /// <summary>RMSE as a share of persistence's on the same rows; below 1 is better. NaN where nothing ever changed.</summary>
    public double RmseRatio => Math.Sqrt(_squared / _stayedSquared);

    /// <summary>MAE as a share of persistence's on the same rows; below 1 is better.</summary>
    public double MaeRatio => _absolute / _stayedAbsolute;

    /// <summary>1 - MSE / MSE of persistence.</summary>
    public double Skill => 1 - _squared / _stayedSquared;

    /// <summary>Share of the rows with an interval that lie within it; NaN where there are none.</summary>
    public double Coverage => (double)_inside / _withInterval;

    /// <param name="stayed">The forecast of persistence.</param>
    /// <param name="lower">NaN where there is no interval.</param>
    public void Add(double value, double forecast, double stayed, double lower, double upper)
    {
        Count++;
        _squared += (value - forecast) * (value - forecast);
        _absolute += Math.Abs(value - forecast);
        _stayedSquared += (value - stayed) * (value - stayed);
        _stayedAbsolute += Math.Abs(value - stayed);
        if (double.IsNaN(lower) || double.IsNaN(upper))
            return;
        _withInterval++;
        _inside += lower <= value && value <= upper ? 1 : 0;
    }
}
