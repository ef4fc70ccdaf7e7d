namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>A secret in a file of its own, as secret stores mount it: not in the configuration, not in the environment.</summary>
public static class SecretFile
{
    /// <summary>The secret; a final line break is not part of it.</summary>
    /// <exception cref="IOException">The file cannot be read, or is empty.</exception>
    public static string Read(string file)
    {
        string secret;
        try
        {
            secret = File.ReadAllText(file).TrimEnd('\r', '\n');
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
        return secret.Length > 0 ? secret : throw new IOException(Empty(file));
    }

    /// <summary>Reason that a file cannot hold a secret; null if it can, or none is named.</summary>
    public static string? Problem(string? file) =>
        file is null ? null
        : !File.Exists(file) ? $"{Path.GetFullPath(file)} does not exist"
        : new FileInfo(file).Length == 0 ? Empty(file)
        : null;

    // The usual cause is a secret that is mounted too late.
    private static string Empty(string file) => $"{Path.GetFullPath(file)} is empty; is the secret mounted?";
}
