using StreamRnn.Detection;

namespace StreamRnn.Engine.Streams;

/// <summary>
/// Layout of a stream's state row: the floats of its model and, behind them, those of its rule. Streams of one kind share a slab and step
/// together.
/// </summary>
/// <param name="Rule">Adds nothing to the row where it is <see cref="TickRule.Default"/>.</param>
public sealed record RowKind(Forecaster Model, TickRule Rule)
{
    private readonly int _guardStart = (Model.RowFloats + 1) & ~1;   // on a multiple of 8 bytes
    private readonly int _guardFloats = Rule.GuardFloats;

    /// <summary>True if ticks may be held or dropped; else every tick steps.</summary>
    public bool IsGuarded => _guardFloats > 0;

    /// <summary>Floats of one stream's whole state row.</summary>
    public int RowFloats => IsGuarded ? _guardStart + _guardFloats : Model.RowFloats;

    /// <summary>Reorder state of a stream; only where <see cref="IsGuarded"/>.</summary>
    internal ReorderBuffer Guard(Span<float> row) => new(Rule, row.Slice(_guardStart, _guardFloats));

    /// <summary>Makes a row that of a stream that has seen nothing.</summary>
    public void Initialise(Span<float> row)
    {
        Model.Initialise(row);
        if (IsGuarded)
            Guard(row).Initialise();
    }

    public override string ToString() => Rule == TickRule.Default ? Model.Name : $"{Model.Name} ({Rule})";

    /// <summary>True if both have one model, whatever the name of its file.</summary>
    public bool HasModelOf(RowKind other) => Model == other.Model || (Model.Hash.Length > 0 && Model.Hash == other.Model.Hash);

    /// <summary>Makes a row that of a stream which was of another kind so far: what is the same in both goes on, bit for bit.</summary>
    /// <param name="rowBefore">Its row; not changed.</param>
    public void Adopt(Span<float> row, RowKind before, Span<float> rowBefore)
    {
        if (HasModelOf(before))
            rowBefore[..Model.RowFloats].CopyTo(row);
        else
            Model.Adopt(row[..Model.RowFloats], before.Model, rowBefore[..before.Model.RowFloats]);
        if (!IsGuarded)
            return;
        if (before.IsGuarded)
            Guard(row).Adopt(before.Guard(rowBefore));
        else
            Guard(row).Initialise();
    }

    /// <summary>Resets the row's stream: the number of its steps continues, held ticks stay, and its producer may count anew.</summary>
    public void Reset(Span<float> row)
    {
        Model.Initialise(row[..Model.RowFloats], Model.StepsOf(row));
        if (IsGuarded)
            Guard(row).Forget();
    }
}
