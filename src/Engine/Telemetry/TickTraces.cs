using System.Diagnostics;
using System.Text;

namespace StreamRnn.Engine.Telemetry;

/// <summary>
/// Spans of the ticks whose sender asked for them: a <c>traceparent</c> among the user properties of an MQTT 5 message is continued by
/// <c>receive</c>, and that by <c>step</c> and <c>publish</c>; the output carries the last one on. Without a traceparent there is no span:
/// a root per tick would cost more than the tick.
/// </summary>
/// <remarks>
/// A tick carries an index into a bounded table, so that nothing allocates for ticks that are not traced. A context that is overwritten
/// by <see cref="Capacity"/> younger ones before its forecast has left ends its trace early.
/// </remarks>
public sealed class TickTraces : IDisposable
{
    /// <summary>Traced packets on their way through the worker; sampling keeps them few.</summary>
    public const int Capacity = 1024;

    /// <summary>Length of a traceparent: version, trace id, span id, flags (w3.org/TR/trace-context, section 3.2).</summary>
    public const int TraceparentBytes = 55;

    private readonly ActivitySource _source = new(WorkerMetrics.Name);
    private readonly Received?[] _table = new Received?[Capacity];
    private int _last;

    /// <summary>True if there is a listener; without one the user property is not even read.</summary>
    public bool Enabled => _source.HasListeners();

    /// <summary>Begins the span of a packet's way from its bytes to the shards; dispose it when it has been taken in.</summary>
    /// <param name="trace">Trace index for the packet's ticks; 0 where it is not traced.</param>
    /// <returns>Null where the traceparent is none or its trace is not sampled.</returns>
    public Activity? Receive(ReadOnlySpan<byte> traceparent, ReadOnlySpan<byte> topic, out int trace)
    {
        trace = 0;
        if (traceparent.Length != TraceparentBytes
            || !ActivityContext.TryParse(Encoding.ASCII.GetString(traceparent), null, isRemote: true, out ActivityContext sender))
        {
            return null;
        }

        Activity? span = _source.StartActivity("receive", ActivityKind.Consumer, sender);
        if (span is not { IsAllDataRequested: true })
            return span;

        Describe(span, "receive", topic);
        trace = Interlocked.Increment(ref _last) & ushort.MaxValue;
        if (trace != 0)   // once in 65,536
            Volatile.Write(ref _table[trace % Capacity], new Received(trace, span.Context));
        return span;
    }

    /// <summary>Notes that a traced tick was stepped.</summary>
    /// <param name="trace">Not 0.</param>
    /// <param name="startedAt">Stopwatch stamp of the beginning of its micro-batch; 0 where none was taken.</param>
    public void Stepped(int trace, int shard, long startedAt)
    {
        if (Find(trace) is not ActivityContext received)
            return;
        DateTimeOffset start = DateTimeOffset.UtcNow - (startedAt == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(startedAt));
        using Activity? span = _source.StartActivity(ActivityKind.Internal, received, startTime: start, name: "step");
        span?.SetTag("streamrnn.shard", shard);
    }

    /// <summary>Records that an output of a traced tick is sent, and writes its traceparent.</summary>
    /// <param name="trace">Not 0.</param>
    /// <param name="topic">Topic of the output, UTF-8.</param>
    /// <param name="traceparent">Room for <see cref="TraceparentBytes"/>.</param>
    public bool TryPublish(int trace, ReadOnlySpan<byte> topic, Span<byte> traceparent)
    {
        if (Find(trace) is not ActivityContext received)
            return false;
        using Activity? span = _source.StartActivity("publish", ActivityKind.Producer, received);
        if (span?.Id is not { Length: TraceparentBytes } id)
            return false;
        Describe(span, "publish", topic);
        Encoding.ASCII.GetBytes(id, traceparent);
        return true;
    }

    public void Dispose() => _source.Dispose();

    // Messaging semantic conventions of OpenTelemetry; the topic is an attribute and not part of the name, of which there shall be few.
    private static void Describe(Activity span, string operation, ReadOnlySpan<byte> topic)
    {
        span.SetTag("messaging.system", "mqtt");
        span.SetTag("messaging.operation.name", operation);
        span.SetTag("messaging.operation.type", operation == "publish" ? "send" : operation);
        span.SetTag("messaging.destination.name", Encoding.UTF8.GetString(topic));
    }

    private ActivityContext? Find(int trace) =>
        Volatile.Read(ref _table[trace % Capacity]) is Received received && received.Trace == trace ? received.Context : null;

    private sealed record Received(int Trace, ActivityContext Context);
}
