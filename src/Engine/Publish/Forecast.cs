using StreamRnn.Detection;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Publish;

/// <summary>The engine's result for one tick, with the acknowledgement of its packet.</summary>
public struct Forecast
{
    /// <summary>Dense stream id from the <see cref="StreamDirectory"/>.</summary>
    public required int Stream;

    /// <summary>Index of the stream's kind in the <see cref="StreamModels"/>.</summary>
    public required int Kind;

    /// <summary>Event time, nanoseconds since 1970 UTC.</summary>
    public required long Time;

    /// <summary>The observed value.</summary>
    public required double Value;

    public required Verdict Verdict;

    /// <summary>Stopwatch stamp of the arrival of its packet; 0 without measurement.</summary>
    public long ReceivedAt;

    /// <summary>Index of the sampled trace context; 0 where it is not traced.</summary>
    public int Trace;

    /// <summary>Ledger to acknowledge in; null without an acknowledgement.</summary>
    public PacketLedger? Ledger;

    /// <summary>The packet's number in its ledger.</summary>
    public long Packet;

    /// <summary>Position of its packet in the log; 0 where nothing is logged.</summary>
    public long Position;

    /// <summary>Number of its tick: the row number for recordings.</summary>
    public long Number;
}
