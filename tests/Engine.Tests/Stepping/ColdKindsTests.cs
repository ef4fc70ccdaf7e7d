using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;
using StreamRnn.Detection;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Stepping;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Engine.Tests.Storage;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Tests.Stepping;

/// <summary>Rows of several models and rules, small and large, that take each other's place in memory.</summary>
public sealed class ColdKindsTests : IDisposable
{
    private const int Streams = 90;

    private static readonly string[] Folders = ["small", "held", "plain"];

    private readonly WorkerMetrics _metrics = new();

    public void Dispose() => _metrics.Dispose();

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(2, 5, 2)]
    [InlineData(3, 30, 1)]
    [InlineData(4, 64, 3)]
    public void Every_output_and_every_row_has_the_bits_of_an_engine_with_all_in_memory(int seed, int inMemory, int shards)
    {
        Tick[] ticks = Ticks(seed, count: 1500);
        (byte[][] Outputs, SortedDictionary<int, byte[]> Rows) all = Run(ticks, shards: 2, inMemory: null, out _);
        (byte[][] Outputs, SortedDictionary<int, byte[]> Rows) few = Run(ticks, shards, Math.Max(shards, inMemory), out RowTraffic evicted);

        Assert.True(evicted.Rows > 100, $"seed {seed}: {evicted.Rows} evictions test nothing");
        Assert.Equal(all.Outputs, few.Outputs);
        Assert.Equal(all.Rows, few.Rows);
    }

    [Fact]
    public void Memory_stays_within_the_limit_when_the_streams_of_one_kind_come_after_those_of_another()
    {
        FaultyFiles files = new();
        using ColdStore cold = new(files, streamsInMemory: 600, reason => Assert.Fail(reason), NullLogger.Instance);
        StreamDirectory directory = new(6000);
        StreamModels map = Map(directory);
        StreamRows rows = new(map, shard: 0, shardCount: 1, new RowExchange(1), cold);
        long largest = map.Kinds.Max(kind => (long)kind.RowFloats * sizeof(float));
        long pages = map.Kinds.Sum(kind => new StateSlab(kind.RowFloats).PageBytes);
        foreach (string folder in (string[])[.. Folders, .. Folders])
        {
            for (int i = 0; i < 1500; i++)
            {
                Assert.Equal(TickFault.None, directory.TryGet(Encoding.UTF8.GetBytes($"{folder}/{i}"), [], out int stream));
                rows.BeginBatch();
                Assert.True(rows.TryUse(stream, out int kind, out int row));
                Assert.True(row >= 0 && rows.Slab(kind).Count > 0);
                Assert.InRange(rows.InMemoryCount, 1, 600);
            }
            Assert.InRange(rows.StateBytes, 1, (600 * (largest + 64)) + pages + (8192 * StreamPlace.Bytes) + 65_536);
        }
        Assert.Equal(4500, rows.StreamCount);
    }

    private (byte[][] Outputs, SortedDictionary<int, byte[]> Rows) Run(Tick[] ticks, int shards, int? inMemory, out RowTraffic evicted)
    {
        FaultyFiles files = new();
        using ColdStore? cold = inMemory is int limit ? new ColdStore(files, limit, reason => Assert.Fail(reason), NullLogger.Instance) : null;
        StreamDirectory directory = new(Streams);
        for (int stream = 0; stream < Streams; stream++)
            Assert.Equal(TickFault.None, directory.TryGet(Encoding.UTF8.GetBytes($"{Folders[stream % Folders.Length]}/{stream}"), [], out _));
        CollectingSink sink = new();
        StreamEngine engine = new(Map(directory), new EngineCapacity(shards) { Cold = cold }, _metrics, sink);
        engine.Start();
        engine.Feed(ticks);
        engine.Broadcast(TickBlockKind.SaveAll, position: ticks.Length);

        SortedDictionary<int, byte[]> rows = [];
        while (engine.Rows.TryTake(out RowPiece piece))
        {
            for (ReadOnlySpan<byte> bytes = piece.Bytes; !bytes.IsEmpty;)
            {
                int length = RowPiece.RowHeaderBytes + (engine.Models.Kinds[MemoryMarshal.Read<int>(bytes[4..])].RowFloats * sizeof(float));
                rows.Add(MemoryMarshal.Read<int>(bytes), bytes[4..length].ToArray());
                bytes = bytes[length..];
            }
            engine.Rows.Return(piece);
        }
        engine.Drain();
        evicted = cold?.Evicted ?? default;
        Assert.Equal(Streams, rows.Count);
        return ([.. sink.Forecasts.OrderBy(forecast => forecast.Stream).ThenBy(forecast => forecast.Verdict.N).Select(Bytes)], rows);
    }

    private static byte[] Bytes(Forecast forecast)
    {
        Verdict verdict = forecast.Verdict;
        return [.. BitConverter.GetBytes(forecast.Stream), .. BitConverter.GetBytes(forecast.Time), .. BitConverter.GetBytes(forecast.Value),
            .. BitConverter.GetBytes(verdict.N), .. BitConverter.GetBytes(verdict.Forecast), .. BitConverter.GetBytes(verdict.Lower),
            .. BitConverter.GetBytes(verdict.Upper), .. BitConverter.GetBytes(verdict.Next), .. BitConverter.GetBytes(verdict.Surprise), .. BitConverter.GetBytes(verdict.Score)];
    }

    private static StreamModels Map(StreamDirectory directory)
    {
        ModelShape shape = new(CellKind.Gru, inputs: 2, hidden: 16, outputs: 1);
        Random random = new(16);
        SequenceModel small = SequenceModel.Create(shape, [.. Enumerable.Range(0, new ParameterLayout(shape).Length).Select(_ => random.NextSingle() - 0.5f)]);
        return new StreamModels(ShippedModel.Load(null), directory,
            [(new StreamPattern("small/#"), new BareForecaster("small@0", small))],
            [(new StreamPattern("held/#"), new TickRule { Late = LateTicks.Reorder, LateBound = TimeSpan.FromSeconds(30), LateCapacity = 8 })]);
    }

    /// <summary>A few streams often and all of them now and then, in random order, some late.</summary>
    private static Tick[] Ticks(int seed, int count)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(i => new Tick
        {
            Stream = i < Streams ? i : random.Next(2) == 0 ? random.Next(Streams) : random.Next(6),
            Time = (1_767_225_600L + (i * 5) - random.Next(20)) * 1_000_000_000,
            Value = 20 + (5 * random.NextDouble()),
        })];
    }
}
