using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;
using StreamRnn.Detection;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Stepping;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Lab.Bench;

/// <summary>
/// Ticks from memory through the whole engine: one shard, its publisher, and the encoding of what leaves. CPU time is that of the
/// process, so the thread that feeds the ticks is paid for too.
/// </summary>
internal static class BenchEngine
{
    private const int Rounds = 5;
    private static readonly int[] StreamCounts = [1, 1_000, 10_000];

    public static IEnumerable<BenchLine> Run(double seconds)
    {
        Forecaster[] models = [new BareForecaster("gru-32@0000", Gru32(outputs: 1)), new DetectorForecaster("default@0000", Gru32(outputs: 0))];
        foreach (Forecaster model in models)
        {
            string name = model is BareForecaster ? "bare GRU-32" : "default detector";
            foreach (bool encoded in new[] { false, true })
            {
                foreach (int streams in StreamCounts)
                {
                    (double perSecond, double bytes) = Measure(model, streams, encoded, seconds);
                    yield return new BenchLine($"engine, {name}, {(encoded ? "outputs encoded" : "stepped without encoding")}",
                        $"{streams} stream{(streams == 1 ? "" : "s")}", "ticks", perSecond, bytes, StreamRows.BytesPerStream(new RowKind(model, TickRule.Default)));
                }
            }
        }
    }

    /// <summary>Median over rounds of ticks per second of CPU time, and bytes allocated per tick.</summary>
    private static (double PerSecond, double BytesPerTick) Measure(Forecaster model, int streams, bool encoded, double seconds)
    {
        StreamDirectory directory = new(streams);
        for (int i = 0; i < streams; i++)
            directory.TryGet(System.Text.Encoding.UTF8.GetBytes($"plant/line{i % 40}/machine{i}"), "temperature"u8, out _);
        StreamModels map = new(model);
        IForecastSink[] sinks = encoded
            ? [new MessageSink(new Discarded(), new ForecastCodec("streamrnn", directory, map), new Delivery(1, false), new Delivery(1, false))]
            : [];
        using WorkerMetrics metrics = new();
        StreamEngine engine = new(map, new EngineCapacity(Shards: 1), metrics, sinks);
        engine.Start();

        BenchSource source = new(streams, new TickRouter(engine.Inboxes));
        source.FeedFor(Math.Max(1, seconds), minimum: 20L * streams);   // every stream settled, every method compiled in its last form
        double[] rounds = new double[Rounds];
        double bytes = 0;
        for (int round = 0; round < Rounds; round++)
        {
            long allocatedBefore = GC.GetTotalAllocatedBytes();
            (long ticks, double cpuSeconds) = source.FeedFor(seconds, minimum: 0);
            rounds[round] = Measured.Per(ticks, cpuSeconds, $"engine, {streams} streams", "CPU time");
            bytes = Math.Max(bytes, (double)(GC.GetTotalAllocatedBytes() - allocatedBefore) / ticks);
        }
        engine.Drain();
        Array.Sort(rounds);
        return (rounds[Rounds / 2], bytes);
    }

    /// <summary>Weights of any size cost the same; these keep the gates off their rails.</summary>
    private static SequenceModel Gru32(int outputs)
    {
        ModelShape shape = new(CellKind.Gru, inputs: 2, hidden: 32, outputs: outputs);
        Random random = new(32);
        return SequenceModel.Create(shape, [.. Enumerable.Range(0, new ParameterLayout(shape).Length).Select(_ => (random.NextSingle() - 0.5f) * 0.35f)]);
    }

    /// <summary>A broker that takes everything and keeps nothing.</summary>
    private sealed class Discarded : IMessageTransport
    {
        public string Name { get; } = "discarded";

        public void Send(ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload, Delivery delivery, int trace)
        {
        }

        public void Flush()
        {
        }

        public void Complete()
        {
        }
    }
}
