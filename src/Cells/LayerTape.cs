namespace StreamRnn.Cells;

/// <summary>
/// What one layer in one direction keeps of a window, for one slice of rows. Step s is the s-th that the layer takes: time s, or T - 1 - s
/// where it runs backwards.
/// </summary>
internal sealed unsafe class LayerTape
{
    /// <summary>Rows of a slice. Fixed, because the gradients of slices are added one after the other, whatever thread they come from.</summary>
    public const int SliceRows = 16;

    /// <summary>Steps whose sums' gradients are collected before they meet the operands: as many as stay in the first cache levels.</summary>
    public const int ChunkSteps = 4;

    private readonly PinnedFloats _operands, _states, _frames, _stateGradients, _sumGradients, _gradients, _recurrentMask, _maskedGradients;
    private readonly int _frameFloats;
    private readonly bool _backwards;

    /// <param name="shape">The network's.</param>
    /// <param name="layer">Which layer.</param>
    /// <param name="direction">0, or 1 for backwards in time.</param>
    /// <param name="maxSteps">The largest T.</param>
    /// <param name="chains">Sums per unit.</param>
    /// <param name="framesFloats">Floats of all frames of one row.</param>
    public LayerTape(ModelShape shape, int layer, int direction, int maxSteps, int chains, int framesFloats)
    {
        int hidden = shape.PaddedHidden, inputs = shape.InputsOf(layer);
        _backwards = direction == 1;
        _frameFloats = framesFloats;

        // A line more than needed: rows, and with them steps, then do not lie a power of two apart.
        OperandFloats = PinnedFloats.WholeLines(hidden + inputs + 1);
        StateFloats = shape.StateVariables * hidden + 16;
        SumFloats = chains * hidden + 16;
        _operands = new PinnedFloats(checked(maxSteps * SliceRows * OperandFloats));
        _states = new PinnedFloats(checked((maxSteps + 1) * SliceRows * StateFloats));
        _frames = new PinnedFloats(checked(maxSteps * SliceRows * _frameFloats));
        _stateGradients = new PinnedFloats(SliceRows * StateFloats);
        _gradients = new PinnedFloats(checked((hidden + inputs + 1) * SumFloats));
        _recurrentMask = new PinnedFloats(SliceRows * hidden);
        _maskedGradients = new PinnedFloats(SliceRows * hidden);
        _sumGradients = new PinnedFloats(ChunkSteps * SliceRows * SumFloats);
        for (nint row = 0; row < maxSteps * SliceRows; row++)
            _operands.Start[row * OperandFloats + hidden + inputs] = 1;
    }

    /// <summary>Rows in use; those of all steps lie side by side.</summary>
    public int Rows { get; set; }

    /// <summary>Floats of a row of [h | x | 1], h padded to whole cache lines: what the weights and the bias multiply.</summary>
    public int OperandFloats { get; }

    /// <summary>Floats of a row of [h | c], each padded to whole cache lines.</summary>
    public int StateFloats { get; }

    /// <summary>Floats of a row of dL/dsums: chain after chain, units padded to whole cache lines.</summary>
    public int SumFloats { get; }

    /// <summary>dL/dsums of a chunk of steps, [steps, rows]; what a row stands still for is zero.</summary>
    public float* SumGradients => _sumGradients.Start;

    /// <summary>[h padded, x, 1] by [chains, padded units]: dL/dweights, and in the last row dL/dbias.</summary>
    public PinnedFloats Gradients => _gradients;

    /// <summary>[rows] of [h | c]: dL/dstate on the way back.</summary>
    public float* StateGradients => _stateGradients.Start;

    /// <summary>[rows, padded units]: what h is multiplied by before U reads it; of recurrent dropout.</summary>
    public float* RecurrentMask => _recurrentMask.Start;

    /// <summary>[rows, padded units], working memory: dL/d of what U reads, before it passes the mask.</summary>
    public float* MaskedGradients => _maskedGradients.Start;

    /// <summary>[rows] of what step s multiplies.</summary>
    public float* Operands(int step) => _operands.Start + (nint)step * Rows * OperandFloats;

    /// <summary>[rows] of the state before step s; after the last, the final one.</summary>
    public float* States(int step) => _states.Start + (nint)step * Rows * StateFloats;

    /// <summary>[tiles, rows] frames of step s.</summary>
    public float* Frames(int step) => _frames.Start + (nint)step * Rows * _frameFloats;

    /// <summary>The layer's step at a time, and the time of a step: its own inverse.</summary>
    public int StepAt(int time, int steps) => _backwards ? steps - 1 - time : time;

    /// <summary>h of a row after the step at a time.</summary>
    public float* Output(int time, int row, int steps) => States(StepAt(time, steps) + 1) + (nint)row * StateFloats;
}
