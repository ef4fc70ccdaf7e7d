using System.Diagnostics;
using System.Globalization;

namespace StreamRnn.Lab.Bench;

/// <summary>CPU time and memory of a process so far.</summary>
/// <param name="Threads">
/// Seconds of CPU by name of the thread, from /proc; elsewhere empty. What has ended is not in it. The kernel cuts names after 15 characters.
/// </param>
internal sealed record ProcessUse(TimeSpan Cpu, IReadOnlyDictionary<string, double> Threads)
{
    private const int NameLength = 15;

    public static ProcessUse Of(Process process)
    {
        process.Refresh();
        return new ProcessUse(process.TotalProcessorTime, ThreadsOf($"/proc/{process.Id}/task"));
    }

    /// <summary>Microseconds of CPU, since another reading, of the threads whose name begins so.</summary>
    public double MicrosecondsSince(ProcessUse before, string thread)
    {
        if (thread.Length > NameLength)
            thread = thread[..NameLength];
        return 1e6 * (Sum(Threads) - Sum(before.Threads));

        double Sum(IReadOnlyDictionary<string, double> threads) =>
            threads.Where(pair => pair.Key.StartsWith(thread, StringComparison.Ordinal)).Sum(pair => pair.Value);
    }

    private static Dictionary<string, double> ThreadsOf(string folder)
    {
        Dictionary<string, double> threads = [];
        if (!Directory.Exists(folder))
            return threads;
        foreach (string thread in Directory.EnumerateDirectories(folder))
        {
            try
            {
                string name = File.ReadAllText(thread + "/comm").TrimEnd();
                string[] times = File.ReadAllText(thread + "/schedstat").Split(' ');   // nanoseconds on a core first
                threads[name] = threads.GetValueOrDefault(name) + (1e-9 * long.Parse(times[0], CultureInfo.InvariantCulture));
            }
            catch (IOException)
            {
                // It has ended since it was listed, or the kernel keeps no such times.
            }
        }
        return threads;
    }
}
