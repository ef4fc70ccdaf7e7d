using System.CommandLine;

namespace StreamRnn.Worker.Commands;

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
