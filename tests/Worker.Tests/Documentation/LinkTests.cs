using System.Text.RegularExpressions;

using StreamRnn.Worker.Tests.Architecture;

namespace StreamRnn.Worker.Tests.Documentation;

/// <summary>Links of the pages, followed as GitHub follows them.</summary>
public sealed partial class LinkTests
{
    [Fact]
    public void Every_relative_link_leads_to_a_file_a_folder_or_a_heading_that_exists()
    {
        List<string> broken = [];
        int followed = 0;
        foreach (string page in Pages())
        {
            foreach (string target in Targets(File.ReadAllText(page)))
            {
                followed++;
                if (!Exists(page, target))
                    broken.Add($"{Path.GetRelativePath(Repository.Root, page)}: {target}");
            }
        }

        Assert.Empty(broken);
        Assert.True(followed > 20, $"only {followed} links were found");
    }

    [Theory]
    [InlineData("## The walk of a tick", "the-walk-of-a-tick")]
    [InlineData("# 1. MQTTnet: connections, codec", "1-mqttnet-connections-codec")]
    [InlineData("### `Data-dir` and [the log](a.md)", "data-dir-and-the-log")]
    [InlineData("## Same_bits & more", "same_bits--more")]
    public void A_heading_has_the_anchor_that_GitHub_gives_it(string heading, string anchor) => Assert.Equal([anchor], Anchors(heading));

    [Fact]
    public void A_heading_that_comes_again_has_a_numbered_anchor_and_code_has_none() =>
        Assert.Equal(["a", "a-1"], Anchors("# A\n```sh\n# B\n```\n## A\n"));

    [Theory]
    [InlineData("README.md", "no-such-file.md")]
    [InlineData("README.md", "docs/architecture.md#no-such-heading")]
    [InlineData("README.md", "#no-such-heading")]
    public void A_link_that_leads_nowhere_is_found(string page, string target) => Assert.False(Exists(Path.Combine(Repository.Root, page), target));

    private static IEnumerable<string> Pages() =>
        new[] { "README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md" }.Select(name => Path.Combine(Repository.Root, name))
            .Concat(Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories));

    private static IEnumerable<string> Targets(string text) =>
        from Match link in Link().Matches(WithoutCode(text))
        let target = link.Groups[1].Value
        where !target.Contains("://", StringComparison.Ordinal) && !target.StartsWith("mailto:", StringComparison.Ordinal)
        select target;

    private static bool Exists(string page, string target)
    {
        string[] parts = target.Split('#', 2);
        string file = parts[0].Length == 0 ? page : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page)!, parts[0]));
        if (parts.Length == 1 || !file.EndsWith(".md", StringComparison.Ordinal))
            return File.Exists(file) || Directory.Exists(file);
        return File.Exists(file) && Anchors(File.ReadAllText(file)).Contains(parts[1]);
    }

    private static List<string> Anchors(string text)
    {
        List<string> anchors = [];
        Dictionary<string, int> seen = [];
        foreach (Match heading in Heading().Matches(WithoutFences(text)))
        {
            string title = Link().Replace(heading.Groups[1].Value, link => link.Value[1..link.Value.IndexOf(']', StringComparison.Ordinal)]);
            // Lower case is what the anchor is made of, not a way to compare.
#pragma warning disable CA1308
            string slug = NotInAnchor().Replace(title.Trim().ToLowerInvariant(), "").Replace(' ', '-');
#pragma warning restore CA1308
            int before = seen.GetValueOrDefault(slug);
            seen[slug] = before + 1;
            anchors.Add(before == 0 ? slug : $"{slug}-{before}");
        }

        return anchors;
    }

    private static string WithoutFences(string text) => Fence().Replace(text.ReplaceLineEndings("\n"), "");

    private static string WithoutCode(string text) => CodeSpan().Replace(WithoutFences(text), "code");

    [GeneratedRegex(@"^```.*?^```[ ]*$", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Fence();

    [GeneratedRegex("`[^`\n]+`")]
    private static partial Regex CodeSpan();

    [GeneratedRegex(@"\[[^\]]*\]\(([^)\s]+)[^)]*\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^#{1,6} +(.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\p{L}\p{N}_\- ]")]
    private static partial Regex NotInAnchor();
}
