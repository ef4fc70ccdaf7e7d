using System.ComponentModel.DataAnnotations;

namespace StreamRnn.Engine.Streams;

/// <summary>Treatment of late and repeated ticks.</summary>
public record RuleOptions : IValidatableObject
{
    /// <summary>Value of <see cref="LateCapacity"/> where it is not set.</summary>
    public const int StandardLateCapacity = 16;

    /// <summary>
    /// <c>Accept</c> steps ticks as they come, an older one with elapsed time 0. <c>Drop</c> drops what is older than the newest of its
    /// stream. <c>Reorder</c> holds ticks for <see cref="LateBound"/> and steps them in order of event time, so forecasts come later by
    /// that.
    /// </summary>
    public LateTicks Late { get; init; }

    /// <summary>
    /// Event time for which a tick is held for older ones, with <c>Reorder</c>. Longer orders later ticks and delays forecasts more.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "30.00:00:00")]
    public TimeSpan? LateBound { get; init; }

    /// <summary>
    /// Ticks of one stream held at most with <c>Reorder</c>; 16 unless set. When there is one more the oldest steps early. Each takes 24
    /// bytes of every stream.
    /// </summary>
    [Range(1, 256)]
    public int? LateCapacity { get; init; }

    /// <summary>
    /// <c>Sequence</c> drops ticks whose number (<c>seq</c> or <c>n</c> in the payload) is not above the last of their stream; <c>Time</c>
    /// those whose time is not. Exact also where a broker crashes and brings back acknowledged messages.
    /// </summary>
    public TickOnce Once { get; init; }

    /// <summary>The rule they make.</summary>
    public TickRule Rule => new()
    {
        Late = Late,
        LateBound = LateBound ?? TimeSpan.Zero,
        LateCapacity = Late == LateTicks.Reorder ? LateCapacity ?? StandardLateCapacity : 0,
        Once = Once,
    };

    public virtual IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Late == LateTicks.Reorder && LateBound is null)
            yield return new("Late is Reorder and nothing says how long ticks are held for older ones; set it, as in 30s", [nameof(LateBound)]);
        if (Late != LateTicks.Reorder && (LateBound is not null || LateCapacity is not null))
        {
            yield return new($"only Reorder holds ticks and Late is {Late}; set Late to Reorder, or leave it out",
                [LateBound is not null ? nameof(LateBound) : nameof(LateCapacity)]);
        }
    }
}

/// <summary>The rule of the streams that match a pattern.</summary>
public sealed record PatternRuleOptions : RuleOptions
{
    /// <summary>
    /// Topic filter over stream names: <c>plant/+/pressure</c>, <c>meters/#</c>, <c>meters/+:power</c>. Without a colon it covers all
    /// fields of its topics.
    /// </summary>
    [Required]
    public string Pattern { get; init; } = "";

    public override IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Pattern.Length > 0 && StreamPattern.FaultOf(Pattern) is string fault)
            yield return new(fault, [nameof(Pattern)]);
        foreach (ValidationResult result in base.Validate(validationContext))
            yield return result;
    }
}
