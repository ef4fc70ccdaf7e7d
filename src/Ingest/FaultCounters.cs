using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace StreamRnn.Ingest;

/// <summary>Receives the first refusal of an episode.</summary>
/// <param name="topic">UTF-8; valid for the call only.</param>
/// <param name="total">Refusals for this reason since the start.</param>
public delegate void FaultReport(TickFault fault, ReadOnlySpan<byte> topic, long total);

/// <summary>
/// How much input was refused, by reason. A reason is logged and reported when it begins an episode; the episode ends when none came for
/// <see cref="Quiet"/>, so that a device that sends rubbish all year is one line. Safe for any number of threads.
/// </summary>
public sealed class FaultCounters(ILogger logger, TimeProvider clock, FaultReport? report = null)
{
    private readonly long[] _totals = new long[(int)Enum.GetValues<TickFault>().Max() + 1];
    private readonly long[] _lastAt = new long[(int)Enum.GetValues<TickFault>().Max() + 1];

    /// <summary>Quiet time that ends an episode; the next refusal then begins a new one.</summary>
    public TimeSpan Quiet { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Refusals for all reasons.</summary>
    public long Total
    {
        get
        {
            long total = 0;
            for (int fault = 0; fault < _totals.Length; fault++)
                total += Of((TickFault)fault);
            return total;
        }
    }

    /// <summary>Refusals for this reason.</summary>
    public long Of(TickFault fault) => Interlocked.Read(ref _totals[(int)fault]);

    /// <summary>Counts refusals.</summary>
    /// <param name="topic">UTF-8; whatever tells an operator where to look.</param>
    public void Refuse(TickFault fault, ReadOnlySpan<byte> topic, int count = 1)
    {
        long total = Interlocked.Add(ref _totals[(int)fault], count);
        long now = Math.Max(1, clock.GetTimestamp());
        long before = Interlocked.Exchange(ref _lastAt[(int)fault], now);
        if (before != 0 && clock.GetElapsedTime(before, now) < Quiet)
            return;
        if (fault.IsExpected())
        {
            if (logger.IsEnabled(LogLevel.Information))
                Log.InputPassedOver(logger, fault.Reason(), fault.Meaning(), Printable(topic));
            return;
        }
        if (logger.IsEnabled(LogLevel.Warning))
            Log.InputRefused(logger, fault.Reason(), fault.Meaning(), Printable(topic), total);
        report?.Invoke(fault, topic, total);
    }

    /// <summary>Counts a refusal that is no news.</summary>
    public void Count(TickFault fault) => Interlocked.Increment(ref _totals[(int)fault]);

    /// <summary>The beginning of a topic, fit for one line of a log.</summary>
    internal static string Printable(ReadOnlySpan<byte> topic)
    {
        const int Longest = 128;
        string text = Encoding.UTF8.GetString(topic[..Math.Min(topic.Length, Longest)]);
        return string.Create(text.Length, text, (into, from) =>
        {
            for (int i = 0; i < into.Length; i++)
                into[i] = char.IsControl(from[i]) ? '?' : from[i];
        });
    }
}

/// <summary>Names of the reasons.</summary>
public static class TickFaults
{
    /// <summary>Whether this happens to a worker without anything being wrong: a wide subscription selects its own outputs too.</summary>
    public static bool IsExpected(this TickFault fault) => fault is TickFault.OwnOutput or TickFault.Retained;

    /// <summary>The one name it has in metrics, notices and lines: <c>payload_too_large</c>.</summary>
    public static string Reason(this TickFault fault) => JsonNamingPolicy.SnakeCaseLower.ConvertName(fault.ToString());

    /// <summary>What happened and what can be done about it.</summary>
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
