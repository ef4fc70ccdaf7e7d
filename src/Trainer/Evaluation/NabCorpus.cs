using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.Text.Json;

namespace StreamRnn.Trainer.Evaluation;

/// <summary>One recording of the corpus.</summary>
/// <param name="Name">Category and file, as the labels name it: <c>realTraffic/speed_7578.csv</c>.</param>
/// <param name="Times">[n] nanoseconds since 1970 UTC.</param>
/// <param name="Values">[n].</param>
/// <param name="Windows">First and last row of each labelled anomaly window, in order.</param>
public sealed record NabRecording(string Name, long[] Times, double[] Values, (int First, int Last)[] Windows)
{
    /// <summary>Rows at the start that are not scored: 15 % of the recording, at most 750.</summary>
    public int Probation => Math.Min((int)(0.15 * Values.Length), 750);
}

/// <summary>
/// The Numenta Anomaly Benchmark (github.com/numenta/NAB, MIT): 58 recordings with 116 labelled windows, read from a directory with
/// <c>data/category/file.csv</c> and <c>labels/combined_windows.json</c>, or from a tar archive of it compressed by Brotli.
/// </summary>
public sealed class NabCorpus
{
    private const string LabelsPath = "labels/combined_windows.json";
    private const string DataPath = "data/";
    private const string LicensePath = "LICENSE-NAB.txt";

    private NabCorpus(IReadOnlyList<NabRecording> recordings) => Recordings = recordings;

    /// <summary>Recordings in order of name.</summary>
    public IReadOnlyList<NabRecording> Recordings { get; }

    public int WindowCount => Recordings.Sum(r => r.Windows.Length);

    /// <summary>Makes a corpus, or a part of one, of given recordings.</summary>
    public static NabCorpus Of(IReadOnlyList<NabRecording> recordings) => new(recordings);

    /// <param name="path">The directory, or the <c>.tar.br</c> file.</param>
    /// <exception cref="InvalidDataException">Something is missing or unreadable; says what and where.</exception>
    public static NabCorpus Load(string path)
    {
        SortedDictionary<string, byte[]> files = File.Exists(path) ? ReadArchive(path) : ReadDirectory(path);
        if (!files.TryGetValue(LabelsPath, out byte[]? labels))
            throw new InvalidDataException($"{path}: no {LabelsPath}; expected the NAB repository's data/ and labels/ folders.");
        var windows = JsonSerializer.Deserialize<Dictionary<string, string[][]>>(labels)!;

        List<NabRecording> recordings = [];
        foreach ((string file, byte[] bytes) in files)
        {
            if (file.StartsWith(DataPath, StringComparison.Ordinal) && file.EndsWith(".csv", StringComparison.Ordinal))
                recordings.Add(Read(file[DataPath.Length..], bytes, windows));
        }

        return new NabCorpus(recordings);
    }

    /// <summary>Packs a corpus directory into one file that <see cref="Load"/> reads. The licence goes with the data.</summary>
    public static void Pack(string directory, string archive)
    {
        SortedDictionary<string, byte[]> files = ReadDirectory(directory);
        files.Add(LicensePath, File.ReadAllBytes(Path.Combine(directory, LicensePath)));
        using var compressed = new BrotliStream(File.Create(archive), new BrotliCompressionOptions { Quality = 11 });
        using var tar = new TarWriter(compressed, TarEntryFormat.Ustar);
        foreach ((string name, byte[] bytes) in files)
            tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name)
            {
                DataStream = new MemoryStream(bytes),
                ModificationTime = DateTimeOffset.UnixEpoch,
            });
    }

    private static SortedDictionary<string, byte[]> ReadDirectory(string directory)
    {
        SortedDictionary<string, byte[]> files = new(StringComparer.Ordinal);
        string data = Path.Combine(directory, "data");
        if (!Directory.Exists(data))
            throw new InvalidDataException($"{directory}: no data folder; expected the NAB repository's data/ and labels/ folders.");
        foreach (string file in Directory.EnumerateFiles(data, "*.csv", SearchOption.AllDirectories))
            files.Add(Path.GetRelativePath(directory, file).Replace('\\', '/'), File.ReadAllBytes(file));
        string labels = Path.Combine(directory, LabelsPath);
        if (File.Exists(labels))
            files.Add(LabelsPath, File.ReadAllBytes(labels));
        return files;
    }

    private static SortedDictionary<string, byte[]> ReadArchive(string archive)
    {
        SortedDictionary<string, byte[]> files = new(StringComparer.Ordinal);
        using var plain = new BrotliStream(File.OpenRead(archive), CompressionMode.Decompress);
        using var tar = new TarReader(plain);
        while (tar.GetNextEntry() is { } entry)
        {
            var bytes = new MemoryStream();
            entry.DataStream?.CopyTo(bytes);
            files.Add(entry.Name, bytes.ToArray());
        }

        return files;
    }

    private static NabRecording Read(string name, byte[] csv, Dictionary<string, string[][]> windows)
    {
        List<long> times = [];
        List<double> values = [];
        using var reader = new StreamReader(new MemoryStream(csv));
        reader.ReadLine();
        while (reader.ReadLine() is { Length: > 0 } line)
        {
            int comma = line.IndexOf(',', StringComparison.Ordinal);
            times.Add(Time(line.AsSpan(0, Math.Max(comma, 0)), name, times.Count));
            if (!double.TryParse(line.AsSpan(comma + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out double value))
                throw new InvalidDataException($"{name}, row {times.Count}: '{line}' has no number after the comma.");
            values.Add(value);
        }

        if (!windows.TryGetValue(name, out string[][]? labelled))
            throw new InvalidDataException($"{name}: not in {LabelsPath}.");

        // A window's ends are timestamps; the first row that carries one is meant, as some recordings repeat them.
        return new NabRecording(name, [.. times], [.. values],
            [.. labelled.Select(w => (Row(times, w[0], name), Row(times, w[1], name)))]);
    }

    private static int Row(List<long> times, string timestamp, string name)
    {
        int row = times.IndexOf(Time(timestamp, name, -1));
        return row >= 0 ? row : throw new InvalidDataException($"{name}: the window bound {timestamp} is no row of the recording.");
    }

    private static long Time(ReadOnlySpan<char> text, string name, int row) =>
        DateTime.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out DateTime time)
            ? (time - DateTime.UnixEpoch).Ticks * 100
            : throw new InvalidDataException($"{name}, row {row + 1}: '{text}' is no timestamp.");
}
