namespace StreamRnn.Ingest.Ticks;

/// <summary>One observation of one stream, checked and ready to step.</summary>
public readonly record struct Tick
{
    /// <summary>Dense stream id from the <see cref="StreamDirectory"/>.</summary>
    public required int Stream { get; init; }

    /// <summary>Says if its producer numbered it.</summary>
    public TickNumbering Numbering { get; init; }

    /// <summary>Event time, nanoseconds since 1970 UTC.</summary>
    public required long Time { get; init; }

    /// <summary>Finite.</summary>
    public required double Value { get; init; }

    /// <summary>The producer's number, where <see cref="Numbering"/> says so; the row number for recordings.</summary>
    public long Number { get; init; }
}

/// <summary>Numbering of ticks by their producer. Numbers are on disk and never change.</summary>
public enum TickNumbering : byte
{
    /// <summary>Not numbered, or the numbers are not used.</summary>
    None = 0,

    /// <summary>Numbered; the event time is that of the arrival, which differs when the tick comes again.</summary>
    Number = 1,

    /// <summary>Numbered; the event time is the payload's own.</summary>
    NumberAndTime = 2,
}
