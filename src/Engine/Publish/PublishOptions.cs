using System.ComponentModel.DataAnnotations;
using System.Text;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Engine.Publish;

/// <summary>Outputs, and the topics they go to.</summary>
public sealed record PublishOptions : IValidatableObject
{
    /// <summary>First levels of every output topic. Messages that arrive under it are refused as <c>own_output</c>.</summary>
    [Required]
    public string Prefix { get; init; } = "streamrnn";

    /// <summary>
    /// QoS of forecasts. At 1 the broker confirms them and lost ones are resent; 0 is cheaper, and loses them with the connection.
    /// </summary>
    [Range(0, 1)]
    public int Qos { get; init; } = 1;

    /// <summary>Keeps the last forecast of each stream at the broker, for readers that subscribe later.</summary>
    public bool Retain { get; init; }

    /// <summary>Publishes <c>PREFIX/STREAM/forecast</c> at every tick.</summary>
    public bool Forecasts { get; init; } = true;

    /// <summary>Publishes <c>PREFIX/STREAM/anomaly</c> when a score crosses the alarm line.</summary>
    public bool Anomalies { get; init; } = true;

    /// <summary>Publishes <c>PREFIX/status</c>, retained: <c>online</c>, or <c>offline</c> by last will.</summary>
    public bool Status { get; init; } = true;

    /// <summary>Publishes <c>PREFIX/fault</c> when input begins to be refused for a reason.</summary>
    public bool Faults { get; init; } = true;

    /// <summary>Forecasts that may wait for the broker, 150 bytes each. More rides out longer outages.</summary>
    [Range(256, 16 << 20)]
    public int Capacity { get; init; } = 16_384;

    /// <summary>
    /// Policy when <see cref="Capacity"/> is reached. <c>Wait</c> blocks intake, as far back as the sender. <c>DropForecasts</c> drops
    /// outputs and counts them; states stay exact, outputs do not.
    /// </summary>
    public WhenFull WhenFull { get; init; } = WhenFull.Wait;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Prefix.Length > 0 && (!MqttTopic.IsName(Encoding.UTF8.GetBytes(Prefix)) || Prefix.StartsWith('$') || Prefix.EndsWith('/')))
            yield return new($"'{Prefix}' is no topic to publish under; write levels without '+', '#', a first '$' or a last '/'", [nameof(Prefix)]);
    }
}
