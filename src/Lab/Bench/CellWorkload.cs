using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;

namespace StreamRnn.Lab.Bench;

/// <summary>A seeded network and its streams, stepped in random order a batch at a time: what a shard does, without its queues.</summary>
internal sealed class CellWorkload
{
    /// <summary>Different events at least, so that one stream alone does not see the same value again and again.</summary>
    private const int MinEvents = 1024;
    private readonly SequenceModel _model;
    private readonly StateSlab _slab;
    private readonly StepScratch _scratch;
    private readonly int _batch;
    private readonly int[] _order;
    private readonly float[] _x, _y;
    private int _at;

    public CellWorkload(ModelShape shape, int streams, int batch)
    {
        Random random = new(1);
        _model = SequenceModel.Create(shape, Parameters(shape, random));
        _slab = new StateSlab(_model.StateFloats);
        int[] rows = [.. Enumerable.Range(0, streams).Select(_ => _slab.Add())];
        random.Shuffle(rows);
        _order = [.. Enumerable.Range(0, Math.Max(MinEvents, streams)).Select(i => rows[i % streams])];
        _x = Inputs(shape, _order.Length, random);
        _y = new float[batch * shape.Outputs];
        (_batch, _scratch) = (batch, _model.CreateScratch(batch));
    }

    /// <summary>Uniform in +-1/sqrt(hidden), as PyTorch initialises.</summary>
    public static float[] Parameters(ModelShape shape, Random random) => [.. Enumerable.Range(0, new ParameterLayout(shape).Length)
        .Select(_ => (float)((2 * random.NextDouble() - 1) / Math.Sqrt(shape.Hidden)))];

    /// <summary>Steps the next batch of streams.</summary>
    public void Next()
    {
        if (_at + _batch > _order.Length)
            _at = 0;
        int inputs = _model.Shape.Inputs;
        _model.Step(_x.AsSpan(_at * inputs, _batch * inputs), _slab, _order.AsSpan(_at, _batch), _y, _scratch);
        _at += _batch;
    }

    /// <summary>The largest error of an output within the steps of the truth, in the worst row of a batch whose rows all see the same values.</summary>
    public double Error(CellTruth truth)
    {
        StateSlab slab = new(_model.StateFloats);
        int[] rows = [.. Enumerable.Range(0, _batch).Select(_ => slab.Add())];
        int inputs = _model.Shape.Inputs, outputs = _model.Shape.Outputs;
        float[] x = new float[_batch * inputs];
        double worst = 0;
        for (int t = 0; t < truth.Outputs.Length; t++)
        {
            for (int b = 0; b < _batch; b++)
                truth.Inputs.AsSpan(t * inputs, inputs).CopyTo(x.AsSpan(b * inputs));
            _model.Step(x, slab, rows, _y, _scratch);
            for (int i = 0; i < _y.Length; i++)
                worst = Math.Max(worst, Math.Abs(_y[i] - truth.Outputs[t][i % outputs]));
        }

        return worst;
    }

    /// <summary>Uniform in +-1.</summary>
    public static float[] Inputs(ModelShape shape, int events, Random random) =>
        [.. Enumerable.Range(0, events * shape.Inputs).Select(_ => (float)(2 * random.NextDouble() - 1))];
}

/// <summary>A thousand values and what the network of a <see cref="CellWorkload"/> makes of them in float64.</summary>
/// <param name="Inputs">[T, inputs].</param>
/// <param name="Outputs">[T][outputs].</param>
internal sealed record CellTruth(float[] Inputs, double[][] Outputs)
{
    private const int Steps = 1000;

    public static CellTruth Of(ModelShape shape)
    {
        DoubleNetwork network = new(shape, CellWorkload.Parameters(shape, new Random(1)));
        float[] inputs = CellWorkload.Inputs(shape, Steps, new Random(2));
        return new CellTruth(inputs, [.. Enumerable.Range(0, Steps).Select(t => network.Step(inputs.AsSpan(t * shape.Inputs, shape.Inputs)))]);
    }
}
