using System.Diagnostics;

namespace StreamRnn.Support;

/// <summary>The real command in a process of its own, as a shell would start it.</summary>
public static class Executable
{
    /// <summary>Beside the tests, with its runtimeconfig and everything it loads.</summary>
    public static readonly string Path = System.IO.Path.Combine(AppContext.BaseDirectory, "streamrnn.dll");

    // A loaded build machine starts a process in seconds; none of these verbs works for long.
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    public static Process Start(IEnumerable<string> args, string? directory = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        Slow.IsExpected();
        ProcessStartInfo start = new("dotnet", [Path, .. args])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = directory ?? AppContext.BaseDirectory,
        };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] args) => await FinishAsync(Start(args));

    public static async Task<(int ExitCode, string Output, string Error)> FinishAsync(Process process)
    {
        using (process)
        {
            using CancellationTokenSource deadline = new(Deadline);
            try
            {
                Task<string> output = process.StandardOutput.ReadToEndAsync(deadline.Token);
                Task<string> error = process.StandardError.ReadToEndAsync(deadline.Token);
                await process.WaitForExitAsync(deadline.Token);
                return (process.ExitCode, await output, await error);
            }
            finally
            {
                if (!process.HasExited)
                    process.Kill();
            }
        }
    }
}
