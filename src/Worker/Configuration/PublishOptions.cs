using System.ComponentModel.DataAnnotations;
using System.Text;
using StreamRnn.Ingest.Mqtt;
using StreamRnn.Worker.Publish;

namespace StreamRnn.Worker.Configuration;

/// <summary>What leaves, and under which topics.</summary>
public sealed record PublishOptions : IValidatableObject
{
    /// <summary>First level of every output topic. Whatever arrives under it is refused as <c>own_output</c>.</summary>
    [Required]
    public string Prefix { get; init; } = "streamrnn";

    /// <summary>1: forecasts are confirmed by the broker and sent again if need be. 0: cheaper, and lost with the connection.</summary>
    [Range(0, 1)]
    public int Qos { get; init; } = 1;

    /// <summary>Keeps the last forecast of each stream at the broker for whoever subscribes later.</summary>
    public bool Retain { get; init; }

    /// <summary>PREFIX/STREAM/forecast, at every tick.</summary>
    public bool Forecasts { get; init; } = true;

    /// <summary>PREFIX/STREAM/anomaly, when a score crosses the alarm line.</summary>
    public bool Anomalies { get; init; } = true;

    /// <summary>PREFIX/status, retained: online, or offline by last will.</summary>
    public bool Status { get; init; } = true;

    /// <summary>PREFIX/fault: refused input with its reason, one message when a reason begins to occur.</summary>
    public bool Faults { get; init; } = true;

    /// <summary>Forecasts that may wait for the broker. More rides out longer outages; each takes some 150 bytes.</summary>
    [Range(256, 16 << 20)]
    public int Capacity { get; init; } = 16_384;

    /// <summary>
    /// When <see cref="Capacity"/> is reached. <c>Wait</c>: intake waits, as far back as the sender. <c>DropForecasts</c>: outputs are
    /// dropped and counted, states stay exact.
    /// </summary>
    public WhenFull WhenFull { get; init; } = WhenFull.Wait;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Prefix.Length > 0 && (!MqttTopic.IsName(Encoding.UTF8.GetBytes(Prefix)) || Prefix.StartsWith('$') || Prefix.EndsWith('/')))
            yield return new($"'{Prefix}' is no topic to publish under; write levels without '+', '#', a first '$' or a last '/'", [nameof(Prefix)]);
    }
}
