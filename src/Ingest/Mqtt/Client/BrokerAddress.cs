using System.Buffers;
using System.Net;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>
/// A broker's address as a user writes it: a bare host, or a URL.
/// <code>
///   broker.lan, 192.0.2.7, ::1                 TCP, port 1883, or 8883 where TLS is asked for beside it
///   mqtt://HOST[:1883]   mqtts://HOST[:8883]   TCP, plain and TLS
///   ws://HOST[:80][/mqtt][?query]   wss://HOST[:443][/mqtt][?query]   WebSocket, plain and TLS
/// </code>
/// </summary>
public sealed record BrokerAddress
{
    private static readonly SearchValues<char> NoHost = SearchValues.Create(" \t/:@?#");

    /// <summary>Name or address, an IPv6 address without brackets.</summary>
    public required string Host { get; init; }

    public required int Port { get; init; }

    public bool IsEncrypted { get; init; }

    /// <summary>Path and query of a WebSocket; null for TCP.</summary>
    public string? Path { get; init; }

    /// <summary>True if the address is one of this machine.</summary>
    public bool IsLoopback => Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(Host, out IPAddress? address) && IPAddress.IsLoopback(address));

    /// <param name="port">The port where one is named beside the host.</param>
    /// <param name="tls">Whether TLS is asked for beside the host.</param>
    /// <exception cref="FormatException">It is no address; the message says what to write instead.</exception>
    public static BrokerAddress Parse(string text, int? port = null, bool tls = false)
    {
        int colon = text.IndexOf("://", StringComparison.Ordinal);
        if (colon < 0)
            return Bare(text, port, tls);
        string scheme = text[..colon].ToLowerInvariant();
        string rest = text[colon..];
        if (scheme is not ("mqtt" or "mqtts" or "ws" or "wss"))
            throw new FormatException($"'{scheme}:' is no way to a broker; " + scheme switch
            {
                "tcp" => $"write mqtt{rest}",
                "ssl" or "tls" => $"write mqtts{rest}",
                "http" => $"write ws{rest}",
                "https" => $"write wss{rest}",
                _ => "write a host alone, or mqtt://, mqtts://, ws:// or wss:// before it",
            });
        // A scheme without a usual port tells a port that is written from one that is not.
        if (!Uri.TryCreate("mqtt" + rest, UriKind.Absolute, out Uri? url) || url.Host.Length == 0 || url.Port == 0 || text.AsSpan().ContainsAny(" \t"))
            throw new FormatException($"'{text}' is no URL of a broker; write {scheme}://HOST:PORT{(scheme[0] == 'w' ? "/mqtt" : "")}");
        if (url.UserInfo.Length > 0)
            throw new FormatException("the URL has a user or a password in it, which logs and process lists would show; name them in Username and PasswordFile (--username, --password-file)");
        if (url.Fragment.Length > 0)
            throw new FormatException($"the URL ends with '{url.Fragment}', which a broker never sees; leave it out");
        bool isWebSocket = scheme[0] == 'w';
        if (!isWebSocket && url.PathAndQuery is not ("" or "/"))
            throw new FormatException($"{scheme}: has no path, and the URL has '{url.PathAndQuery}'; leave it out, or write {(scheme == "mqtt" ? "ws" : "wss")}:// for MQTT over WebSocket");
        if (tls && scheme is ("mqtt" or "ws"))
            throw new FormatException($"{scheme}: is a plain connection, and TLS is asked for by Tls:Enabled or --tls; write {(isWebSocket ? "wss" : "mqtts")}{rest}, or leave TLS out");
        if (port is not null && url.Port > 0 && url.Port != port)
            throw new FormatException($"the URL names the port {url.Port}, and Port or --port names {port}; leave one out");

        bool isEncrypted = scheme is "mqtts" or "wss";
        return new BrokerAddress
        {
            Host = url.DnsSafeHost,
            Port = url.Port > 0 ? url.Port : port ?? (isWebSocket ? (isEncrypted ? 443 : 80) : UsualPort(isEncrypted)),
            IsEncrypted = isEncrypted,
            Path = !isWebSocket ? null : url.AbsolutePath is "" or "/" ? "/mqtt" + url.Query : url.PathAndQuery,
        };
    }

    /// <summary>The URL with its query.</summary>
    public string Url
    {
        get
        {
            string host = Host.Contains(':') ? $"[{Host}]" : Host;
            string scheme = Path is null ? "mqtt" : "ws";
            return $"{scheme}{(IsEncrypted ? "s" : "")}://{host}:{Port}{Path}";
        }
    }

    /// <summary>The URL without its query, which may hold a token.</summary>
    public override string ToString() => Url.Split('?')[0];

    private static BrokerAddress Bare(string text, int? port, bool tls)
    {
        if (text.Length == 0 || (text.AsSpan().ContainsAny(NoHost) && !IPAddress.TryParse(text, out _)))
        {
            throw new FormatException(text.LastIndexOf(':') is > 0 and int colon && int.TryParse(text.AsSpan(colon + 1), out int written)
                ? $"'{text}' is no host; the port belongs to Port or --port, or write mqtt://{text[..colon]}:{written}"
                : $"'{text}' is no host; write a name or an address alone, or a URL: mqtt://, mqtts://, ws:// or wss://");
        }
        return new BrokerAddress { Host = text.Trim('[', ']'), Port = port ?? UsualPort(tls), IsEncrypted = tls };
    }

    private static int UsualPort(bool isEncrypted) => isEncrypted ? 8883 : 1883;
}
