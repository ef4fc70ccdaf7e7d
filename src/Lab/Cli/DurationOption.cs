using System.CommandLine;
using System.CommandLine.Parsing;
using StreamRnn.Engine;

namespace StreamRnn.Lab.Cli;

/// <summary>Options whose value is a length of time.</summary>
public static class DurationOption
{
    public static Option<TimeSpan?> Of(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "15s|5m|1h",
        CustomParser = Parse,
    };

    private static TimeSpan? Parse(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (Duration.TryParse(text, out TimeSpan duration))
            return duration;
        result.AddError($"'{text}' is no length of time; write {Duration.Forms}.");
        return null;
    }
}
