namespace StreamRnn.Worker.Hosting;

/// <summary>A password in a file of its own, as secret stores mount it: not in the configuration, not in the environment.</summary>
internal static class PasswordFile
{
    public static string? Read(string? path) => path is null ? null : File.ReadAllText(path).TrimEnd('\r', '\n');
}
