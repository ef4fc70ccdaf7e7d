using System.Globalization;
using System.Text.Json.Serialization;

namespace StreamRnn.Engine.Streams;

/// <summary>Treatment of a tick whose event time is older than the newest of its stream. Numbers are on disk and never change.</summary>
public enum LateTicks
{
    /// <summary>It steps as it comes, with elapsed time 0.</summary>
    Accept = 0,

    /// <summary>Older than the newest that was stepped, it is dropped and counted as <c>late</c>.</summary>
    Drop = 1,

    /// <summary>Ticks are held until a bound has passed in event time, and step in the order of their times; what is older still is dropped.</summary>
    Reorder = 2,
}

/// <summary>Key by which a repeated tick is recognised. Numbers are on disk and never change.</summary>
public enum TickOnce
{
    /// <summary>By nothing: every tick steps.</summary>
    None = 0,

    /// <summary>The number its producer gave it, <c>seq</c> or <c>n</c> in the payload; numbers of a stream rise.</summary>
    Sequence = 1,

    /// <summary>By its event time: times of a stream rise, and none comes twice.</summary>
    Time = 2,
}

/// <summary>Treatment of late and repeated ticks. Its state for a stream is the end of the stream's state row.</summary>
public sealed record TickRule
{
    /// <summary>Every tick steps, in the order of arrival. Costs nothing.</summary>
    public static readonly TickRule Default = new();

    public LateTicks Late { get; init; }

    /// <summary>Event time for which ticks are held for older ones; 0 unless <see cref="LateTicks.Reorder"/>.</summary>
    public TimeSpan LateBound { get; init; }

    /// <summary>Ticks of one stream that are held at most; 0 unless <see cref="LateTicks.Reorder"/>.</summary>
    public int LateCapacity { get; init; }

    public TickOnce Once { get; init; }

    /// <summary>Floats it adds to a state row, see <see cref="ReorderBuffer"/>.</summary>
    [JsonIgnore]
    public int GuardFloats => this == Default ? 0 : ReorderBuffer.FloatsFor(LateCapacity);

    public override string ToString()
    {
        string late = Late switch
        {
            LateTicks.Drop => "late ticks are dropped",
            LateTicks.Reorder => $"ticks are held for {LateBound.ToString("c", CultureInfo.InvariantCulture)}, at most {LateCapacity} of a stream, and step in order",
            _ => "ticks step as they come",
        };
        return Once == TickOnce.None ? late : $"{late}, once by {(Once == TickOnce.Time ? "their time" : "sequence number")}";
    }
}
