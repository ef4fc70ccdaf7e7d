using System.ComponentModel.DataAnnotations;
using System.Text;
using StreamRnn.Cells.Files;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Worker.Configuration;

/// <summary>The broker that ticks come from and forecasts go to.</summary>
internal sealed record MqttOptions : IValidatableObject
{
    private static readonly IReadOnlyList<SubscriptionOptions> Everything = [new() { Filter = "#" }];

    /// <summary>
    /// Name or address of the broker, or its URL: <c>mqtt://HOST[:1883]</c>, <c>mqtts://HOST[:8883]</c>, <c>ws://HOST[:80][/mqtt]</c>,
    /// <c>wss://HOST[:443][/mqtt]</c>. <c>mqtts</c> and <c>wss</c> encrypt, as <c>Tls:Enabled</c> does. Null where no broker is used.
    /// </summary>
    public string? Host { get; init; }

    /// <summary>Port, where <see cref="Host"/> names none; without it the usual one of the URL, or 1883, or 8883 with <c>Tls:Enabled</c>.</summary>
    [Range(1, 65535)]
    public int? Port { get; init; }

    /// <summary>HTTP proxy, <c>http://HOST:PORT</c>, that is asked for a tunnel to the broker. Without it the worker connects directly.</summary>
    public string? Proxy { get; init; }

    /// <summary>
    /// The session the broker keeps while the worker is away. Two workers with one id take the connection from each other for ever; a new
    /// id loses what waited for the old one.
    /// </summary>
    [Required, StringLength(128)]
    public string ClientId { get; init; } = $"streamrnn-{Environment.MachineName}";

    /// <summary>User name at the broker. Without it the worker connects anonymously.</summary>
    public string? Username { get; init; }

    /// <summary>File that holds the password and nothing else; a final line break is not part of it. Read at every connect, so it can be rotated.</summary>
    public string? PasswordFile { get; init; }

    /// <summary>
    /// Protocol version. <c>V311</c> is for older brokers: their own limit of messages in flight applies (mosquitto: 20), and a refused
    /// output cannot be told from an accepted one.
    /// </summary>
    public MqttVersion Version { get; init; } = MqttVersion.V5;

    public TlsOptions Tls { get; init; } = new();

    public AuthOptions Auth { get; init; } = new();

    public WebSocketOptions WebSocket { get; init; } = new();

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

    /// <summary>The broker that <see cref="Host"/>, <see cref="Port"/> and <see cref="Tls"/> mean.</summary>
    /// <exception cref="FormatException">They mean none; the message says what to write instead.</exception>
    public BrokerAddress? Address => Host is null ? null : BrokerAddress.Parse(Host, Port, Tls.Enabled);

    /// <summary>True if the password leaves this machine without encryption.</summary>
    public bool ExposesPassword => PasswordFile is not null && Address is { IsEncrypted: false, IsLoopback: false };

    /// <summary>The subscriptions, or <c>#</c> at QoS 1 where none is named.</summary>
    public IReadOnlyList<SubscriptionOptions> EffectiveSubscriptions => Subscriptions.Count > 0 ? Subscriptions : Everything;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        BrokerAddress? address = null;
        string? problem = null;
        try
        {
            address = Address;
        }
        catch (FormatException e)
        {
            problem = e.Message;
        }
        if (problem is not null)
            yield return new(problem, [nameof(Host)]);
        if (problem is null && Tls.IsSetUp && !(address?.IsEncrypted ?? Tls.Enabled))
            yield return new("has settings and is not Enabled; the connection would be plain: set Enabled, or remove them", [nameof(Tls)]);
        if (Tls.Alpn.Count > 0 && address?.Path is not null)
            yield return new("is for mqtts:; a WebSocket has a protocol of its own there: remove it", [nameof(Tls), nameof(Tls.Alpn)]);
        if (WebSocket.Headers.Count > 0 && address is { Path: null })
            yield return new($"are for ws: and wss:, and Host is {address}; remove them, or write such a URL", [nameof(WebSocket), nameof(WebSocket.Headers)]);
        if (Proxy is not null && !(Uri.TryCreate(Proxy, UriKind.Absolute, out Uri? proxy) && proxy is { Scheme: "http", UserInfo: "", PathAndQuery: "/" }))
            yield return new("is no HTTP proxy; write http://HOST:PORT", [nameof(Proxy)]);
        if (Auth.Method is not null && Version == MqttVersion.V311)
            yield return new("needs MQTT 5; remove it, or set Version V5", [nameof(Auth)]);
        if (PasswordFile is not null && Username is null)
            yield return new("is set without Username; MQTT sends a password with a user name only", [nameof(PasswordFile)]);
        if (SecretFile.Problem(PasswordFile) is string missing)
            yield return new(missing, [nameof(PasswordFile)]);

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
}

