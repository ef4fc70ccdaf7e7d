using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Text;
using StreamRnn.Cells;
using StreamRnn.Ingest.Mqtt;
using StreamRnn.Worker.Engine;

namespace StreamRnn.Worker.Configuration;

/// <summary>The broker that ticks come from and forecasts go to.</summary>
public sealed record MqttOptions : IValidatableObject
{
    private static readonly IReadOnlyList<SubscriptionOptions> Everything = [new() { Filter = "#" }];

    /// <summary>Name or address; null where no broker is used.</summary>
    public string? Host { get; init; }

    /// <summary>TCP port; null is the usual one, 1883, or 8883 with <see cref="Tls"/>.</summary>
    [Range(1, 65535)]
    public int? Port { get; init; }

    /// <summary>
    /// The session the broker keeps while the worker is away. Two workers with one id take the connection from each other for ever; a new
    /// id loses what waited for the old one.
    /// </summary>
    [Required, StringLength(128)]
    public string ClientId { get; init; } = $"streamrnn-{Environment.MachineName}";

    /// <summary>User name at the broker. Without it the worker connects anonymously.</summary>
    public string? Username { get; init; }

    /// <summary>File that holds the password and nothing else; a final line break is not part of it. Read at start.</summary>
    public string? PasswordFile { get; init; }

    /// <summary>
    /// Protocol version. <c>V311</c> is for older brokers: their own limit of messages in flight applies (mosquitto: 20), and a refused
    /// output cannot be told from an accepted one.
    /// </summary>
    public MqttVersion Version { get; init; } = MqttVersion.V5;

    public TlsOptions Tls { get; init; } = new();

    /// <summary>
    /// Longest silence before the worker pings. The broker ends a connection that is silent for one and a half of these; shorter notices a
    /// dead one sooner.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "18:00:00")]
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Time the broker keeps the session of an absent worker. Shorter loses more after a long outage.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "365.00:00:00")]
    public TimeSpan SessionExpiry { get; init; } = TimeSpan.FromDays(1);

    /// <summary>
    /// Messages taken and not yet acknowledged (MQTT 5). With fewer than the shards can work on, throughput falls: the broker waits for
    /// each.
    /// </summary>
    [Range(1, 65535)]
    public int ReceiveMaximum { get; init; } = 65535;

    /// <summary>
    /// Outputs kept until the broker confirms them. More rides out longer outages; when full, publishing waits, and intake with it.
    /// </summary>
    [Range(64, 65533)]
    public int PublishBufferMessages { get; init; } = 16_384;

    /// <summary>Bytes of these outputs; allocated at start.</summary>
    [Range(64 << 10, 1 << 30)]
    public int PublishBufferBytes { get; init; } = 8 << 20;

    /// <summary>
    /// Topic filters to take ticks from; <c>#</c> at QoS 1 where none is named. The worker's own outputs and $SYS are never taken in.
    /// </summary>
    public IReadOnlyList<SubscriptionOptions> Subscriptions { get; init; } = [];

    /// <summary>The port that <see cref="Port"/> means.</summary>
    public int EffectivePort => Port ?? (Tls.Enabled ? 8883 : 1883);

    /// <summary>Whether the password leaves this machine without encryption.</summary>
    public bool ExposesPassword => Host is not null && PasswordFile is not null && !Tls.Enabled && !IsLoopback(Host);

    /// <summary>The subscriptions, or <c>#</c> at QoS 1 where none is named.</summary>
    public IReadOnlyList<SubscriptionOptions> EffectiveSubscriptions => Subscriptions.Count > 0 ? Subscriptions : Everything;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Host is not null && (Host.Length == 0 || Host.AsSpan().ContainsAny(" /:")) && !IPAddress.TryParse(Host, out _))
            yield return new($"'{Host}' is no host; write a name or an address alone, the port belongs to Mqtt:Port", [nameof(Host)]);
        if (PasswordFile is not null && Username is null)
            yield return new("is set without Username; MQTT sends a password with a user name only", [nameof(PasswordFile)]);
        if (PasswordFile is not null && !File.Exists(PasswordFile))
            yield return new($"{Path.GetFullPath(PasswordFile)} does not exist", [nameof(PasswordFile)]);

        for (int i = 0; i < Subscriptions.Count; i++)
        {
            for (int j = 0; j < i; j++)
            {
                if (TopicFilters.Overlap(Subscriptions[i].Topics, Subscriptions[j].Topics))
                {
                    yield return new($"'{Subscriptions[j].Filter}' and '{Subscriptions[i].Filter}' select the same topics; a broker may "
                        + "deliver such a message twice and it would be stepped twice: keep the wider one", [nameof(Subscriptions)]);
                }
            }
        }
    }

    private static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host, out IPAddress? address) && IPAddress.IsLoopback(address));
}

