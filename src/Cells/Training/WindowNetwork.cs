using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;

namespace StreamRnn.Cells.Training;

/// <summary>
/// The same network over windows: T steps forward with a tape, and back. Cells, weights and order of summation are those of
/// <see cref="SequenceModel"/>, so that a window gives the numbers, to the bit, that its events give one by one.
/// </summary>
/// <remarks>Used by one thread at a time. Allocates nothing after the first call.</remarks>
public abstract class WindowNetwork : IDisposable
{
    private protected WindowNetwork(ModelShape shape) => (Shape, Layout) = (shape, new ParameterLayout(shape));

    public ModelShape Shape { get; }

    public ParameterLayout Layout { get; }

    /// <param name="shape">Shape of the parameters.</param>
    /// <param name="maxRows">Rows of the largest batch.</param>
    /// <param name="maxSteps">Steps of the longest window.</param>
    /// <param name="threads">Threads that share the rows of a batch, the caller's included. The numbers do not depend on it.</param>
    public static WindowNetwork Create(ModelShape shape, int maxRows, int maxSteps, int threads = 1) =>
        Create(shape, maxRows, maxSteps, threads, LaneWidth.Floats);

    /// <summary>The same for a lane of 16, 8 or 4 floats. The numbers are the same, the speed is not.</summary>
    internal static WindowNetwork Create(ModelShape shape, int maxRows, int maxSteps, int threads, int laneFloats)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxRows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxSteps);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        return laneFloats switch
        {
            16 => new WindowStack<Lane512>(shape, maxRows, maxSteps, threads),
            8 => new WindowStack<Lane256>(shape, maxRows, maxSteps, threads),
            4 => new WindowStack<Lane128>(shape, maxRows, maxSteps, threads),
            _ => throw new ArgumentOutOfRangeException(nameof(laneFloats), laneFloats, "A lane has 16, 8 or 4 floats."),
        };
    }

    /// <summary>Packs the parameters for this machine; to be called again whenever they have changed.</summary>
    /// <param name="block">In the order of <see cref="ParameterLayout"/>.</param>
    public abstract void SetParameters(ReadOnlySpan<float> block);

    /// <summary>Runs the windows and fills the batch's outputs and final state.</summary>
    public abstract void Forward(WindowBatch batch);

    /// <summary>
    /// The way back of the latest <see cref="Forward"/>, of the same batch, from its output and final gradients.
    /// </summary>
    /// <param name="batch">Its input and initial gradients are filled where it wants them.</param>
    /// <param name="gradient">dL/dparameters in the order of <see cref="ParameterLayout"/>; overwritten.</param>
    /// <remarks>Rows are cut into slices of a fixed size and the slices' gradients added in order, so threads change no bit.</remarks>
    public abstract void Backward(WindowBatch batch, Span<float> gradient);

    /// <summary>Outputs of a layer at every step of the latest <see cref="Forward"/>, before dropout; 0 beyond a row's length.</summary>
    /// <param name="layer">From the lowest.</param>
    /// <param name="output">[T, B, directions * H], overwritten.</param>
    public abstract void CopyLayerOutput(int layer, Span<float> output);

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}
