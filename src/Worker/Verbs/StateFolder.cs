using System.CommandLine;
using StreamRnn.Engine;
using StreamRnn.Engine.Recovery;
using StreamRnn.Engine.Serving;
using StreamRnn.Engine.Storage;
using StreamRnn.Lab.Cli;

namespace StreamRnn.Worker.Verbs;

/// <summary>The data directory of a stopped worker, as the verbs that only look at it open it.</summary>
internal sealed class StateFolder
{
    public StateFolder(Command command) => command.Add(Folder);

    public Option<string> Folder { get; } = new("--data-dir")
    {
        Description = "The data directory of a stopped worker, or a copy; nothing in it is changed.",
        Required = true,
        HelpName = "DIR",
    };

    /// <summary>Reads it.</summary>
    /// <param name="wanted">Names of the streams that are looked at; null for all.</param>
    /// <param name="history">Steps of each that are kept.</param>
    /// <exception cref="CommandFailedException">There is none, or it is in use, or a model is missing.</exception>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public StateReader Read(ParseResult parsed, Predicate<string>? wanted, int history = 1)
    {
        string folder = parsed.GetRequiredValue(Folder);
        using DataFolder files = Open(folder);
        return new StateReader(files, new KeptModels(files, present: null).Load, wanted, history);
    }

    private static DataFolder Open(string folder)
    {
        if (!File.Exists(Path.Combine(folder, "lock")))
            throw new CommandFailedException($"{folder} is no data directory; name the one that a worker was given with --data-dir");
        try
        {
            return new DataFolder(folder);
        }
        catch (CommandFailedException e)
        {
            throw new CommandFailedException($"{folder} cannot be read ({e.InnerException?.Message ?? "a worker has it, or its lock may not be opened"}); stop the worker first, or look at a copy");
        }
    }
}
