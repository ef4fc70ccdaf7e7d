using System.ComponentModel.DataAnnotations;

namespace StreamRnn.Worker.Configuration;

/// <summary>How what is in <see cref="StreamRnnOptions.DataDir"/> is written.</summary>
public sealed record DurabilityOptions
{
    /// <summary>
    /// Between two commits, at least. An output waits for half of it and one and a half fsyncs on average. Longer spares the disk: each commit
    /// is a whole block at least, 4 KB a tick for single ticks against 75 bytes for 200 at once. 0 commits as soon as the disk is done with the
    /// last one.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:10")]
    public TimeSpan CommitInterval { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// Work that a restart may have to do again: when reading back and stepping what came since the last snapshot would take so long, the states
    /// that have changed are saved; from 70 % of it on where that writes no more than has been written to the log. Shorter writes more, longer
    /// makes the way back longer.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan ReplayLimit { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How often, while ticks come, the broker's confirmations are written down: outputs above are published again after a kill.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan ConfirmInterval { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>Where one file of the log ends and the next begins. Files are removed whole, behind the snapshots.</summary>
    [Range(64 << 10, 1 << 30)]
    public int SegmentBytes { get; init; } = 32 << 20;
}
