using StreamRnn.Cells.Layers;

namespace StreamRnn.Detection.Tests;

/// <summary>One stream of a forecaster, stepped value by value.</summary>
internal sealed class SingleStream
{
    private const long Interval = 300_000_000_000;   // five minutes

    private readonly Forecaster _forecaster;
    private readonly StateSlab _slab;
    private readonly StepBatch _batch;
    private long _time = 1_700_000_000_000_000_000;

    public SingleStream(Forecaster forecaster)
    {
        (_forecaster, _slab) = (forecaster, new StateSlab(forecaster.RowFloats));
        _batch = forecaster.CreateBatch(1);
        forecaster.Initialise(_slab[_slab.Add()]);
    }

    /// <summary>The shipped model behind the full detector.</summary>
    public static DetectorForecaster Default { get; } =
        (DetectorForecaster)ForecasterFile.Load(Path.Combine(AppContext.BaseDirectory, "default.safetensors"));

    public Span<float> Row => _slab[0];

    public Verdict Step(double value) => Step(_time += Interval, value);

    public Verdict Step(long time, double value)
    {
        (_batch.Count, _batch.Rows[0], _batch.Times[0], _batch.Values[0]) = (1, 0, time, value);
        _forecaster.Step(_slab, _batch);
        return _batch.Verdicts[0];
    }
}
