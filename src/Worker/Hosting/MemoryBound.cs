using System.Runtime.CompilerServices;
using StreamRnn.Cells.Layers;
using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Stepping;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Intake;
using StreamRnn.Ingest.Mqtt.Broker;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;
using StreamRnn.Worker.Configuration;
using StreamRnn.Worker.Dashboard;

namespace StreamRnn.Worker.Hosting;

/// <summary>Most memory a configuration can take whatever arrives, in bytes; the process itself needs some 60 MB more.</summary>
/// <param name="Streams">States, names and tables when <c>Limits:Streams</c> is reached with the longest names.</param>
/// <param name="Queues">Full queues before the shards and before the publisher.</param>
/// <param name="Connections">What the MQTT layer buffers when every connection is as slow, and every packet as large, as is allowed.</param>
/// <param name="Sessions">What is remembered of unacknowledged packets, so that they are not stepped twice, in as many sessions as there may be.</param>
/// <param name="Durability">Frames of the log that are being filled and written, and what of a snapshot is; 0 without a data directory.</param>
internal sealed record MemoryBound(long Streams, long Queues, long Connections, long Sessions, long Durability)
{
    // An id and a hash at most three quarters full, and an entry, while both double: see StreamDirectory.
    private const int DirectoryBytes = 38;

    // The places of a shard's streams double when they are full.
    private const int PlaceBytes = 2 * StreamPlace.Bytes;

    // Whose a row is, and the slots of a file that are free, while both double.
    private const int OwnerBytes = 2 * 2 * sizeof(int);

    // A buffer and the one twice as large that takes its place.
    private const long Doubling = 3;

    public long Total => Streams + Queues + Connections + Sessions + Durability;

    public static MemoryBound Of(StreamRnnOptions options, ModelCatalog models)
    {
        int shards = options.EffectiveShards;
        long forecasts = options.Publish.Capacity + (ForecastQueue.BlockForecasts * ((3L * shards) + 1));
        MqttBrokerOptions broker = LinkOptions.Broker(options);
        IReadOnlyList<RowKind> kinds = models.Kinds(options.TickRules);
        return new MemoryBound(
            Rows(options.EffectiveStreamsInMemory, shards, kinds)
                + (options.Limits.Streams * (long)(PlaceBytes + StreamDirectory.MaximumNameBytes + DirectoryBytes))
                + (options.WatchedStreams * (long)LiveBoard.BytesPerStream),
            (shards * (long)Math.Max(options.EffectiveQueueCapacity, PacketIntake.MaximumTicks) * ((2 * Unsafe.SizeOf<Tick>()) + TickBlock.OverheadBytes)) + (forecasts * Unsafe.SizeOf<Forecast>()),
            options.Broker.Enabled
                ? broker.MemoryBoundBytes
                : LinkOptions.Receiver(options).MemoryBoundBytes + LinkOptions.Sender(options).MemoryBoundBytes,
            options.Broker.Enabled
                ? (broker.MaximumSessions * PacketSource.MemoryBoundBytes(broker.ReceiveMaximum))
                    + (broker.MaximumConnections * PacketLedger.MemoryBoundBytes(2 * broker.ReceiveMaximum))
                : PacketSource.MemoryBoundBytes(LogIndex.OutsideCapacity),
            options.DataDir is null ? 0
                : InputLog.MemoryBoundBytes + RowExchange.MemoryBoundBytes(shards, kinds.Max(kind => kind.RowFloats * sizeof(float)))
                    + (options.Broker.Enabled
                        ? (broker.MaximumSessions * SourceTable.MostBytes(broker.ReceiveMaximum)) + (Doubling * (broker.MaximumTotalQueuedBytes + broker.MaximumRetainedBytes))
                        : SourceTable.MostBytes(LogIndex.OutsideCapacity)));
    }

    /// <summary>Rows of the largest kind; and of each kind those of a batch, which are in memory whatever is there beside, and a page that is not full.</summary>
    private static long Rows(int inMemory, int shards, IReadOnlyList<RowKind> kinds)
    {
        StateSlab[] slabs = [.. kinds.Select(kind => new StateSlab(kind.RowFloats))];
        return (inMemory * (slabs.Max(RowBytes) + OwnerBytes)) + (shards * slabs.Sum(slab => slab.PageBytes + (MicroBatch.Capacity * RowBytes(slab))));

        static long RowBytes(StateSlab slab) => slab.RowFloats * sizeof(float);
    }
}