/// <summary>Encryption of the connection to the broker.</summary>
internal sealed record TlsOptions : IValidatableObject
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

    /// <summary>Protocol names offered in the TLS handshake (ALPN), for brokers that share a port with a web server. Not over WebSocket.</summary>
    public IReadOnlyList<string> Alpn { get; init; } = [];

    /// <summary>True if there is a setting that only an encrypted connection heeds.</summary>
    internal bool IsSetUp => CaFile is not null || CertificateFile is not null || KeyFile is not null || AllowUntrusted || Alpn.Count > 0;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach ((string name, string? file) in new[] { (nameof(CaFile), CaFile), (nameof(CertificateFile), CertificateFile), (nameof(KeyFile), KeyFile) })
        {
            if (file is not null && !File.Exists(file))
                yield return new($"{Path.GetFullPath(file)} does not exist", [name]);
        }
        if ((CertificateFile is null) != (KeyFile is null))
            yield return new("CertificateFile and KeyFile belong together; set both or neither");
    }
}

/// <summary>Authentication of MQTT 5 beside user name and password, for methods whose proof is one token.</summary>
internal sealed record AuthOptions : IValidatableObject
{
    /// <summary>Name of the method that the broker knows. Without it there is none.</summary>
    public string? Method { get; init; }

    /// <summary>File of the token and nothing else; a final line break is not part of it. Read at every connect, so it can be renewed.</summary>
    public string? DataFile { get; init; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (DataFile is not null && Method is null)
            yield return new("is set without Method; name the method it belongs to", [nameof(DataFile)]);
        if (SecretFile.Problem(DataFile) is string missing)
            yield return new(missing, [nameof(DataFile)]);
    }
}

/// <summary>The request that opens a WebSocket, where <c>Mqtt:Host</c> is a URL with <c>ws:</c> or <c>wss:</c>.</summary>
internal sealed record WebSocketOptions : IValidatableObject
{
    /// <summary>Headers of the request, each <c>Name: value</c>, as a load balancer may ask for.</summary>
    public IReadOnlyList<string> Headers { get; init; } = [];

    /// <summary>The headers by name.</summary>
    internal IReadOnlyDictionary<string, string> ByName =>
        Headers.Select(header => header.Split(':', 2)).ToDictionary(parts => parts[0].Trim(), parts => parts[1].Trim(), StringComparer.OrdinalIgnoreCase);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        string[] names = [.. Headers.Select(header => header.Split(':')[0].Trim())];
        if (Headers.FirstOrDefault(header => header.IndexOf(':') < 1 || header.AsSpan().ContainsAny('\r', '\n')) is string bad)
            yield return new($"'{bad}' is no header; write Name: value", [nameof(Headers)]);
        else if (names.Distinct(StringComparer.OrdinalIgnoreCase).Count() < names.Length)
            yield return new("name a header twice; write it once", [nameof(Headers)]);
    }
}

/// <summary>One subscription, with the rule and the model of its streams.</summary>
internal sealed record SubscriptionOptions : RuleOptions
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
