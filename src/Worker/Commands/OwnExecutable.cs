using System.Diagnostics;

namespace StreamRnn.Worker.Commands;

/// <summary>Starts this executable again as a separate process.</summary>
internal static class OwnExecutable
{
    /// <summary>How it is started, its output redirected.</summary>
    public static ProcessStartInfo With(params IEnumerable<string> arguments)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!)
        {
            WorkingDirectory = AppContext.BaseDirectory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) != "streamrnn")   // dotnet, or whatever hosts a test
            start.ArgumentList.Add(typeof(OwnExecutable).Assembly.Location);
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        return start;
    }
}
