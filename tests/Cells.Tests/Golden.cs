using System.Runtime.CompilerServices;

namespace StreamRnn.Cells.Tests;

/// <summary>Files kept for tests, found beside the sources.</summary>
internal static class Golden
{
    public static string Folder(string name, [CallerFilePath] string here = "") =>
        Path.Combine(Path.GetDirectoryName(here)!, "..", "Golden", name);
}
