using System.ComponentModel.DataAnnotations;

namespace StreamRnn.Engine.Journal;

/// <summary>Settings of the input log and the snapshots in <c>DataDir</c>.</summary>
public sealed record DurabilityOptions
{
    /// <summary>
    /// Shortest time between two commits. Outputs wait for half of it and one and a half fsyncs on average. Longer spares the disk: a
    /// commit writes a whole block, 4 KB a tick for single ticks against 75 bytes a tick for 200 at once. 0 commits as soon as the disk is
    /// done with the last one.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:10")]
    public TimeSpan CommitInterval { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// Work that a restart may have to repeat. A snapshot is taken when reading and stepping the log behind the last one would take this
    /// long; from 70 % of it on, where that writes no more than the log has grown by. Shorter writes more, longer lengthens recovery.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan ReplayLimit { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Interval at which confirmations of the broker are written down while ticks come. After a kill, outputs above the last one are
    /// published again.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan ConfirmInterval { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>
    /// Size of one file of the log. Files behind the older snapshot are removed whole, so a larger one keeps more on the disk.
    /// </summary>
    [Range(64 << 10, 1 << 30)]
    public int SegmentBytes { get; init; } = 32 << 20;
}
