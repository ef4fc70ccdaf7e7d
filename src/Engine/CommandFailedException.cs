using System.Net.Sockets;

namespace StreamRnn.Engine;

/// <summary>A verb cannot continue, for a reason that its user can remove.</summary>
/// <param name="message">One line: what was found, what was expected and the remedy.</param>
public sealed class CommandFailedException(string message) : Exception(message);
