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
}
