using System.ComponentModel.DataAnnotations;
using StreamRnn.Cells.Files;
using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Intake;

namespace StreamRnn.Worker.Configuration;

/// <summary>
/// The section <c>StreamRnn</c> of appsettings.json, of the environment (<c>StreamRnn__Mqtt__Host</c>) and, for the common ones, the
/// options of <c>run</c>. Later sources win over earlier ones; defaults are what is written here.
/// </summary>
internal sealed record StreamRnnOptions : IValidatableObject
{
    public const string Section = "StreamRnn";

    /// <summary>Threads that step streams; 0 is one per core, up to 8. Never changes a number.</summary>
    [Range(0, 256)]
    public int Shards { get; init; }

    /// <summary>
    /// Directory of the input log and the snapshots. With it a killed worker continues as if nothing had happened; without it a restart
    /// begins every stream anew. One worker at a time.
    /// </summary>
    public string? DataDir { get; init; }

    /// <summary>
    /// Directory in which every stepped tick is recorded, one CSV file per stream, for <c>replay</c>. Nothing removes them. When its disk
    /// is full the recording ends and the worker continues.
    /// </summary>
    public string? Record { get; init; }

    /// <summary>
    /// Model file of every stream that no pattern names. Without it, or with the name <c>default</c>, the model beside the executable.
    /// </summary>
    public string? Model { get; init; }

    /// <summary>
    /// Zone of payload times that name none. A wrong one shifts the calendar that the model learns; the machine's zone is never read.
    /// </summary>
    public string TimeZone { get; init; } = "UTC";

    public MqttOptions Mqtt { get; init; } = new();

    public BrokerOptions Broker { get; init; } = new();

    public PublishOptions Publish { get; init; } = new();

    /// <summary>Models of streams by pattern; the first match counts.</summary>
    public IReadOnlyList<ModelOptions> Models { get; init; } = [];

    /// <summary>
    /// Rules for late and repeated ticks by pattern; the first match counts, and these come before those of <c>Mqtt:Subscriptions</c>.
    /// </summary>
    public IReadOnlyList<PatternRuleOptions> Rules { get; init; } = [];

    public LimitsOptions Limits { get; init; } = new();

    public DurabilityOptions Durability { get; init; } = new();

    public ProbesOptions Probes { get; init; } = new();

    public DashboardOptions Dashboard { get; init; } = new();

    /// <summary>Number of shards on this machine.</summary>
    public int EffectiveShards => Shards > 0 ? Shards : Math.Min(Environment.ProcessorCount, 8);

    /// <summary>Ticks that one shard may hold; with a log at least those of the largest packet, since a packet is accepted whole.</summary>
    public int EffectiveQueueCapacity => DataDir is null ? Limits.QueueCapacity : Math.Max(Limits.QueueCapacity, PacketIntake.MaximumTicks);

    /// <summary>Most states in memory.</summary>
    public int EffectiveStreamsInMemory => Math.Min(Limits.StreamsInMemory ?? int.MaxValue, Limits.Streams);

    /// <summary>Rules of ticks by stream pattern, in order of preference.</summary>
    internal IReadOnlyList<(StreamPattern Pattern, TickRule Rule)> TickRules =>
    [
        .. Rules.Select(rule => (new StreamPattern(rule.Pattern), rule.Rule)),
        .. Mqtt.EffectiveSubscriptions.Where(s => s.Rule != TickRule.Default).Select(s => (new StreamPattern(s.Topics), s.Rule)),
    ];

    /// <summary>Topics whose payloads carry sequence numbers: those of which a stream may follow a rule by number.</summary>
    internal IReadOnlyList<NumberedTopics> Numbering => !TickRules.Any(entry => entry.Rule.Once == TickOnce.Sequence) ? [] :
    [
        .. TickRules.Where(entry => entry.Rule.Once == TickOnce.Sequence || entry.Pattern.IsOfWholeTopics)
            .Select(entry => new NumberedTopics(entry.Pattern.Topics, entry.Rule.Once == TickOnce.Sequence)),
    ];

    /// <summary>Streams whose latest values the dashboard keeps; 0 without a dashboard.</summary>
    public int WatchedStreams => Dashboard.Port is null ? 0 : Math.Min(Limits.Streams, DashboardOptions.MaximumStreams);

    /// <summary>Time zone named by <see cref="TimeZone"/>.</summary>
    public TimeZoneInfo Zone => TimeZoneInfo.FindSystemTimeZoneById(TimeZone);

