using StreamRnn.Cells.Kernels;

namespace StreamRnn.Cells.Layers;

/// <summary>
/// Forward values of a window that one layer in one direction keeps for the backward pass, for one slice of rows. Step s is the s-th that
/// the layer takes: time s, or T - 1 - s where it runs backwards.
/// </summary>
internal sealed unsafe class LayerTape
{
    private readonly PinnedFloats _states, _stateGradients, _recurrentMask, _hiddenGradients;
    private readonly bool _backwards;

    /// <param name="shape">The network's.</param>
    /// <param name="direction">0, or 1 for backwards in time.</param>
    /// <param name="maxSteps">The largest T.</param>
    /// <param name="sums">Of each of the layer's affine maps.</param>
    public LayerTape(ModelShape shape, int direction, int maxSteps, params SumsTape[] sums)
    {
        (_backwards, Sums) = (direction == 1, sums);
        StateFloats = shape.StateVariables * shape.PaddedHidden + 16;   // a line more, so that rows do not lie a power of two apart
        _states = new PinnedFloats(checked((maxSteps + 1) * SumsTape.SliceRows * StateFloats));
        _stateGradients = new PinnedFloats(SumsTape.SliceRows * StateFloats);
        _recurrentMask = new PinnedFloats(SumsTape.SliceRows * shape.PaddedHidden);
        HiddenFloats = 2 * shape.PaddedHidden;
        _hiddenGradients = new PinnedFloats(SumsTape.SliceRows * HiddenFloats);
    }

    /// <summary>One for each affine map; all read the same inputs.</summary>
    public SumsTape[] Sums { get; }

    /// <summary>Rows in use; those of all steps lie side by side.</summary>
    public int Rows
    {
        get;
        set
        {
            field = value;
            foreach (SumsTape sums in Sums)
                sums.Rows = value;
        }
    }

    /// <summary>Floats of a row of [h | c], each padded to whole cache lines.</summary>
    public int StateFloats { get; }

    /// <summary>[rows] of [h | c]: dL/dstate on the way back.</summary>
    public float* StateGradients => _stateGradients.Start;

    /// <summary>[rows, padded units]: what h is multiplied by before U reads it; of recurrent dropout.</summary>
    public float* RecurrentMask => _recurrentMask.Start;

    /// <summary>Floats of a row of <see cref="HiddenGradients"/>.</summary>
    public int HiddenFloats { get; }

    /// <summary>[rows] of dL/d of the input of U and, for a cell that needs it, of the values its gates pass on; working memory.</summary>
    public float* HiddenGradients => _hiddenGradients.Start;

    /// <summary>[rows] of the state before step s; after the last, the final one.</summary>
    public float* States(int step) => _states.Start + (nint)step * Rows * StateFloats;

    /// <summary>The layer's step at a time, and the time of a step: its own inverse.</summary>
    public int StepAt(int time, int steps) => _backwards ? steps - 1 - time : time;

    /// <summary>h of a row after the step at a time.</summary>
    public float* Output(int time, int row, int steps) => States(StepAt(time, steps) + 1) + (nint)row * StateFloats;
}
