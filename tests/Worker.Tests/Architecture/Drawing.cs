using System.Text.RegularExpressions;

namespace StreamRnn.Worker.Tests.Architecture;

/// <summary>The drawing in docs/architecture.md: the arrows between assemblies, and the floors of each.</summary>
internal sealed partial class Drawing
{
    public const string Root = "(root)";

    private readonly Dictionary<string, string[][]> _floors = [];

    private Drawing(string page)
    {
        foreach (Match block in Blocks().Matches(page))
        {
            string[] lines = block.Groups["lines"].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            if (block.Groups["kind"].Value == "arrows")
                Arrows = lines.Select(line => line.Split("->")).SelectMany(line => Names(line[1]).Select(to => (line[0].Trim(), to))).ToHashSet();
            else
                _floors.Add(block.Groups["of"].Value.Trim(), [.. lines.Select(Names)]);
        }
    }

    public IReadOnlySet<(string From, string To)> Arrows { get; } = new HashSet<(string, string)>();

    public IEnumerable<string> Assemblies => _floors.Keys;

    public static Drawing Read() => new(File.ReadAllText(Path.Combine(Repository.Root, "docs", "architecture.md")));

    /// <summary>Rooms, those of the top floor first.</summary>
    public IEnumerable<string> Rooms(string assembly) => _floors[assembly].SelectMany(floor => floor);

    /// <summary>Floor of a room, counted from the top; null for a room that is not drawn.</summary>
    public int? Floor(string assembly, string room) =>
        Array.FindIndex(_floors[assembly], floor => floor.Contains(room)) is int found and >= 0 ? found : null;

    private static string[] Names(string list) => list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    [GeneratedRegex(@"^```(?<kind>arrows|floors)(?<of>.*)\n(?<lines>[^`]*)```", RegexOptions.Multiline)]
    private static partial Regex Blocks();
}
