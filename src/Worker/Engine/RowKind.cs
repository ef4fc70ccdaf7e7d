using StreamRnn.Detection;

namespace StreamRnn.Worker.Engine;

/// <summary>
/// What a stream's state row is made of: the floats of the model that steps it and, behind them, those of the rule that its ticks follow.
/// Streams of one kind share a slab and step together.
/// </summary>
/// <param name="Rule">Adds nothing to the row where it is <see cref="TickRule.Default"/>.</param>
public sealed record RowKind(Forecaster Model, TickRule Rule)
{
    /// <summary>Floats of one stream's whole state row.</summary>
    public int RowFloats => Model.RowFloats;

    /// <summary>Makes a row that of a stream that has seen nothing.</summary>
    public void Initialise(Span<float> row) => Model.Initialise(row);

    /// <summary>Lets the row's stream begin anew: the number of its steps goes on, and so does what its rule remembers.</summary>
    public void Reset(Span<float> row) => Model.Initialise(row[..Model.RowFloats], Model.StepsOf(row));
}
