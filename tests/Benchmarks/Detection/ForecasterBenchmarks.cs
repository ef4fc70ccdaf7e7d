using BenchmarkDotNet.Attributes;
using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;
using StreamRnn.Detection;
using StreamRnn.Trainer.Recipes;

namespace StreamRnn.Benchmarks.Detection;

/// <summary>
/// One tick through a forecaster, without engine, queue or encoding: the full default detector, and a bare GRU-32 as the baseline that
/// shows what scoring costs. With 10,000 streams the detector's rows fit no near cache.
/// </summary>
[MemoryDiagnoser]
public class ForecasterBenchmarks
{
    private const int BatchSize = 64;
    private const int TicksPerCall = 65_536;

    private Forecaster _forecaster = null!;
    private StateSlab _slab = null!;
    private StepBatch _batch = null!;
    private int _next;
    private long _round;

    [Params(1, 1000, 10_000)]
    public int Streams { get; set; }

    [GlobalSetup(Target = nameof(Bare))]
    public void SetUpBare()
    {
        var shape = new ModelShape(CellKind.Gru, inputs: 2, hidden: 32, outputs: 1);
        float[] parameters = new float[new ParameterLayout(shape).Length];
        Reservoir.Gru(DefaultModel.Shape, DefaultModel.Seed).CopyTo(parameters, 0);   // the head, all zero, lies behind
        SetUp(new BareForecaster("bare", SequenceModel.Create(shape, parameters)));
    }

    [GlobalSetup(Target = nameof(Detector))]
    public void SetUpDetector() => SetUp(ForecasterFile.Create(ModelFile.Parse("default", DefaultModel.Format())));

    [Benchmark(Baseline = true, OperationsPerInvoke = TicksPerCall)]
    public double Bare() => Step();

    [Benchmark(OperationsPerInvoke = TicksPerCall)]
    public double Detector() => Step();

    private void SetUp(Forecaster forecaster)
    {
        (_forecaster, _slab) = (forecaster, new StateSlab(forecaster.RowFloats));
        _batch = forecaster.CreateBatch(Math.Min(BatchSize, Streams));
        for (int stream = 0; stream < Streams; stream++)
            forecaster.Initialise(_slab[_slab.Add()]);
    }

    private double Step()
    {
        for (int ticks = 0; ticks < TicksPerCall; ticks += _batch.Count)
        {
            for (_batch.Count = 0; _batch.Count < _batch.Capacity; _batch.Count++)
            {
                _batch.Rows[_batch.Count] = _next;
                _batch.Times[_batch.Count] = _round * 1_000_000_000;
                _batch.Values[_batch.Count] = (_round * 7919 + _next * 31) % 1009 * 0.01 + _round % 288;
                if (++_next == Streams)
                    (_next, _round) = (0, _round + 1);
            }

            _forecaster.Step(_slab, _batch);
        }

        return _batch.Verdicts[0].Next;
    }
}
