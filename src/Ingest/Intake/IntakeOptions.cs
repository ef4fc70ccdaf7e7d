namespace StreamRnn.Ingest.Intake;

/// <summary>Limits of the intake.</summary>
public sealed record IntakeOptions
{
    /// <summary>Larger payloads are refused unread. A bound on the time one packet can take, at about 2 ns a byte.</summary>
    public int MaximumPayloadBytes { get; init; } = 256 * 1024;

    /// <summary>First level of our own output topics, which are never ingested; null where nothing is published.</summary>
    public string? OwnPrefix { get; init; } = "streamrnn";

    /// <summary>
    /// Filters of which a topic must match one, where the broker's session may hold more than those that are configured; empty takes every topic.
    /// </summary>
    public IReadOnlyList<string> Subscribed { get; init; } = [];

    /// <summary>True if retained messages step. They come again at each new subscription, and would be stepped again.</summary>
    public bool AcceptRetained { get; init; }

    /// <summary>Largest distance of event time ahead of the arrival; beyond it a clock must be wrong.</summary>
    public TimeSpan MaximumAhead { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Zone of times in text that name none.</summary>
    public TimeZoneInfo TimeZone { get; init; } = TimeZoneInfo.Utc;

    /// <summary>Topics whose payloads carry sequence numbers; the first matching filter counts. Empty for none.</summary>
    public IReadOnlyList<NumberedTopics> Numbering { get; init; } = [];
}

/// <summary>Topics whose payloads carry sequence numbers, or do not.</summary>
/// <param name="Filter">A topic filter.</param>
public sealed record NumberedTopics(string Filter, bool AreNumbered);
