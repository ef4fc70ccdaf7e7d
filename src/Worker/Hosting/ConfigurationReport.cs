using System.Globalization;
using System.Net;
using System.Text.Json.Serialization;
using StreamRnn.Detection;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Worker.Configuration;

namespace StreamRnn.Worker.Hosting;

/// <summary>Explanation of a configuration: connections, subscriptions, outputs, memory, and the limits of its guarantees.</summary>
internal sealed record ConfigurationReport
{
    public required string Connection { get; init; }

    public required IReadOnlyList<string> Subscriptions { get; init; }

    public required IReadOnlyList<string> Outputs { get; init; }

    public required IReadOnlyList<string> Models { get; init; }

    public required IReadOnlyList<string> Rules { get; init; }

    public required int Shards { get; init; }

    public required MemoryBound Memory { get; init; }

    /// <summary>Most memory that streams, queues and connections can take, in bytes.</summary>
    public long MemoryBoundBytes => Memory.Total;

    public required string Probes { get; init; }

    public required string Dashboard { get; init; }

    /// <summary>Notes on guarantees that this configuration does not give.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    [JsonIgnore]
    public IEnumerable<(string Heading, IReadOnlyList<string> Lines)> Sections =>
    [
        ("connection", [Connection]),
        ("takes in", Subscriptions),
        ("publishes", Outputs),
        ("models", Models),
        ("rules", Rules),
        ("memory", [string.Create(CultureInfo.InvariantCulture,
            $"at most {Memory.Total / 1e6:N0} MB: {Memory.Streams / 1e6:N0} for streams, {Memory.Queues / 1e6:N0} for queues of {Shards} shard{(Shards == 1 ? "" : "s")}, {Memory.Connections / 1e6:N0} for connections, {Memory.Sessions / 1e6:N0} for sessions{(Memory.Durability == 0 ? "" : $", {Memory.Durability / 1e6:N0} for log and snapshots")}")]),
        ("probes", [Probes]),
        ("dashboard", [Dashboard]),
        ("notes", Notes),
    ];

    public static ConfigurationReport Of(StreamRnnOptions options, ModelCatalog models)
    {
        MqttOptions mqtt = options.Mqtt;
        PublishOptions publish = options.Publish;
        return new()
        {
            Connection = options.Broker.Enabled
                ? $"listens as a broker on {options.Broker.Address}:{(options.Broker.Port == 0 ? "(any free port)" : options.Broker.Port)}"
                    + (options.Broker.Username is null ? ", anybody may connect" : $", user {options.Broker.Username} may connect")
                : $"connects to {mqtt.Address} by MQTT {(mqtt.Version == MqttVersion.V5 ? "5" : "3.1.1")}{Encryption(mqtt)}{(mqtt.Proxy is null ? "" : $" through {mqtt.Proxy}")} as {mqtt.ClientId}"
                    + (mqtt.Username is null ? "" : $", user {mqtt.Username}"),
            Subscriptions = [.. mqtt.EffectiveSubscriptions.Select(s => options.Broker.Enabled ? $"'{s.Filter}'" : $"'{s.Filter}' at QoS {s.Qos}")],
            Outputs = [.. Topics(publish)],
            Models = [.. models.ByPattern.Select(entry => Describe($"'{entry.Pattern}'", entry.Model)), Describe("every stream", models.Standard)],
            Rules = [.. options.TickRules.Select(entry => $"'{entry.Pattern}': {entry.Rule}"), $"every stream: {TickRule.Default}"],
            Shards = options.EffectiveShards,
            Memory = MemoryBound.Of(options, models),
            Probes = options.Probes.Port == 0
                ? "none; set Probes:Port or --probes to have them"
                : $"http://{options.Probes.Address}:{options.Probes.Port}/healthz/live, /healthz/ready, /healthz/startup",
            Dashboard = options.Dashboard.Port is not int port
                ? "none; set Dashboard:Port or --dashboard to have it"
                : $"http://{options.Dashboard.Address}:{(port == 0 ? "(any free port)" : port)}/, which answers probes too",
            Notes = [.. NotesOf(options), .. Idle(options, models)],
        };
    }

    private static string Describe(string streams, Forecaster model) =>
        $"{streams}: {model.Name}, {model.RowFloats * sizeof(float):N0} bytes of state each";

