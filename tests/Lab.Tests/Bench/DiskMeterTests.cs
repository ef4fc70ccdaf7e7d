using StreamRnn.Lab.Bench;

namespace StreamRnn.Lab.Tests.Bench;

public sealed class DiskMeterTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_was_written_counts_when_its_file_is_gone()
    {
        byte[] ones = [.. Enumerable.Repeat((byte)1, 300)];
        File.WriteAllBytes(Path.Combine(_folder, "log-1.log"), ones[..100]);
        using DiskMeter meter = new(_folder);
        DiskUse before = meter.Use;
        File.WriteAllBytes(Path.Combine(_folder, "log-1.log"), [.. ones, .. new byte[70_000]]);   // zeros ahead of the end are no log
        File.WriteAllBytes(Path.Combine(_folder, "snapshot-1-0.snap"), ones[..50]);
        _ = meter.Use;
        File.Delete(Path.Combine(_folder, "log-1.log"));
        File.WriteAllBytes(Path.Combine(_folder, "log-2.log"), ones[..40]);

        DiskPerTick perTick = meter.Use.Since(before, ticks: 10, "flood");

        Assert.Equal((24, 5), (perTick.Log, perTick.Snapshots));
    }

    [Fact]
    public void The_device_below_a_folder_is_found_where_the_system_has_it()
    {
        using DiskMeter meter = new(_folder);

        Assert.True(meter.Use.Device is null or > 0);
    }
}
