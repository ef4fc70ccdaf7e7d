using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Net.Sockets;
using StreamRnn.Engine;

namespace StreamRnn.Lab.Cli;

/// <summary>Contract with the shell: the exit code, and on failure one line on standard error that names the remedy.</summary>
public static class CommandLine
{
    public const int Success = 0;

    /// <summary>The verb was understood and could not do it.</summary>
    public const int Failure = 1;

    /// <summary>Unknown verb, unknown option, missing or unreadable value.</summary>
    public const int Usage = 2;

    public static async Task<int> RunAsync(RootCommand root, IReadOnlyList<string> args)
    {
        root.SetAction(parsed => new HelpAction().Invoke(parsed));
        ParseResult parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            string verb = VerbOf(parsed.CommandResult);
            await Console.Error.WriteLineAsync($"{verb}: {InWords(parsed.Errors[0].Message)} See '{verb} --help'.");
            return Usage;
        }

        // Asking for help silences the parser, but there is none for a verb that does not exist.
        if (parsed.UnmatchedTokens is [string unknown, ..])
        {
            await Console.Error.WriteLineAsync($"streamrnn: Unrecognized command or argument '{unknown}'. See 'streamrnn --help'.");
            return Usage;
        }

        try
        {
            // Verbs that have something to drain listen to signals themselves, see StopSignal.
            return await parsed.InvokeAsync(new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (OperationCanceledException)
        {
            return Failure;
        }
        catch (ConfigurationException e)
        {
            foreach (string problem in e.Problems)
                await Console.Error.WriteLineAsync($"streamrnn: {problem}");
            return Failure;
        }
        catch (Exception e) when (IsExpected(e))
        {
            await Console.Error.WriteLineAsync($"streamrnn: {e.Message.ReplaceLineEndings(" ")}");
            return Failure;
        }
    }

    private static string VerbOf(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{VerbOf(parent)} {command.Command.Name}" : "streamrnn";

    /// <summary>The parser names types as a programmer would.</summary>
    private static string InWords(string message)
    {
        int type = message.IndexOf(" as expected type ", StringComparison.Ordinal);
        return type < 0 ? message : message[..type] + (message.Contains("Int", StringComparison.Ordinal) ? ": it takes a whole number." : ": it takes a number.");
    }

    // What the world does to a correct program. Anything else is a bug and shows its stack.
    private static bool IsExpected(Exception e) =>
        e is CommandFailedException or IOException or UnauthorizedAccessException or InvalidDataException or SocketException;
}
