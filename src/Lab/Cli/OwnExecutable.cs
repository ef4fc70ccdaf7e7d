using System.Diagnostics;

namespace StreamRnn.Lab.Cli;

/// <summary>Starts the streamrnn command again as a separate process: it lies beside this assembly.</summary>
internal static class OwnExecutable
{
    /// <summary>Start information of a process, its output redirected.</summary>
    public static ProcessStartInfo With(params IEnumerable<string> arguments)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!)
        {
            WorkingDirectory = AppContext.BaseDirectory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) != "streamrnn")   // dotnet, or whatever hosts a test
            start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "streamrnn.dll"));
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        return start;
    }
}
