using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;

namespace StreamRnn.Cells.Sequence;

/// <summary>
/// A stacked recurrent network with a linear head, ready to step. Immutable and shared by every shard; what changes is in the rows.
/// </summary>
public abstract class SequenceModel
{
    private protected SequenceModel(ModelShape shape) => Shape = shape;

    public ModelShape Shape { get; }

    /// <summary>Floats of recurrent state at the start of a stream's row.</summary>
    public int StateFloats => Shape.Layers * Shape.StateVariables * Shape.PaddedHidden;

    /// <summary>Index of the top layer's h within the row; <see cref="ModelShape.Hidden"/> floats in their natural order.</summary>
    public int TopHiddenOffset => HiddenOffset(Shape.Layers - 1);

    /// <summary>Offset of a layer's h, which is its output, within the row. After a step every layer's h is there.</summary>
    /// <param name="layer">From the lowest.</param>
    public int HiddenOffset(int layer) => layer * Shape.StateVariables * Shape.PaddedHidden;

    /// <summary>Packs the parameters for this machine.</summary>
    /// <param name="shape">Shape of the parameters.</param>
    /// <param name="parameters">A block in the order of <see cref="ParameterLayout"/>.</param>
    public static SequenceModel Create(ModelShape shape, ReadOnlySpan<float> parameters) => Create(shape, parameters, LaneWidth.Floats);

    /// <summary>The same for a lane of 16, 8 or 4 floats. The numbers are the same, the speed is not.</summary>
    internal static SequenceModel Create(ModelShape shape, ReadOnlySpan<float> parameters, int laneFloats)
    {
        if (WhyNoSteps(shape) is string why)
            throw new NotSupportedException($"{why}.");
        int expected = new ParameterLayout(shape).Length;
        if (parameters.Length != expected)
            throw new ArgumentException($"{shape} has {expected} parameters, the block has {parameters.Length}.", nameof(parameters));
        return laneFloats switch
        {
            16 => new StackedModel<Lane512>(shape, parameters),
            8 => new StackedModel<Lane256>(shape, parameters),
            4 => new StackedModel<Lane128>(shape, parameters),
            _ => throw new ArgumentOutOfRangeException(nameof(laneFloats), laneFloats, "A lane has 16, 8 or 4 floats."),
        };
    }

    /// <summary>Reason why a network of this shape cannot step with events; null where it can.</summary>
    internal static string? WhyNoSteps(ModelShape shape) => shape switch
    {
        { Bidirectional: true } => $"{shape} is bidirectional: it needs the future and cannot step with events; train it with bidirectional=False",
        _ => null,
    };

    /// <summary>Working memory of a step. One per thread, reused.</summary>
    public abstract StepScratch CreateScratch(int maxRows);

    /// <summary>Steps the picked rows once, in place.</summary>
    /// <param name="x">[B, <see cref="ModelShape.EventFloats"/>], row-major: the values of each event, or its token.</param>
    /// <param name="slab">The state rows of many streams.</param>
    /// <param name="rows">[B] row numbers in the slab, all different.</param>
    /// <param name="y">[B, Outputs]; overwritten. Empty where the shape has no head.</param>
    /// <param name="scratch">From <see cref="CreateScratch"/> of this model, for at least B rows.</param>
    /// <remarks>A row's numbers do not depend on B, on its place in the batch, or on the vector width. Allocates nothing.</remarks>
    public abstract void Step(ReadOnlySpan<float> x, StateSlab slab, ReadOnlySpan<int> rows, Span<float> y, StepScratch scratch);

    /// <summary>The same for a network whose events are tokens.</summary>
    /// <param name="tokens">[B], each below <see cref="ModelShape.Vocabulary"/>.</param>
    /// <inheritdoc cref="Step(ReadOnlySpan{float}, StateSlab, ReadOnlySpan{int}, Span{float}, StepScratch)"/>
    public abstract void Step(ReadOnlySpan<int> tokens, StateSlab slab, ReadOnlySpan<int> rows, Span<float> y, StepScratch scratch);

    /// <summary>The gates of the step that one event would make, for people: makes none, and allocates.</summary>
    /// <param name="x">[<see cref="ModelShape.EventFloats"/>].</param>
    /// <param name="state">[<see cref="StateFloats"/>] before the step.</param>
    /// <returns>[Layers, <see cref="ModelShape.GateNames"/>, Hidden] flat; empty for a cell without gates.</returns>
    public abstract float[] Gates(ReadOnlySpan<float> x, ReadOnlySpan<float> state);

    /// <summary>Describes the argument of a step that does not fit.</summary>
    private protected ArgumentException Misfit(int events, string name, StateSlab slab, ReadOnlySpan<int> rows, Span<float> y, int maxRows)
    {
        if (rows.Length > maxRows)
            return new ArgumentException($"{rows.Length} rows, and a scratch for {maxRows}.", nameof(rows));
        if (events != rows.Length * Shape.EventFloats)
            return new ArgumentException($"{rows.Length} rows of {Shape.EventFloats} inputs are not {events}.", name);
        if (y.Length != rows.Length * Shape.Outputs)
            return new ArgumentException($"{rows.Length} rows of {Shape.Outputs} outputs are not {y.Length} floats.", nameof(y));
        return new ArgumentException($"A state of {StateFloats} floats does not fit rows of {slab.RowFloats}.", nameof(slab));
    }
}

/// <summary>Working memory of the steps of a <see cref="SequenceModel"/>.</summary>
public abstract class StepScratch;
