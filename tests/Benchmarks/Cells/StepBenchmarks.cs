using BenchmarkDotNet.Attributes;
using StreamRnn.Cells.Layers;
using StreamRnn.Lab.Bench;

namespace StreamRnn.Benchmarks.Cells;

/// <summary>One event of one stream: the formulas as they read, and our kernel.</summary>
[MemoryDiagnoser]
public class StepBenchmarks
{
    private readonly float[] _x = [0.5f, -0.5f];
    private float[] _h = [], _c = [];
    private PlainCell _plain = null!;
    private CellWorkload _workload = null!;

    [Params(CellKind.Rnn, CellKind.Lstm, CellKind.Gru)]
    public CellKind Cell { get; set; }

    [Params(16, 32, 64, 128)]
    public int Hidden { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var shape = new ModelShape(Cell, _x.Length, Hidden);
        _plain = new PlainCell(shape, CellWorkload.Parameters(shape, new Random(1)));
        (_h, _c) = (new float[Hidden], new float[Hidden]);
        _workload = new CellWorkload(new ModelShape(Cell, _x.Length, Hidden, 1, 1), streams: 1, batch: 1);
    }

    [Benchmark(Baseline = true)]
    public void PlainLoops() => _plain.Step(_x, _h, _c);

    [Benchmark]
    public void Step() => _workload.Next();
}

/// <summary>Events of 10,000 streams in random order, a micro-batch at a time. Times are per event.</summary>
[MemoryDiagnoser]
public class MicroBatchBenchmarks
{
    private const int Events = 9600;
    private CellWorkload _workload = null!;

    [Params(CellKind.Lstm, CellKind.Gru)]
    public CellKind Cell { get; set; }

    [Params(16, 32, 64, 128, 256)]
    public int Hidden { get; set; }

    [Params(1, 16, 64)]
    public int Batch { get; set; }

    [GlobalSetup]
    public void Setup() => _workload = new CellWorkload(new ModelShape(Cell, 2, Hidden, 1, 1), streams: 10_000, Batch);

    [Benchmark(OperationsPerInvoke = Events)]
    public void Step()
    {
        for (int done = 0; done < Events; done += Batch)
            _workload.Next();
    }
}