    /// <summary>Loads the models that the settings name.</summary>
    /// <exception cref="InvalidDataException">A file is no model, or its golden vectors do not come out.</exception>
    internal ModelCatalog LoadModels() => ModelCatalog.Load(Model,
    [
        .. Models.Select(model => (model.Pattern, model.File)),
        .. Mqtt.EffectiveSubscriptions.Where(s => s.Model is not null).Select(s => (s.Topics, s.Model!)),
    ]);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Mqtt.Host is null && !Broker.Enabled)
        {
            yield return new("there is nothing to listen to; name a broker (Mqtt:Host, --host) or start the embedded one "
                + "(Broker:Enabled, --embedded-broker PORT)");
        }
        if (Mqtt.Host is not null && Broker.Enabled)
        {
            yield return new("Mqtt:Host and Broker:Enabled are both set; a worker has one way in: unset Mqtt:Host to let devices connect "
                + "to it, or Broker:Enabled to take ticks from the broker");
        }
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(TimeZone, out _))
            yield return new($"'{TimeZone}' is no time zone this machine knows; write an IANA name such as Europe/Berlin, or UTC", [nameof(TimeZone)]);
        if (Model is not null && !File.Exists(ShippedModel.Resolve(Model)))
            yield return new(ModelFile.Missing(Path.GetFullPath(Model)), [nameof(Model)]);
        if (DataDir is not null && File.Exists(DataDir))
            yield return new($"{Path.GetFullPath(DataDir)} is a file; name a directory", [nameof(DataDir)]);
        if (Limits.StreamsInMemory is not null && DataDir is null)
            yield return new("Limits:StreamsInMemory keeps idle streams in files, and there is no DataDir for them: name one (--data-dir), or leave it out");
        if (Limits.StreamsInMemory < EffectiveShards)
            yield return new($"Limits:StreamsInMemory is {Limits.StreamsInMemory} and there are {EffectiveShards} shards; each must hold at least one");
        if (Record is not null && File.Exists(Record))
            yield return new($"{Path.GetFullPath(Record)} is a file; name a directory", [nameof(Record)]);
        if (Record is not null && Publish.WhenFull == WhenFull.DropForecasts)
            yield return new("Record keeps every tick and Publish:WhenFull DropForecasts drops some; leave one of them out", [nameof(Record)]);
        if (Broker.Enabled && Probes.Port == Broker.Port && Probes.Port != 0)
            yield return new($"Probes:Port and Broker:Port are both {Probes.Port}; give one of them another");
        if (Dashboard.Port is > 0 && Dashboard.Port == Probes.Port)
            yield return new($"Dashboard:Port and Probes:Port are both {Probes.Port}; the dashboard answers probes too: leave Probes:Port out");
        if (Broker.Enabled && Dashboard.Port is > 0 && Dashboard.Port == Broker.Port)
            yield return new($"Dashboard:Port and Broker:Port are both {Broker.Port}; give one of them another");
    }
}

/// <summary>The model of the streams that match a pattern.</summary>
internal sealed record ModelOptions : IValidatableObject
{
    /// <summary>
    /// Topic filter over stream names: <c>plant/+/pressure</c>, <c>meters/#</c>, <c>meters/+:power</c>. Without a colon it covers all
    /// fields of its topics.
    /// </summary>
    [Required]
    public string Pattern { get; init; } = "";

    /// <summary>Path of a safetensors file, or <c>default</c>.</summary>
    [Required]
    public string File { get; init; } = "";

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Pattern.Length > 0 && StreamPattern.FaultOf(Pattern) is string fault)
            yield return new(fault, [nameof(Pattern)]);
        if (File.Length > 0 && !System.IO.File.Exists(ShippedModel.Resolve(File)))
            yield return new(ModelFile.Missing(Path.GetFullPath(File)), [nameof(File)]);
    }
}

/// <summary>Liveness, readiness, start-up and status over HTTP, for whatever restarts the process.</summary>
internal sealed record ProbesOptions : IValidatableObject
{
    /// <summary>TCP port of <c>/healthz/live</c>, <c>ready</c>, <c>startup</c> and <c>status</c>; 0 opens none.</summary>
    [Range(0, 65535)]
    public int Port { get; init; }

    /// <summary>
    /// Address to listen on. Anything but loopback shows the state of the worker to the network without a password; a kubelet needs
    /// 0.0.0.0.
    /// </summary>
    public string Address { get; init; } = "127.0.0.1";

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!System.Net.IPAddress.TryParse(Address, out _))
            yield return new($"'{Address}' is no IP address; write 127.0.0.1, ::1 or 0.0.0.0", [nameof(Address)]);
    }
}

/// <summary>A page that shows streams, forecasts and anomalies as they come. It answers the probes too.</summary>
internal sealed record DashboardOptions : IValidatableObject
{
    /// <summary>Streams the page can show; of more, the first ones.</summary>
    public const int MaximumStreams = 10_000;

    /// <summary>TCP port; 0 takes a free one and prints it. Without it there is no page.</summary>
    [Range(0, 65535)]
    public int? Port { get; init; }

    /// <summary>Address to listen on. Anything but loopback shows every stream to everybody who reaches it: the page asks for no password.</summary>
    public string Address { get; init; } = "127.0.0.1";

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!System.Net.IPAddress.TryParse(Address, out _))
            yield return new($"'{Address}' is no IP address; write 127.0.0.1, ::1 or 0.0.0.0", [nameof(Address)]);
    }
}
