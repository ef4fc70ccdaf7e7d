using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using StreamRnn.Worker.Tests.Architecture;

namespace StreamRnn.Worker.Tests.Documentation;

/// <summary>Commands of the README, run as a reader would paste them, and what they print.</summary>
[Trait("speed", "slow")]
public sealed partial class ReadmeCommandTests : IDisposable
{
    private readonly DirectoryInfo _artifacts = Directory.CreateTempSubdirectory("streamrnn-readme");

    public static TheoryData<int> Blocks => [.. Enumerable.Range(0, Pairs().Length)];

    public void Dispose() => _artifacts.Delete(recursive: true);

    [Theory]
    [MemberData(nameof(Blocks))]
    public async Task Commands_print_what_the_block_behind_them_shows(int block)
    {
        (string commands, string expected) = Pairs()[block];

        string output = await RunAsync(commands);

        Assert.Matches(Pattern(expected.Split('\n', StringSplitOptions.RemoveEmptyEntries)), output.ReplaceLineEndings("\n"));
    }

    [Theory]
    [InlineData("a … c", "a b c\n", true)]
    [InlineData("a … c", "a b\nc\n", false)]
    [InlineData("a\n…\nd", "a\nb\nc\nd\n", true)]
    [InlineData("a\n…\nd", "a\nd\n", true)]
    [InlineData("a\nd", "a\nb\nd\n", false)]
    [InlineData("a.c", "abc\n", false)]
    public void An_ellipsis_stands_for_text_within_a_line_or_for_whole_lines(string expected, string output, bool matches) =>
        Assert.Equal(matches, Regex.IsMatch(output, Pattern(expected.Split('\n'))));

    private static (string Commands, string Output)[] Pairs() =>
        [.. from Match pair in Shown().Matches(File.ReadAllText(Path.Combine(Repository.Root, "README.md")).ReplaceLineEndings("\n"))
            select (pair.Groups[1].Value, pair.Groups[2].Value)];

    private static string Pattern(IEnumerable<string> lines)
    {
        StringBuilder pattern = new(@"\A");
        foreach (string line in lines)
            pattern.Append(line == "…" ? @"(?:[^\n]*\n)*?" : string.Join(@"[^\n]*?", line.Split('…').Select(Regex.Escape)) + @"\n");
        return pattern.Append(@"\z").ToString();
    }

    /// <summary>Runs the commands in one bash, whose current directory is the repository's root.</summary>
    /// <remarks>
    /// Three things differ from what a reader pastes. The program is the one that was built with the tests, so nothing is built again. The port is a free
    /// one. Files go to a temporary folder in place of artifacts.
    /// </remarks>
    private async Task<string> RunAsync(string commands)
    {
        string program = $"dotnet '{Executable.Path}' ";
        commands = Built().Replace(commands, program);
        commands = Publish().Replace(commands, ":");
        commands = commands.Replace("1883", $"{Ports.Free()}", StringComparison.Ordinal)
            .Replace("artifacts/", _artifacts.FullName + "/", StringComparison.Ordinal);
        // A worker in the background ends with the shell, also where a command before its end fails.
        string script = $"trap 'jobs -p | xargs -r kill' EXIT\ntrap 'exit 1' TERM\n{commands}\n";

        using Process shell = Process.Start(new ProcessStartInfo("bash", ["-c", script])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Repository.Root,
        })!;
        using CancellationTokenSource deadline = new(TimeSpan.FromSeconds(120));
        try
        {
            Task<string> error = shell.StandardError.ReadToEndAsync(deadline.Token);
            string output = await shell.StandardOutput.ReadToEndAsync(deadline.Token);
            await shell.WaitForExitAsync(deadline.Token);
            Assert.Equal("", await error);
            return output;
        }
        finally
        {
            if (!shell.HasExited)
                shell.Kill(entireProcessTree: true);
        }
    }

    [GeneratedRegex(@"^```sh\n([^`]*)^```\n\n```text\n([^`]*)^```$", RegexOptions.Multiline)]
    private static partial Regex Shown();

    [GeneratedRegex(@"^(?:dotnet run -c Release --project src/Worker -- |streamrnn )", RegexOptions.Multiline)]
    private static partial Regex Built();

    [GeneratedRegex("^dotnet publish .*$", RegexOptions.Multiline)]
    private static partial Regex Publish();
}
