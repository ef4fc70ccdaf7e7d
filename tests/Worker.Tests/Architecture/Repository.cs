namespace StreamRnn.Worker.Tests.Architecture;

/// <summary>The working tree that the tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    /// <summary>Source files of one project, relative to its folder, with forward slashes.</summary>
    public static IEnumerable<string> Sources(string project)
    {
        string folder = Path.Combine(Root, "src", project);
        return from file in Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
               let name = Path.GetRelativePath(folder, file).Replace('\\', '/')
               where !name.StartsWith("obj/", StringComparison.Ordinal) && !name.StartsWith("bin/", StringComparison.Ordinal)
               select name;
    }

    private static string Find()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "StreamRnn.sln")))
            directory = Path.GetDirectoryName(directory);
        return directory ?? throw new DirectoryNotFoundException("the tests run outside of the repository");
    }
}
