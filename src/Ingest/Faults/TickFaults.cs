using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace StreamRnn.Ingest.Faults;

/// <summary>Names of the reasons.</summary>
public static class TickFaults
{
    /// <summary>True for a refusal in normal operation: a wide subscription selects the worker's own outputs too.</summary>
    public static bool IsExpected(this TickFault fault) => fault is TickFault.OwnOutput or TickFault.Retained;

    /// <summary>The one name it has in metrics, notices and lines: <c>payload_too_large</c>.</summary>
    public static string Reason(this TickFault fault) => JsonNamingPolicy.SnakeCaseLower.ConvertName(fault.ToString());

    /// <summary>Cause and remedy, for people.</summary>
    public static string Meaning(this TickFault fault) => fault switch
    {
        TickFault.UnknownPayload => "the payload is no number, no JSON object with numbers and no SenML pack",
        TickFault.MalformedJson => "the payload begins as JSON and is not",
        TickFault.NotFinite => "NaN, an infinity or a number beyond 3.4e38 cannot be stepped",
        TickFault.NotANumber => "text, null, or a value nested deeper than four steps; numbers in quotes are text",
        TickFault.PayloadTooLarge => "the payload is larger than the payload limit",
        TickFault.TooManyValues => "one payload holds more values than are taken from it",
        TickFault.StreamLimit => "the limit of streams is reached; raise it or narrow the subscription",
        TickFault.StreamName => "the stream's name is empty, longer than 1,024 bytes, deeper than 128 levels, or that of another topic and field",
        TickFault.FarFuture => "the event time is too far ahead of the arrival; is a clock wrong?",
        TickFault.MalformedTime => "the time field is no ISO 8601 text and no Unix time",
        TickFault.OwnOutput => "the topic is our own output or $SYS; narrow the subscription",
        TickFault.Retained => "a retained message is an old value, which comes again with every subscription",
        TickFault.QueueFull => "a shard cannot keep up and QoS 0 does not wait; use QoS 1 or more shards",
        TickFault.ProtocolError => "the peer sent bytes that are not MQTT",
        TickFault.DiskFull => "the disk of the input log is full and QoS 0 does not wait; make room",
        TickFault.Late => "the event time is older than what its stream has stepped, and Late of its rule does not take such ticks",
        TickFault.Repeated => "its stream has stepped this sequence number or time, or a later one; a device that began to count anew needs times of its own, or a reset",
        TickFault.NoSequence => "its rule says Once: Sequence, and neither 'seq' nor 'n' at the top of the payload is a whole number",
        TickFault.NotSubscribed => "no subscription covers the topic: the broker's session still has one of an earlier configuration; another Mqtt:ClientId begins without it",
        _ => "",
    };
}
