using System.Text;
using System.Text.Json;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Trainer.Evaluation;

/// <summary>
/// When something really happened, by recording, in the form of the Numenta Anomaly Benchmark's combined_windows.json:
/// <code>{"realTraffic/speed_7578.csv": [["2015-09-11 14:34:00", "2015-09-11 18:34:00"], ...], ...}</code>
/// Times are ISO 8601 in text, UTC where they name no zone.
/// </summary>
public sealed class EventLabels
{
    private readonly Dictionary<string, (long First, long Last)[]> _byName = [];

    private EventLabels()
    {
    }

    /// <exception cref="InvalidDataException">The file is no such list; says where.</exception>
    public static EventLabels Load(string path)
    {
        Dictionary<string, string[][]> windows;
        try
        {
            windows = JsonSerializer.Deserialize<Dictionary<string, string[][]>>(File.ReadAllBytes(path))!;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: {e.Message} Expected {{\"recording.csv\": [[\"first time\", \"last time\"], ...]}}, as in NAB's combined_windows.json.");
        }
        EventLabels labels = new();
        foreach ((string name, string[][] events) in windows)
            labels._byName[NameOf(name)] = [.. events.Select(ends => Event(path, name, ends))];
        return labels;
    }

    /// <summary>The events of a recording: listed under its path as it was searched, or else under its file's name alone.</summary>
    /// <param name="relativePath">With '/' between its parts.</param>
    /// <returns>Null where it is not listed.</returns>
    public IReadOnlyList<(long First, long Last)>? Of(string relativePath)
    {
        string name = NameOf(relativePath);
        if (_byName.TryGetValue(name, out (long, long)[]? events))
            return events;
        string file = name[(name.LastIndexOf('/') + 1)..];
        string[] same = [.. _byName.Keys.Where(key => key[(key.LastIndexOf('/') + 1)..] == file)];
        return same.Length == 1 ? _byName[same[0]] : null;
    }

    private static string NameOf(string path) =>
        path.EndsWith(".csv.gz", StringComparison.OrdinalIgnoreCase) ? path[..^7] : path.EndsWith(".csv", StringComparison.OrdinalIgnoreCase) ? path[..^4] : path;

    private static (long First, long Last) Event(string path, string name, string[] ends) =>
        ends is [string first, string last] && TryParse(first, out long from) && TryParse(last, out long to) && from <= to
            ? (from, to)
            : throw new InvalidDataException($"{path}: {name} has the event [{string.Join(", ", ends)}]; expected the times of its first and its last row, in this order.");

    private static bool TryParse(string text, out long time) => EventTime.TryParseText(Encoding.UTF8.GetBytes(text), TimeZoneInfo.Utc, out time);
}
