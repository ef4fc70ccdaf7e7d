using System.CommandLine;
using System.Globalization;
using System.Net;
using StreamRnn.Ingest.Mqtt.Client;

namespace StreamRnn.Lab.Cli;

/// <summary>Reads the broker that a command line names, by the rules of <see cref="BrokerAddress"/>.</summary>
public static class BrokerArgument
{
    /// <summary>HOST:PORT, a host alone, or a URL.</summary>
    /// <exception cref="FormatException">It is none of these; the message says what to write instead.</exception>
    public static BrokerAddress Parse(string text)
    {
        int colon = text.Contains("://", StringComparison.Ordinal) || IPAddress.TryParse(text, out _) ? -1 : text.LastIndexOf(':');
        return colon > 0 && ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) && port > 0
            ? BrokerAddress.Parse(text[..colon], port) : BrokerAddress.Parse(text);
    }

    /// <summary>Refuses a command line whose <c>--host</c> and <c>--port</c> name no broker.</summary>
    public static void Check(Command command, Option<string> host, Option<int?> port) => command.Validators.Add(result =>
    {
        try
        {
            if (result.GetValue(port) is < 1 or > 65535)
                result.AddError($"--port is {result.GetValue(port)}; it takes 1 to 65535.");
            else if (result.GetValue(host) is string text)   // defaults come later
                BrokerAddress.Parse(text, result.GetValue(port));
        }
        catch (FormatException e)
        {
            result.AddError($"--host: {e.Message}.");
        }
    });
}
