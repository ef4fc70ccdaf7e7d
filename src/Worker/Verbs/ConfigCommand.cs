using System.CommandLine;
using System.Text.Json;
using StreamRnn.Engine;
using StreamRnn.Lab.Cli;
using StreamRnn.Worker.Configuration;
using StreamRnn.Worker.Hosting;

namespace StreamRnn.Worker.Verbs;

/// <summary><c>config check</c>: validates the configuration and describes what <c>run</c> would do with it.</summary>
internal static class ConfigCommand
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Command Create()
    {
        Command check = new("check", "Validate the configuration and say what the worker would connect to, take in, publish and need.");
        RunArguments arguments = new(check);
        Option<bool> json = new("--json") { Description = "Answer in JSON." };
        check.Add(json);
        check.SetAction(parsed => Check(() => arguments.Load(parsed), parsed.GetValue(json)));
        Command page = new("page", "Print docs/configuration.md; needs the documentation files of a build.") { Hidden = true };
        page.SetAction(_ => Console.Out.Write(ConfigurationPage.Render()));
        return new Command("config", "Look at the configuration without running.") { check, page };
    }

    private static int Check(Func<StreamRnnOptions> load, bool json)
    {
        try
        {
            StreamRnnOptions options = load();
            ConfigurationReport report = ConfigurationReport.Of(options, options.LoadModels());
            if (json)
                Console.WriteLine(JsonSerializer.Serialize(new { Valid = true, Report = report }, Json));
            else
                Print(report);
            return CommandLine.Success;
        }
        catch (ConfigurationException e) when (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { Valid = false, e.Problems }, Json));
            return CommandLine.Failure;
        }
    }

    private static void Print(ConfigurationReport report)
    {
        Console.WriteLine("The configuration is valid. A worker with it:");
        foreach ((string heading, IReadOnlyList<string> lines) in report.Sections)
        {
            for (int i = 0; i < lines.Count; i++)
                Console.WriteLine($"  {(i == 0 ? heading : ""),-12}{lines[i]}");
        }
    }
}
