using System.CommandLine;
using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;
using StreamRnn.Engine;
using StreamRnn.Engine.Recovery;
using StreamRnn.Engine.Storage;
using StreamRnn.Engine.Streams;
using StreamRnn.Lab.Cli;
using StreamRnn.Worker.Hosting;

namespace StreamRnn.Worker.Verbs;

/// <summary><c>streamrnn state reset</c>: streams begin anew, in a running worker or in the directory of a stopped one.</summary>
internal static class StateResetCommand
{
    public static Command Create()
    {
        Argument<string> pattern = new("STREAM") { Description = "A stream, or a pattern as in 'plant/#'." };
        pattern.Validators.Add(result =>
        {
            if (StreamPattern.FaultOf(result.GetValueOrDefault<string>()) is string fault)
                result.AddError(fault + ".");
        });
        Option<string> folder = new("--data-dir") { Description = "The data directory of the worker, which may run.", Required = true, HelpName = "DIR" };
        Option<bool> json = new("--json") { Description = "Answer with {\"streams\":COUNT}." };
        Command reset = new("reset", "Let streams begin anew, through the log: states as of streams never seen, while n goes on.") { pattern, folder, json };
        reset.SetAction(parsed => Reset(parsed.GetRequiredValue(pattern), parsed.GetRequiredValue(folder), parsed.GetValue(json)));
        return reset;
    }

    private static int Reset(string pattern, string folder, bool json)
    {
        if (!File.Exists(Path.Combine(folder, "lock")))
            throw new CommandFailedException($"{folder} is no data directory; name the one that a worker was given with --data-dir");
        int streams = ControlSocket.AskReset(folder, pattern) ?? ResetStopped(pattern, folder);
        if (streams == 0)
            throw new CommandFailedException($"no stream of {folder} is called or matches '{pattern}', nothing was reset");
        Console.WriteLine(json
            ? JsonSerializer.Serialize(new { streams })
            : string.Create(CultureInfo.InvariantCulture, $"{streams} {(streams == 1 ? "stream begins" : "streams begin")} anew"));
        return CommandLine.Success;
    }

    private static int ResetStopped(string pattern, string folder)
    {
        DataFolder files;
        try
        {
            files = new DataFolder(folder);
        }
        catch (CommandFailedException e)
        {
            throw new CommandFailedException($"a worker has {folder} and does not listen there: it is starting or ending, ask again in a moment ({e.Message})");
        }
        using (files)
            return StreamResets.Append(files, new StreamPattern(pattern));
    }
}
