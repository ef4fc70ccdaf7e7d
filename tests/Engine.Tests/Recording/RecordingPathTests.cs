using System.Text;
using StreamRnn.Engine.Recording;

namespace StreamRnn.Engine.Tests.Recording;

public sealed class RecordingPathTests
{
    [Theory]
    [InlineData("plant/line_1/temp-2", "plant/line_1/temp-2")]
    [InlineData("plant/line 1/Temp", "plant/line%201/%54emp")]
    [InlineData("plant/pump:motor.rpm", "plant/pump%3Amotor.rpm")]
    [InlineData("é", "%C3%A9")]
    [InlineData("../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd")]
    [InlineData("/etc/passwd", "%/etc/passwd")]
    [InlineData("a//b", "a/%/b")]
    [InlineData("..", "%2E%2E")]
    [InlineData(@"c:\x", "c%3A%5Cx")]
    [InlineData("a.csv/b", "a%2Ecsv/b")]
    [InlineData("a~2", "a%7E2")]
    [InlineData("aux/com1.x/console", "%61ux/%63om1%2Ex/console")]
    [InlineData("100%", "100%25")]
    public void A_name_becomes_a_path_that_can_be_read_back(string name, string path)
    {
        Assert.Equal(path, RecordingPath.Of(Encoding.UTF8.GetBytes(name)));
        Assert.Equal(name, string.Join('/', path.Split('/').Select(level => level == "%" ? "" : Uri.UnescapeDataString(level))));
    }

    [Fact]
    public void No_name_leads_out_of_the_folder_or_shares_a_path_with_another()
    {
        const int Seed = 20261125;
        Random random = new(Seed);
        string folder = Path.GetFullPath("recordings");
        Dictionary<string, string> nameOfPath = new(StringComparer.OrdinalIgnoreCase);
        for (int i = 0; i < 20_000; i++)
        {
            string name = string.Concat(Enumerable.Range(0, random.Next(1, 7)).Select(_ => new[] { "..", "/", "A", "a", "%", "2", "E", ".", "\\", "~", "con", ".csv" }[random.Next(12)]));
            string path = RecordingPath.Of(Encoding.UTF8.GetBytes(name));
            string full = Path.GetFullPath(Path.Combine(folder, path + ".csv"));

            Assert.True(full == Path.Combine(folder, path + ".csv") && full.StartsWith(folder + Path.DirectorySeparatorChar, StringComparison.Ordinal), $"{name}: {full}, seed {Seed}");
            Assert.True(nameOfPath.TryAdd(path, name) || nameOfPath[path] == name, $"{name} and {nameOfPath[path]} are both {path}, seed {Seed}");
        }
    }

    [Theory]
    [InlineData("x", 1024)]      // one level beyond every file system's limit
    [InlineData("X/", 500)]      // many levels, three bytes each
    public void A_name_too_long_for_a_path_gets_a_short_one_of_its_own(string part, int times)
    {
        string name = string.Concat(Enumerable.Repeat(part, times));
        string path = RecordingPath.Of(Encoding.UTF8.GetBytes(name));

        Assert.True(RecordingPath.IsShortened(path));
        Assert.InRange(path.Length, 1, 80);
        Assert.NotEqual(path, RecordingPath.Of(Encoding.UTF8.GetBytes(name[1..])));
    }

    [Theory]
    [InlineData(1, 1, "")]
    [InlineData(2, 1, "~2")]
    [InlineData(3, 120, "~3@120")]
    [InlineData(1, 120, "~1@120")]
    public void Parts_are_told_apart_behind_the_name(int part, long first, string suffix)
    {
        Assert.Equal(suffix, RecordingPath.Suffix(part, first));
        Assert.Equal(suffix.Length > 0, RecordingPath.TrySplit("plant/a" + suffix, out string stream, out int readPart, out long readFirst));
        Assert.Equal(("plant/a", part, first), (stream, readPart, readFirst));
    }
}
