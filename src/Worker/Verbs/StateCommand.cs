using System.CommandLine;
using StreamRnn.Lab.Cli;

namespace StreamRnn.Worker.Verbs;

/// <summary><c>streamrnn state</c>: what a worker keeps in its data directory.</summary>
internal static class StateCommand
{
    public static Command Create() => new("state", "What a data directory holds of its streams.")
    {
        StateShowCommand.Create(),
        StateExportCommand.Create(),
        StateResetCommand.Create(),
    };
}