    private static IEnumerable<string> Topics(PublishOptions publish)
    {
        if (publish.Forecasts)
            yield return $"{publish.Prefix}/STREAM/forecast at QoS {publish.Qos}{(publish.Retain ? ", retained" : "")}";
        if (publish.Anomalies)
            yield return $"{publish.Prefix}/STREAM/anomaly at QoS 1";
        if (publish.Status)
            yield return $"{publish.Prefix}/status, retained, online or offline";
        if (publish.Faults)
            yield return $"{publish.Prefix}/fault, refused input with its reason";
        if (publish is { Forecasts: false, Anomalies: false })
            yield return "no forecasts and no anomalies: nobody will hear what is found";
    }

    private static string Encryption(MqttOptions mqtt) =>
        mqtt.Address is not { IsEncrypted: true } ? ""
        : $" over TLS, trusting {(mqtt.Tls.AllowUntrusted ? "any certificate" : mqtt.Tls.CaFile ?? "the system's authorities")}"
            + (mqtt.Tls.CertificateFile is null ? "" : $", with the certificate {mqtt.Tls.CertificateFile},");

    private static IEnumerable<string> Idle(StreamRnnOptions options, ModelCatalog models)
    {
        long idle = options.Limits.Streams - options.EffectiveStreamsInMemory;
        if (idle > 0)
        {
            long row = models.Kinds(options.TickRules).Max(kind => kind.RowFloats * sizeof(float));
            yield return string.Create(CultureInfo.InvariantCulture,
                $"the states of {options.EffectiveStreamsInMemory:N0} streams are in memory, up to {idle:N0} in files of {options.DataDir}, which take up to {idle * row / 1e6:N0} MB there, beside the snapshots");
        }
    }

    private static IEnumerable<string> NotesOf(StreamRnnOptions options)
    {
        yield return options.DataDir is null
            ? "states live in memory: a restart begins every stream anew; name a DataDir (--data-dir) to keep them"
            : $"states outlive the process in {options.DataDir}, committed every {options.Durability.CommitInterval.TotalMilliseconds:0} ms at most";

        if (options.TickRules.Any(entry => entry.Rule.Late != LateTicks.Accept) && options.Limits.FarFuture > TimeSpan.Zero)
        {
            yield return $"a tick up to {options.Limits.FarFuture.ToString("c", CultureInfo.InvariantCulture)} ahead of its arrival is taken in and makes those behind it late: "
                + "let Limits:FarFuture be what the devices' clocks are worth";
        }
        if (options.DataDir is null && options.TickRules.Any(entry => entry.Rule.Once != TickOnce.None))
            yield return "without a DataDir, Once holds within one life of the process: what came before a restart is not known after it";
        if (options.Record is not null)
            yield return $"every tick is kept in {options.Record}, which grows for ever: about 30 bytes a tick";
        if (options.Mqtt.ExposesPassword)
            yield return $"the password travels to {options.Mqtt.Address} in the clear: anybody on the way can read it; set Mqtt:Tls:Enabled, or write mqtts:// or wss://";
        if (!options.Broker.Enabled && options.Mqtt.Tls.AllowUntrusted)
            yield return "AllowUntrusted takes any certificate: whoever sits between worker and broker can read and forge everything; name the authority in Mqtt:Tls:CaFile";

        bool takesQos0 = options.Broker.Enabled || options.Mqtt.EffectiveSubscriptions.Any(s => s.Qos == 0);
        if (takesQos0)
            yield return "ticks at QoS 0 have no guarantee: what is lost on the way, or arrives while a shard is full, is lost";
        if (options.Publish is { Forecasts: true, Qos: 0 })
            yield return "forecasts at QoS 0 are lost with the connection";
        if (options.Publish.WhenFull == WhenFull.DropForecasts)
            yield return "WhenFull is DropForecasts: outputs are not exact, what cannot be published is dropped and counted";
        if (options.Mqtt.EffectiveSubscriptions.Any(s => TopicFilters.Overlap(s.Topics, options.Publish.Prefix + "/#")))
            yield return $"the subscription covers {options.Publish.Prefix}/#: those messages are received and refused as own_output, never stepped";
        if (options.Broker is { Enabled: true, AllowAnonymous: true })
            yield return $"the embedded broker is open to everybody who reaches {options.Broker.Address}";
        if (options.Broker is { Enabled: true, Username: not null } && !IPAddress.IsLoopback(IPAddress.Parse(options.Broker.Address)))
            yield return "the embedded broker has no encryption: its clients' passwords travel in the clear";
        if (options.Dashboard.Port is not null && !IPAddress.IsLoopback(IPAddress.Parse(options.Dashboard.Address)))
            yield return $"the dashboard shows every stream to everybody who reaches {options.Dashboard.Address}";
        if (!options.Broker.Enabled)
            yield return $"the session is kept under the name {options.Mqtt.ClientId}: a second worker with it would take the connection away";
    }
}
