using StreamRnn.Engine;

namespace StreamRnn.Lab.Soak;

/// <summary>Evaluation of the samples of a run.</summary>
/// <param name="Rate">Ticks per second really sent.</param>
/// <param name="Resident">VmRSS after the warm-up.</param>
/// <param name="Anonymous">RssAnon after the warm-up: what the verdict is on.</param>
/// <param name="Data">Size of the data directory after the warm-up.</param>
/// <param name="WrittenBytesPerSecond">To the device, over the whole run.</param>
/// <param name="CpuMicroseconds">Of the worker, per tick sent.</param>
/// <param name="Sent">Ticks; each was acknowledged, or <paramref name="Unacknowledged"/> says how many were not.</param>
/// <param name="Refused">By reason, where there were any.</param>
internal sealed record SoakReport(
    double Seconds, double WarmUpSeconds, double Rate, SoakCourse Resident, SoakCourse Anonymous, SoakCourse Data, double WrittenBytesPerSecond, double CpuMicroseconds,
    long Sent, long Unacknowledged, long Streams, long Accepted, long Stepped, IReadOnlyDictionary<string, long> Refused, long StateBytes, long ToleratedBytes, string? Fault)
{
    private const string Refusals = "streamrnn.ticks.refused.";

    /// <summary>Streams whose state was in memory at the end.</summary>
    public long InMemory { get; init; }

    /// <summary>And on the disk.</summary>
    public long OnDisk { get; init; }

    /// <summary>States moved to the disk.</summary>
    public long Evicted { get; init; }

    public long EvictedBytes { get; init; }

    /// <summary>States that came back for a tick.</summary>
    public long Returned { get; init; }

    public long ReturnedBytes { get; init; }

    /// <param name="samples">Evenly over time, the last after everything was acknowledged.</param>
    /// <param name="toleratedBytes">Largest growth from the first tenth to the last.</param>
    public static SoakReport Of(IReadOnlyList<SoakSample> samples, double warmUpSeconds, long toleratedBytes)
    {
        SoakSample last = samples[^1];
        if (last.Sent == 0 || last.Seconds <= 0)
            throw new CommandFailedException("the soak sent no tick, so it says nothing; is the machine overloaded?");
        SoakSample[] settled = [.. samples.Where(sample => sample.Seconds >= warmUpSeconds)];
        SoakCourse anonymous = SoakCourse.Of(settled, sample => sample.AnonymousBytes);
        long accepted = (long)last["accepted"], stepped = (long)last["stepped"], refused = (long)last["refused"];
        string? fault =
            anonymous.Growth > toleratedBytes ? $"memory grew by {anonymous.Growth >> 20} MB after the warm-up, {toleratedBytes >> 20} MB are tolerated"
            : last.Acknowledged != last.Sent ? $"{last.Sent - last.Acknowledged} ticks were not acknowledged"
            : accepted + refused != last.Sent ? $"{last.Sent} ticks were sent, {accepted} accepted and {refused} refused"
            : stepped != accepted ? $"{accepted} ticks were accepted and {stepped} stepped"
            : null;
        return new SoakReport(last.Seconds, warmUpSeconds, last.Sent / last.Seconds,
            SoakCourse.Of(settled, sample => sample.ResidentBytes), anonymous, SoakCourse.Of(settled, sample => sample.DataBytes),
            last.WrittenBytes / last.Seconds, last.CpuSeconds * 1e6 / last.Sent, last.Sent, last.Sent - last.Acknowledged, (long)last["streams"], accepted, stepped,
            last.Counts.Where(count => count.Key.StartsWith(Refusals, StringComparison.Ordinal) && count.Value > 0)
                .ToDictionary(count => count.Key[Refusals.Length..], count => (long)count.Value),
            (long)last["streamrnn.state.size"], toleratedBytes, fault)
        {
            InMemory = (long)last["streamrnn.streams.in_memory"],
            OnDisk = (long)last["streamrnn.streams.on_disk"],
            Evicted = (long)last["streamrnn.rows.evicted"],
            EvictedBytes = (long)last["streamrnn.rows.evicted.size"],
            Returned = (long)last["streamrnn.rows.returned"],
            ReturnedBytes = (long)last["streamrnn.rows.returned.size"],
        };
    }
}

/// <summary>Course of a size over a run.</summary>
/// <param name="First">Mean of the first tenth of the samples.</param>
/// <param name="Last">Mean of the last tenth.</param>
/// <param name="PerHour">Slope of the straight line that fits best.</param>
internal sealed record SoakCourse(long First, long Last, long Largest, long PerHour)
{
    public long Growth => Last - First;

    /// <param name="samples">In order of time; at least one.</param>
    public static SoakCourse Of(IReadOnlyList<SoakSample> samples, Func<SoakSample, long> size)
    {
        int tenth = Math.Max(1, samples.Count / 10);
        double middle = samples.Average(sample => sample.Seconds), mean = samples.Average(sample => (double)size(sample));
        double spread = samples.Sum(sample => (sample.Seconds - middle) * (sample.Seconds - middle));
        double slope = spread > 0 ? samples.Sum(sample => (sample.Seconds - middle) * (size(sample) - mean)) / spread : 0;
        return new SoakCourse(
            (long)samples.Take(tenth).Average(size), (long)samples.Skip(samples.Count - tenth).Average(size), samples.Max(size), (long)(slope * 3600));
    }
}
