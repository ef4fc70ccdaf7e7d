using StreamRnn.Detection;

namespace StreamRnn.Worker.Engine;

/// <summary>
/// What a stream's state row is made of: the floats of the model that steps it and, behind them, those of the rule that its ticks follow.
/// Streams of one kind share a slab and step together.
/// </summary>
/// <param name="Rule">Adds nothing to the row where it is <see cref="TickRule.Default"/>.</param>
public sealed record RowKind(Forecaster Model, TickRule Rule)
{
    private readonly int _guardStart = (Model.RowFloats + 1) & ~1;   // on a multiple of 8 bytes
    private readonly int _guardFloats = Rule.GuardFloats;

    /// <summary>Whether ticks may be held or dropped; else every tick steps.</summary>
    public bool IsGuarded => _guardFloats > 0;

    /// <summary>Floats of one stream's whole state row.</summary>
    public int RowFloats => IsGuarded ? _guardStart + _guardFloats : Model.RowFloats;

    /// <summary>What the rule remembers of a stream; only where <see cref="IsGuarded"/>.</summary>
    internal TickGuard Guard(Span<float> row) => new(Rule, row.Slice(_guardStart, _guardFloats));

    /// <summary>Makes a row that of a stream that has seen nothing.</summary>
    public void Initialise(Span<float> row)
    {
        Model.Initialise(row);
        if (IsGuarded)
            Guard(row).Initialise();
    }

    /// <summary>Lets the row's stream begin anew: the number of its steps goes on, ticks that are held stay, and its producer may count anew.</summary>
    public void Reset(Span<float> row)
    {
        Model.Initialise(row[..Model.RowFloats], Model.StepsOf(row));
        if (IsGuarded)
            Guard(row).Forget();
    }
}
