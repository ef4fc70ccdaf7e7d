using BenchmarkDotNet.Attributes;
using StreamRnn.Cells;
using StreamRnn.Detection;
using StreamRnn.Ingest;
using StreamRnn.Worker.Engine;
using StreamRnn.Worker.Publish;

namespace StreamRnn.Benchmarks.Engine;

/// <summary>What the engine adds to a model's step: 256 ticks into micro-batches, stepped, out as forecasts.</summary>
[MemoryDiagnoser]
public class EngineBenchmark
{
    private const int TickCount = 256;
    private readonly Tick[] _ticks = new Tick[TickCount];
    private readonly ForecastBlock _block = new(TickCount);
    private MicroBatch _batch = null!;
    private StateSlab _slab = null!;
    private StepBatch _steps = null!;
    private BareForecaster _model = null!;
    private long _sent;

    [Params(1, 1_000, 10_000)]
    public int Streams { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _model = Gru32();
        _batch = new MicroBatch(new StreamRows(new ModelMap(_model), shard: 0, shardCount: 1, new RowExchange(shards: 1)));
        _slab = new StateSlab(_model.RowFloats);
        _steps = _model.CreateBatch(MicroBatch.Capacity);
        for (int stream = 0; stream < Streams; stream++)
            _model.Initialise(_slab[_slab.Add()]);
    }

    /// <summary>The model alone, in batches of the same size.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = TickCount)]
    public double Model()
    {
        for (int done = 0; done < TickCount; done += _steps.Count)
        {
            _steps.Count = Math.Min(Streams, MicroBatch.Capacity);
            for (int i = 0; i < _steps.Count; i++, _sent++)
                (_steps.Rows[i], _steps.Times[i], _steps.Values[i]) = ((int)(_sent % Streams), _sent, _sent % 17);
            _model.Step(_slab, _steps);
        }
        return _steps.Verdicts[0].Next;
    }

    [Benchmark(OperationsPerInvoke = TickCount)]
    public int Engine()
    {
        for (int i = 0; i < TickCount; i++, _sent++)
            _ticks[i] = new Tick { Stream = (int)(_sent % Streams), Time = _sent, Value = _sent % 17 };
        _block.Clear();
        for (ReadOnlySpan<Tick> waiting = _ticks; !waiting.IsEmpty; waiting = waiting[_batch.Count..])
        {
            _batch.Fill(waiting);
            _batch.Step();
            _batch.CopyTo(_block, waiting);
        }
        return _block.Count;
    }

    public static BareForecaster Gru32()
    {
        ModelShape shape = new(CellKind.Gru, inputs: 2, hidden: 32, outputs: 1);
        Random random = new(32);
        return new BareForecaster("gru-32@0000",
            SequenceModel.Create(shape, [.. Enumerable.Range(0, new ParameterLayout(shape).Length).Select(_ => (random.NextSingle() - 0.5f) * 0.35f)]));
    }
}
