using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Net.Sockets;
using StreamRnn.Worker.Configuration;

namespace StreamRnn.Worker.Commands;

/// <summary>A verb cannot continue, for a reason that its user can remove.</summary>
/// <param name="message">One line: what was found, what was expected and the remedy.</param>
internal sealed class CommandFailedException(string message) : Exception(message);
