using System.ComponentModel.DataAnnotations;
using StreamRnn.Worker.Engine;

namespace StreamRnn.Worker.Configuration;

/// <summary>What becomes of ticks that are late, or come again.</summary>
public record RuleOptions : IValidatableObject
{
    /// <summary>Ticks held where <see cref="LateCapacity"/> says nothing.</summary>
    public const int StandardLateCapacity = 16;

    /// <summary>
    /// Accept steps ticks as they come, an older one with elapsed time 0. Drop drops what is older than the newest. Reorder holds ticks for
    /// <see cref="LateBound"/> and steps them in the order of their times: forecasts are later by that.
    /// </summary>
    public LateTicks Late { get; init; }

    /// <summary>How long a tick is held for older ones, in event time, where Late is Reorder. Longer takes later ticks in, and forecasts later.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "30.00:00:00")]
    public TimeSpan? LateBound { get; init; }

    /// <summary>
    /// Ticks of one stream that are held at most where Late is Reorder; null is 16. When there is one more the oldest steps early. Each takes
    /// 24 bytes of every stream.
    /// </summary>
    [Range(1, 256)]
    public int? LateCapacity { get; init; }

    /// <summary>
    /// Sequence drops ticks whose number, <c>seq</c> or <c>n</c> in the payload, is not above the last of their stream; Time those whose time is
    /// not. Exact also where a broker crashes and brings back what it had been told.
    /// </summary>
    public TickOnce Once { get; init; }

    /// <summary>The rule they make.</summary>
    internal TickRule Rule => new()
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

/// <summary>The rule of the streams a pattern names.</summary>
public sealed record PatternRuleOptions : RuleOptions
{
    /// <summary>A topic filter over stream names: <c>plant/+/pressure</c>, <c>meters/#</c>, <c>meters/+:power</c>.</summary>
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
