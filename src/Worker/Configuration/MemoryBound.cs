using System.Runtime.CompilerServices;
using StreamRnn.Ingest;
using StreamRnn.Worker.Dashboard;
using StreamRnn.Worker.Hosting;
using StreamRnn.Worker.Publish;

namespace StreamRnn.Worker.Configuration;

/// <summary>Most memory a configuration can take whatever arrives, in bytes; the process itself needs some 60 MB more.</summary>
/// <param name="Streams">States, names and tables when <c>Limits:Streams</c> is reached with the longest names.</param>
/// <param name="Queues">Full queues before the shards and before the publisher.</param>
/// <param name="Connections">What the MQTT layer buffers when every connection is as slow, and every packet as large, as is allowed.</param>
internal sealed record MemoryBound(long Streams, long Queues, long Connections)
{
    // An id and a hash at most three quarters full, and an entry, while both double: see StreamDirectory.
    private const int DirectoryBytes = 38;

    public long Total => Streams + Queues + Connections;

    public static MemoryBound Of(StreamRnnOptions options, ModelCatalog models)
    {
        int shards = options.EffectiveShards;
        long forecasts = options.Publish.Capacity + (ForecastQueue.BlockForecasts * (shards + 1L));
        return new MemoryBound(
            (options.Limits.Streams * (long)(models.LargestBytesPerStream(options.TickRules) + StreamDirectory.MaximumNameBytes + DirectoryBytes))
                + (options.WatchedStreams * (long)LiveBoard.BytesPerStream),
            (shards * (long)options.EffectiveQueueCapacity * Unsafe.SizeOf<Tick>()) + (forecasts * Unsafe.SizeOf<Forecast>()),
            options.Broker.Enabled
                ? LinkOptions.Broker(options).MemoryBoundBytes
                : LinkOptions.Receiver(options).MemoryBoundBytes + LinkOptions.Sender(options).MemoryBoundBytes);
    }
}
