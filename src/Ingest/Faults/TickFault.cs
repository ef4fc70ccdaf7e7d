namespace StreamRnn.Ingest.Faults;

/// <summary>
/// Reason why input was refused. Each is a value of the metric tag <c>reason</c>, in snake case; numbers are never reused.
/// </summary>
public enum TickFault
{
    None = 0,

    /// <summary>The payload is none of the recognised forms.</summary>
    UnknownPayload = 1,

    /// <summary>Payload that begins as JSON and is not.</summary>
    MalformedJson = 2,

    /// <summary>NaN or an infinity: one would poison a hidden state for ever.</summary>
    NotFinite = 3,

    /// <summary>A leaf that is no number (text, null, too deep) beside good ones, or alone.</summary>
    NotANumber = 4,

    /// <summary>The payload is larger than the limit.</summary>
    PayloadTooLarge = 5,

    /// <summary>More leaves than one packet may hold.</summary>
    TooManyValues = 6,

    /// <summary>The limit of streams is reached and this would be a new one.</summary>
    StreamLimit = 7,

    /// <summary>The stream's name is too long, or collides with another stream's.</summary>
    StreamName = 8,

    /// <summary>The event time lies too far ahead of the arrival.</summary>
    FarFuture = 9,

    /// <summary>The time field cannot be read as a time.</summary>
    MalformedTime = 10,

    /// <summary>The topic lies under our own output prefix, or $SYS.</summary>
    OwnOutput = 11,

    /// <summary>A retained message: an old value that would be stepped again at every subscription.</summary>
    Retained = 12,

    /// <summary>QoS 0 while the shard's queue is full.</summary>
    QueueFull = 13,

    /// <summary>Bytes that are not MQTT: the connection is closed.</summary>
    ProtocolError = 14,

    /// <summary>QoS 0 while the input log cannot be written for want of disk space.</summary>
    DiskFull = 15,

    /// <summary>Older than what was stepped, where the stream's rule drops such ticks.</summary>
    Late = 16,

    /// <summary>The tick has come before, by its number or its time, where the stream's rule uses that.</summary>
    Repeated = 17,

    /// <summary>The rule of its topic goes by sequence numbers and the payload has none.</summary>
    NoSequence = 18,

    /// <summary>No subscription of ours covers the topic: the broker's session has one of an earlier configuration.</summary>
    NotSubscribed = 19,
}
