namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>Recognises a port that is not the one meant by the first bytes after CONNECT, or their absence.</summary>
internal static class WrongPort
{
    /// <summary>Without an answer to CONNECT for so long the operator is told; the attempt goes on.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(5);

    /// <returns>The hint, or null where the bytes may be those of a broker.</returns>
    public static string? Of(ReadOnlySpan<byte> answer, BrokerLinkOptions options) =>
        answer.StartsWith<byte>([0x15, 0x03]) ? "the port answers with a TLS alert" + TakesTls(options)
        : answer.StartsWith("HTTP/"u8) ? $"this is a web port; for MQTT over WebSocket write {options.At(options.Address with { Path = "/mqtt" }).Address}"
        : null;

    /// <summary>The hint where a plain connection over TCP was closed or got no answer; else nothing.</summary>
    public static string TakesTls(BrokerLinkOptions options) =>
        options is { Tls: null, WebSocket: null } ? "; does this port speak TLS? add --tls (Tls:Enabled), or write mqtts://" : "";
}
