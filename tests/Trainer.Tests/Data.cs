using System.Runtime.CompilerServices;
using StreamRnn.Trainer.Fit;

namespace StreamRnn.Trainer.Tests;

/// <summary>Small series and recordings made for tests.</summary>
internal static class Data
{
    public const long Hour = 3_600_000_000_000;

    /// <summary>A day's rhythm, a slow wave and some noise, hourly.</summary>
    public static Series Hourly(int rows, int seed = 1)
    {
        var random = new SplitMix((ulong)seed);
        return new Series("hourly", [.. Enumerable.Range(0, rows).Select(t => t * Hour)],
            [.. Enumerable.Range(0, rows).Select(t => 20 + 5 * Math.Sin(2 * Math.PI * t / 24) + 2 * Math.Sin(t / 50.0) + 0.3 * random.Normal())]);
    }

    /// <summary>Files kept for tests, found beside the sources.</summary>
    public static string Golden(string name, [CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, "..", "Golden", name);

    /// <summary>A file in a folder of its own, which goes with the test.</summary>
    public static TemporaryFile File(string text, string name = "data.csv") => new(text, name);
}

internal sealed class TemporaryFile : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("streamrnn");

    public TemporaryFile(string text, string name)
    {
        Path = System.IO.Path.Combine(_folder.FullName, name);
        File.WriteAllText(Path, text);
    }

    public string Path { get; }

    public void Dispose() => _folder.Delete(recursive: true);
}
