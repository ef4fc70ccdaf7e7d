using StreamRnn.Cells.Kernels;

namespace StreamRnn.Cells.Layers;

/// <summary>
/// Forward values of a window that the sums of a layer, or of some of its gates, keep for the backward pass, for one slice of rows. Step s
/// is the s-th that the layer takes.
/// </summary>
internal sealed unsafe class SumsTape
{
    /// <summary>Rows of a slice. Fixed, because the gradients of slices are added one after the other, whatever thread they come from (decision 7).</summary>
    public const int SliceRows = 16;

    /// <summary>Steps whose sums' gradients are collected before they meet the operands: as many as stay in the first cache levels.</summary>
    public const int ChunkSteps = 4;

    private readonly PinnedFloats _operands, _frames, _sumGradients;
    private readonly int _frameFloats;

    /// <param name="maxSteps">The largest T.</param>
    /// <param name="padded">Units in whole cache lines.</param>
    /// <param name="inputs">Values the layer reads.</param>
    /// <param name="chains">Sums per unit.</param>
    /// <param name="frameFloats">Floats of all frames of one row.</param>
    public SumsTape(int maxSteps, int padded, int inputs, int chains, int frameFloats)
    {
        (_frameFloats, Padded) = (frameFloats, padded);
        OperandFloats = PinnedFloats.WholeLines(padded + inputs + 1);
        SumFloats = chains * padded + 16;   // a line more, so that rows do not lie a power of two apart
        _operands = new PinnedFloats(checked(maxSteps * SliceRows * OperandFloats));
        _frames = new PinnedFloats(checked(maxSteps * SliceRows * frameFloats));
        _sumGradients = new PinnedFloats(ChunkSteps * SliceRows * SumFloats);
        Gradients = new PinnedFloats(checked((padded + inputs + 1) * SumFloats));
        for (nint row = 0; row < maxSteps * SliceRows; row++)
            _operands.Start[row * OperandFloats + padded + inputs] = 1;
    }

    /// <summary>Rows in use; those of all steps lie side by side.</summary>
    public int Rows { get; set; }

    /// <summary>Index of x in a row of operands.</summary>
    public int Padded { get; }

    /// <summary>Floats of a row of [h | x | 1], h padded to whole cache lines: what the weights and the bias multiply.</summary>
    public int OperandFloats { get; }

    /// <summary>Floats of a row of dL/dsums: chain after chain, units padded to whole cache lines.</summary>
    public int SumFloats { get; }

    /// <summary>[h padded, x, 1] by [chains, padded units]: dL/dweights, and in the last row dL/dbias.</summary>
    public PinnedFloats Gradients { get; }

    /// <summary>[rows] of what step s multiplies.</summary>
    public float* Operands(int step) => _operands.Start + (nint)step * Rows * OperandFloats;

    /// <summary>[tiles, rows] frames of step s.</summary>
    public float* Frames(int step) => _frames.Start + (nint)step * Rows * _frameFloats;

    /// <summary>[rows] of dL/dsums of a step within its chunk; what a row stands still for is zero.</summary>
    public float* SumGradients(int place) => _sumGradients.Start + (nint)place * Rows * SumFloats;
}
