using System.ComponentModel.DataAnnotations;

namespace StreamRnn.Engine.Streams;

/// <summary>Bounds on what may arrive, so that memory is bounded whatever does.</summary>
public sealed record LimitsOptions
{
    /// <summary>
    /// Streams in all; ticks of a further one are refused as <c>stream_limit</c>. Memory is this times one state (20 KB with the default
    /// detector), unless <see cref="StreamsInMemory"/> is set.
    /// </summary>
    [Range(1, 1 << 22)]
    public int Streams { get; init; } = 10_000;

    /// <summary>
    /// States in memory at most; without it all of them. States of idle streams lie in a file of <c>DataDir</c> and come back, bit for bit,
    /// with the stream's next tick, some microseconds later.
    /// </summary>
    [Range(1, 1 << 22)]
    public int? StreamsInMemory { get; init; }

    /// <summary>Longest payload in bytes; a longer one is refused as <c>payload_too_large</c> unread.</summary>
    [Range(64, 16 << 20)]
    public int PayloadBytes { get; init; } = 256 << 10;

    /// <summary>Ticks one shard may hold. More rides out longer bursts and makes the oldest forecast later.</summary>
    [Range(256, 1 << 20)]
    public int QueueCapacity { get; init; } = 4096;

    /// <summary>
    /// Time by which a tick may lie ahead of its arrival; further is refused as <c>far_future</c>. One accepted tick from next year makes
    /// every later one of its stream late.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "3650.00:00:00")]
    public TimeSpan FarFuture { get; init; } = TimeSpan.FromHours(1);
}
