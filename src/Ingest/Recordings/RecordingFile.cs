namespace StreamRnn.Ingest.Recordings;

/// <summary>A CSV file found at a path or in the folder tree below it.</summary>
/// <param name="Path">Its path.</param>
/// <param name="RelativePath">As seen from the folder that was searched, with '/' between its parts; the file's name for a single file.</param>
public sealed record RecordingFile(string Path, string RelativePath)
{
    private static readonly string[] Endings = [".csv", ".csv.gz"];

    /// <summary>The relative path without .csv or .csv.gz.</summary>
    public string Name => RelativePath[..^Endings.First(ending => RelativePath.EndsWith(ending, StringComparison.OrdinalIgnoreCase)).Length];

    /// <summary>The file itself, or every CSV file below the folder, in the order of their names.</summary>
    /// <exception cref="InvalidDataException">There is none, or two would have the same output.</exception>
    public static IReadOnlyList<RecordingFile> Find(string path)
    {
        RecordingFile[] files;
        if (File.Exists(path))
        {
            files = IsRecording(path)
                ? [new RecordingFile(path, System.IO.Path.GetFileName(path))]
                : throw new InvalidDataException($"{path}: not a .csv or .csv.gz file.");
        }
        else if (Directory.Exists(path))
        {
            files = [.. Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories)
                .Where(IsRecording)
                .Select(file => new RecordingFile(file, System.IO.Path.GetRelativePath(path, file).Replace('\\', '/')))
                .OrderBy(file => file.RelativePath, StringComparer.Ordinal)];
        }
        else
        {
            throw new InvalidDataException($"{path}: there is no such file or folder.");
        }

        if (files.Length == 0)
            throw new InvalidDataException($"{path}: no .csv or .csv.gz file below this folder.");
        IGrouping<string, RecordingFile>? twins = files.GroupBy(file => file.Name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(group => group.Count() > 1);
        if (twins is not null)
            throw new InvalidDataException($"{path}: {string.Join(" and ", twins.Select(file => file.RelativePath))} would have the same output; move one away.");
        return files;
    }

    /// <summary>Path of the output of one value column, relative to the output folder: NAME.csv, or NAME.COLUMN.csv of several.</summary>
    public string OutputPath(string column, int columnCount) =>
        columnCount == 1 ? Name + ".csv" : $"{Name}.{string.Concat(column.Select(c => IsFileNameCharacter(c) ? c : '_'))}.csv";

    private static bool IsRecording(string path) => Array.Exists(Endings, ending => path.EndsWith(ending, StringComparison.OrdinalIgnoreCase));

    // What no common file system forbids, so that the same recording has the same outputs everywhere.
    private static bool IsFileNameCharacter(char c) => !char.IsControl(c) && !"<>:\"/\\|?*".Contains(c, StringComparison.Ordinal);
}
