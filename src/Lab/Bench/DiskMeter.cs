using System.Globalization;
using StreamRnn.Engine.Journal;

namespace StreamRnn.Lab.Bench;

/// <summary>
/// Meters writes under a data directory: the growth of its files, also of removed ones, and the bytes given to the device.
/// </summary>
internal sealed class DiskMeter : IDisposable
{
    private const int SectorBytes = 512;
    private static readonly TimeSpan Often = TimeSpan.FromMilliseconds(50);

    private readonly string _folder;
    private readonly string? _statistics;
    private readonly Dictionary<string, long> _lengths = [];
    private readonly byte[] _tail = new byte[128 << 10];
    private readonly Timer _timer;

    public DiskMeter(string folder)
    {
        _folder = folder;
        _statistics = StatisticsOf(Path.GetFullPath(folder));
        _timer = new Timer(_ => Look(), null, Often, Often);
    }

    public DiskUse Use
    {
        get
        {
            Look();
            lock (_lengths)
                return new DiskUse(Sum(LogFormat.SegmentSuffix), Sum(".snap"), DeviceBytes);
        }
    }

    public void Dispose() => _timer.Dispose();

    /// <summary>
    /// Bytes written to the block device since the machine started, including the file system's journal and other programs. Null where the
    /// system does not report it.
    /// </summary>
    private long? DeviceBytes => _statistics is null
        ? null
        : SectorBytes * long.Parse(File.ReadAllText(_statistics).Split(' ', StringSplitOptions.RemoveEmptyEntries)[6], CultureInfo.InvariantCulture);

    private void Look()
    {
        lock (_lengths)
        {
            try
            {
                foreach (FileInfo file in new DirectoryInfo(_folder).EnumerateFiles())
                    _lengths[file.Name] = Math.Max(_lengths.GetValueOrDefault(file.Name), LengthOf(file));
            }
            catch (IOException)
            {
                // Removed since it was listed; the next look sees the rest.
            }
        }
    }

    /// <summary>Length without the zeros that a log keeps ahead of its end.</summary>
    private long LengthOf(FileInfo file)
    {
        if (file.Extension != LogFormat.SegmentSuffix)
            return file.Length;
        using FileStream stream = file.Open(FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        long start = Math.Max(0, stream.Length - _tail.Length);
        stream.Position = start;
        return start + _tail.AsSpan(0, stream.ReadAtLeast(_tail, _tail.Length, throwOnEndOfStream: false)).LastIndexOfAnyExcept((byte)0) + 1;
    }

    private long Sum(string ending) => _lengths.Where(pair => pair.Key.EndsWith(ending, StringComparison.Ordinal)).Sum(pair => pair.Value);

    private static string? StatisticsOf(string folder)
    {
        const string Mounts = "/proc/self/mountinfo";
        if (!File.Exists(Mounts))
            return null;
        // 36 35 98:0 /root /mount/point options ...
        string? device = File.ReadLines(Mounts).Select(line => line.Split(' '))
            .Where(fields => IsUnder(folder, fields[4])).MaxBy(fields => fields[4].Length)?[2];
        string statistics = $"/sys/dev/block/{device}/stat";
        return File.Exists(statistics) ? statistics : null;
    }

    private static bool IsUnder(string folder, string mount) =>
        mount == "/" || folder == mount || folder.StartsWith(mount + "/", StringComparison.Ordinal);
}

/// <summary>Bytes so far.</summary>
internal sealed record DiskUse(long Log, long Snapshots, long? Device)
{
    /// <param name="case">The measurement, as it is named in its line.</param>
    public DiskPerTick Since(DiskUse before, long ticks, string @case)
    {
        return new DiskPerTick(Each(Log - before.Log), Each(Snapshots - before.Snapshots), Device - before.Device is long device ? Each(device) : null);

        double Each(long bytes) => Measured.Per(bytes, ticks, @case, "ticks");
    }
}

/// <summary>Bytes per tick.</summary>
/// <param name="Device">Given to the block device, by anybody; null where the system does not say.</param>
internal sealed record DiskPerTick(double Log, double Snapshots, double? Device)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"   log {Log:0.0} B, snapshots {Snapshots:0.0} B, device {(Device is double bytes ? bytes.ToString("0.0", CultureInfo.InvariantCulture) : "?")} B");
}