/// <summary>Encryption of the connection to the broker.</summary>
public sealed record TlsOptions : IValidatableObject
{
    /// <summary>
    /// Encrypts the connection; the usual port is then 8883. Without it names, passwords and values can be read on the way.
    /// </summary>
    public bool Enabled { get; init; }

    /// <summary>PEM file of the authorities to trust in place of the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary>PEM file of the worker's certificate, for brokers that ask for one; needs <see cref="KeyFile"/>.</summary>
    public string? CertificateFile { get; init; }

    /// <summary>PEM file of that certificate's private key.</summary>
    public string? KeyFile { get; init; }

    /// <summary>Accepts any certificate: whoever sits between worker and broker can read and forge everything.</summary>
    public bool AllowUntrusted { get; init; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach ((string name, string? file) in new[] { (nameof(CaFile), CaFile), (nameof(CertificateFile), CertificateFile), (nameof(KeyFile), KeyFile) })
        {
            if (file is not null && !File.Exists(file))
                yield return new($"{Path.GetFullPath(file)} does not exist", [name]);
        }
        if (!Enabled && (CaFile is not null || CertificateFile is not null || KeyFile is not null || AllowUntrusted))
            yield return new("has settings and is not Enabled; the connection would be plain: set Enabled, or remove them");
        if ((CertificateFile is null) != (KeyFile is null))
            yield return new("CertificateFile and KeyFile belong together; set both or neither");
    }
}

/// <summary>One subscription, with the rule and the model of its streams.</summary>
public sealed record SubscriptionOptions : RuleOptions
{
    /// <summary>
    /// Topic filter: <c>plant/+/pressure</c>, <c>tele/#</c>, <c>$share/GROUP/tele/#</c>. Two that overlap are refused: a broker may deliver
    /// a message once for each.
    /// </summary>
    [Required]
    public string Filter { get; init; } = "";

    /// <summary>The topics it selects: <see cref="Filter"/> without <c>$share/GROUP/</c>, by which workers share a subscription.</summary>
    internal string Topics => Filter.StartsWith("$share/", StringComparison.Ordinal) && Filter.Split('/', 3) is [_, _, string topics] ? topics : Filter;

    /// <summary>
    /// At 1 and 2 the broker keeps what the worker has not acknowledged; 2 also delivers once, for two packets more. At 0 what is lost on
    /// the way is lost.
    /// </summary>
    [Range(0, 2)]
    public int Qos { get; init; } = 1;

    /// <summary>Model file of the streams of this filter; without it the worker's.</summary>
    public string? Model { get; init; }

    public override IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (ValidationResult result in base.Validate(validationContext))
            yield return result;
        if (Filter.Length > 0 && !MqttTopic.IsFilter(Encoding.UTF8.GetBytes(Filter)))
            yield return new($"'{Filter}' is no topic filter; '+' fills a whole level and '#' is the last one", [nameof(Filter)]);
        if (Model is not null && !File.Exists(ShippedModel.Resolve(Model)))
            yield return new(ModelFile.Missing(Path.GetFullPath(Model)), [nameof(Model)]);
    }
}
