using StreamRnn.Worker.Configuration;

namespace StreamRnn.Worker.Tests.Configuration;

public class ConfigurationPageTests
{
    [Fact]
    public void The_page_says_what_the_option_records_say()
    {
        string file = Path.Combine(Root(), "docs", "configuration.md");

        Assert.True(File.ReadAllText(file) == ConfigurationPage.Render(),
            "docs/configuration.md differs from the option records: dotnet run -c Release --project src/Worker -- config page > docs/configuration.md");
    }

    [Fact]
    public void Every_setting_states_its_consequence()
    {
        string[] rows = [.. ConfigurationPage.Render().Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal))];

        Assert.True(rows.Length > 40);
        Assert.All(rows, row => Assert.False(row.EndsWith("|  |", StringComparison.Ordinal), row));
    }

    private static string Root()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "StreamRnn.sln")))
            directory = Path.GetDirectoryName(directory);
        return directory ?? throw new DirectoryNotFoundException("the tests run outside of the repository");
    }
}
