using System.Runtime.CompilerServices;
using StreamRnn.Cells;
using StreamRnn.Ingest;
using StreamRnn.Worker.Dashboard;
using StreamRnn.Worker.Durability;
using StreamRnn.Worker.Engine;
using StreamRnn.Worker.Hosting;
using StreamRnn.Worker.Publish;

namespace StreamRnn.Worker.Configuration;

/// <summary>Most memory a configuration can take whatever arrives, in bytes; the process itself needs some 60 MB more.</summary>
/// <param name="Streams">States, names and tables when <c>Limits:Streams</c> is reached with the longest names.</param>
/// <param name="Queues">Full queues before the shards and before the publisher.</param>
/// <param name="Connections">What the MQTT layer buffers when every connection is as slow, and every packet as large, as is allowed.</param>
/// <param name="Sessions">What is remembered of unacknowledged packets, so that they are not stepped twice, in as many sessions as there may be.</param>
/// <param name="Durability">Frames of the log that are being filled and written, and pieces of a snapshot; 0 without a data directory.</param>
internal sealed record MemoryBound(long Streams, long Queues, long Connections, long Sessions, long Durability)
{
    // An id and a hash at most three quarters full, and an entry, while both double: see StreamDirectory.
    private const int DirectoryBytes = 38;

    // The places of a shard's streams double when they are full.
    private const int PlaceBytes = 2 * StreamPlace.Bytes;

    // Whose a row is, and the slots of a file that are free, while both double.
    private const int OwnerBytes = 2 * 2 * sizeof(int);

    public long Total => Streams + Queues + Connections + Sessions + Durability;

    public static MemoryBound Of(StreamRnnOptions options, ModelCatalog models)
    {
        int shards = options.EffectiveShards;
        long forecasts = options.Publish.Capacity + (ForecastQueue.BlockForecasts * (shards + 1L));
        IReadOnlyList<RowKind> kinds = models.Kinds(options.TickRules);
        return new MemoryBound(
            Rows(options.EffectiveStreamsInMemory, shards, kinds)
                + (options.Limits.Streams * (long)(PlaceBytes + StreamDirectory.MaximumNameBytes + DirectoryBytes))
                + (options.WatchedStreams * (long)LiveBoard.BytesPerStream),
            (shards * (long)options.EffectiveQueueCapacity * Unsafe.SizeOf<Tick>()) + (forecasts * Unsafe.SizeOf<Forecast>()),
            options.Broker.Enabled
                ? LinkOptions.Broker(options).MemoryBoundBytes
                : LinkOptions.Receiver(options).MemoryBoundBytes + LinkOptions.Sender(options).MemoryBoundBytes,
            options.Broker.Enabled
                ? LinkOptions.Broker(options).MaximumSessions * PacketSource.MemoryBoundBytes(LinkOptions.Broker(options).ReceiveMaximum)
                : PacketSource.MemoryBoundBytes(JournalState.OutsideCapacity),
            options.DataDir is null ? 0 : InputLog.MemoryBoundBytes + RowExchange.MemoryBoundBytes(shards, kinds.Max(kind => kind.RowFloats * sizeof(float))));
    }

    /// <summary>Rows of the largest kind; and of each kind those of a batch, which are in memory whatever is there beside, and a page that is not full.</summary>
    private static long Rows(int inMemory, int shards, IReadOnlyList<RowKind> kinds)
    {
        StateSlab[] slabs = [.. kinds.Select(kind => new StateSlab(kind.RowFloats))];
        return (inMemory * (slabs.Max(RowBytes) + OwnerBytes)) + (shards * slabs.Sum(slab => slab.PageBytes + (MicroBatch.Capacity * RowBytes(slab))));

        static long RowBytes(StateSlab slab) => slab.RowFloats * sizeof(float);
    }
}
