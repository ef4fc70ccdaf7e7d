using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>The end of a connection, and what had happened to our messages on it.</summary>
/// <param name="Reason">Why it ended, in words.</param>
internal readonly record struct ConnectionEnd(string Reason)
{
    /// <summary>True if another client took our id: coming back would throw it out in turn.</summary>
    public bool TakenOver { get; init; }

    /// <summary>The broker's reason in its DISCONNECT, MQTT 5; success where it gave none.</summary>
    public MqttReasonCode Code { get; init; }

    /// <summary>Messages that were refused on it.</summary>
    public long Refused { get; init; }

    /// <summary>True if it ended right behind a refusal: then the broker is there, and each such end is progress.</summary>
    public bool IsBehindRefusal { get; init; }

    /// <summary>Messages that were acknowledged on it without a refusal.</summary>
    public long Confirmed { get; init; }

    /// <summary>
    /// Topic of the message right behind which the broker closed without a word, in MQTT 3.1.1, which has no other way to refuse; null where
    /// there is none.
    /// </summary>
    public string? Suspect { get; init; }

    /// <summary>True if the broker is there, and one message fewer is to be sent: back-off is for a broker that is away.</summary>
    public bool IsProgress => IsBehindRefusal || this is { Suspect: not null, Confirmed: > 0 };
}
