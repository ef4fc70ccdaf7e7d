using System.ComponentModel.DataAnnotations;

namespace StreamRnn.Worker.Configuration;

/// <summary>How what is in <see cref="StreamRnnOptions.DataDir"/> is written.</summary>
public sealed record DurabilityOptions
{
    /// <summary>
    /// Between two commits, at least. An output waits for half of it and one and a half fsyncs on average. Longer spares the disk: each fsync
    /// also writes whole blocks and the file system's own log, 8 KB a tick for single ticks against 75 bytes for 200 at once. 0 commits
    /// as soon as the disk is done with the last one.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:10")]
    public TimeSpan CommitInterval { get; init; } = TimeSpan.FromMilliseconds(20);
}
