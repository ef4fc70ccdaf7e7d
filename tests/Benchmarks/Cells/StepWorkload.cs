using StreamRnn.Cells;

namespace StreamRnn.Benchmarks.Cells;

/// <summary>A seeded network and many streams stepped in random order, a batch at a time: what a shard does, without its queues.</summary>
internal sealed class StepWorkload
{
    private readonly SequenceModel _model;
    private readonly StateSlab _slab;
    private readonly StepScratch _scratch;
    private readonly int[] _order;
    private readonly float[] _x;
    private readonly float[] _y;
    private readonly int _batch;
    private int _at;

    public StepWorkload(ModelShape shape, int streams, int batch)
    {
        var random = new Random(1);
        _model = SequenceModel.Create(shape, Parameters(shape, random));
        _slab = new StateSlab(_model.StateFloats);
        _order = [.. Enumerable.Range(0, streams).Select(_ => _slab.Add())];
        random.Shuffle(_order);
        (_batch, _scratch) = (batch, _model.CreateScratch(batch));
        _x = [.. Enumerable.Range(0, batch * shape.Inputs).Select(_ => (float)(2 * random.NextDouble() - 1))];
        _y = new float[batch * shape.Outputs];
    }

    /// <summary>Uniform in +-1/sqrt(hidden), as PyTorch initialises.</summary>
    public static float[] Parameters(ModelShape shape, Random random) => [.. Enumerable.Range(0, new ParameterLayout(shape).Length)
        .Select(_ => (float)((2 * random.NextDouble() - 1) / Math.Sqrt(shape.Hidden)))];

    /// <summary>Steps the next batch of streams.</summary>
    public float Next()
    {
        if (_at + _batch > _order.Length)
            _at = 0;
        _model.Step(_x, _slab, _order.AsSpan(_at, _batch), _y, _scratch);
        _at += _batch;
        return _y[0];
    }
}
