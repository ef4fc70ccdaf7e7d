namespace StreamRnn.Cells;

/// <summary>
/// A stacked recurrent network with a linear head, ready to step. Immutable and shared by every shard; what changes is in the rows.
/// </summary>
public abstract class SequenceModel
{
    public abstract ModelShape Shape { get; }

    /// <summary>Floats of recurrent state at the start of a stream's row.</summary>
    public abstract int StateFloats { get; }

    /// <summary>Where the top layer's h starts within the row; <see cref="ModelShape.Hidden"/> floats in their natural order.</summary>
    public abstract int TopHiddenOffset { get; }

    /// <summary>Working memory of a step. One per thread, reused.</summary>
    public abstract StepScratch CreateScratch(int maxRows);

    /// <summary>Steps the picked rows once, in place.</summary>
    /// <param name="x">[B, Inputs], row-major.</param>
    /// <param name="slab">The state rows of many streams.</param>
    /// <param name="rows">[B] row numbers in the slab, all different.</param>
    /// <param name="y">[B, Outputs]; overwritten. Empty where the shape has no head.</param>
    /// <param name="scratch">From <see cref="CreateScratch"/> of this model, for at least B rows.</param>
    /// <remarks>A row's numbers do not depend on B, on its place in the batch, or on the vector width. Allocates nothing.</remarks>
    public abstract void Step(ReadOnlySpan<float> x, StateSlab slab, ReadOnlySpan<int> rows, Span<float> y, StepScratch scratch);
}

/// <summary>Working memory of <see cref="SequenceModel.Step"/>.</summary>
public abstract class StepScratch;
