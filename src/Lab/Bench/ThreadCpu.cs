using System.Runtime.InteropServices;

namespace StreamRnn.Lab.Bench;

/// <summary>Processor time of the calling thread: what other threads and processes use in the meantime is not in it.</summary>
internal static class ThreadCpu
{
    /// <summary>CLOCK_THREAD_CPUTIME_ID.</summary>
    private const int LinuxClock = 3, MacClock = 16;

    /// <summary>Nanoseconds since some moment in the past. Where the system has no such clock, those of the whole process.</summary>
    public static double Nanoseconds
    {
        get
        {
            int? clock = OperatingSystem.IsLinux() ? LinuxClock : OperatingSystem.IsMacOS() ? MacClock : null;
            return clock is int id && ClockGetTime(id, out TimeSpec time) == 0
                ? 1e9 * time.Seconds + time.Nanoseconds
                : Environment.CpuUsage.TotalTime.TotalNanoseconds;
        }
    }

    [DllImport("libc", EntryPoint = "clock_gettime")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int ClockGetTime(int clock, out TimeSpec time);

    private readonly struct TimeSpec
    {
        public readonly nint Seconds;
        public readonly nint Nanoseconds;
    }
}
