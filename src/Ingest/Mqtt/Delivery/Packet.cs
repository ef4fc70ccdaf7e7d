using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Delivery;

/// <summary>A message as it arrived: views into the buffer it was read from.</summary>
public readonly ref struct Packet
{
    /// <summary>UTF-8.</summary>
    public required ReadOnlySpan<byte> Topic { get; init; }

    public required ReadOnlySpan<byte> Payload { get; init; }

    public byte Qos { get; init; }

    public bool Retained { get; init; }

    /// <summary>DUP: sent before, by the sender's word.</summary>
    public bool IsRedelivery { get; init; }

    public ushort PacketId { get; init; }

    /// <summary>Ledger that the acknowledgement is entered in; needed above QoS 0.</summary>
    public PacketLedger? Ledger { get; init; }

    /// <summary>The session it came from, by which repeats are recognised; null where they are not.</summary>
    public PacketSource? Source { get; init; }

    /// <summary>Stopwatch stamp of the arrival; 0 without measurement.</summary>
    public long ReceivedAt { get; init; }

    /// <summary>Index of the sampled trace context; 0 where it is not traced.</summary>
    public int Trace { get; init; }

    public static Packet From(in MqttPublish publish, in MqttPublishContext context, int trace = 0) => new()
    {
        Topic = publish.Topic,
        Payload = publish.Payload,
        Qos = publish.Qos,
        Retained = publish.Retain,
        IsRedelivery = publish.Dup,
        PacketId = publish.PacketId,
        Ledger = context.Ledger,
        Source = context.Source,
        ReceivedAt = context.ReceivedAt,
        Trace = trace,
    };
}
