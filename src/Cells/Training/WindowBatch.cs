using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;

namespace StreamRnn.Cells.Training;

/// <summary>Steps of a window that have outputs.</summary>
public enum OutputsAt
{
    EveryStep,

    /// <summary>
    /// The last step of each row, where its length ends. Of a bidirectional network, what each direction gives at its own last step: the
    /// one that runs backwards ends at step 0.
    /// </summary>
    LastStep,
}

/// <summary>
/// A number of windows that a <see cref="WindowNetwork"/> runs together, with room for what it gives back. B rows, T steps, I inputs, H
/// units. Made once for the largest batch and used again; <see cref="Resize"/> changes B and T within that.
/// </summary>
public sealed class WindowBatch
{
    private readonly float[] _inputs, _initial, _final, _outputs, _outputGradients, _finalGradients;
    private readonly int[] _tokens, _lengths;
    private readonly int _maxRows, _maxSteps;
    private float[] _inputGradients = [], _initialGradients = [];

    /// <param name="shape">The network's.</param>
    /// <param name="maxRows">The largest B.</param>
    /// <param name="maxSteps">The largest T.</param>
    /// <param name="at">Steps that have outputs.</param>
    public WindowBatch(ModelShape shape, int maxRows, int maxSteps, OutputsAt at)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxRows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxSteps);
        (Shape, At, _maxRows, _maxSteps) = (shape, at, maxRows, maxSteps);
        int cells = checked(maxRows * maxSteps), states = checked(StateFloats * maxRows);
        _inputs = new float[shape.Vocabulary > 0 ? 0 : checked(cells * shape.Inputs)];
        _tokens = new int[shape.Vocabulary > 0 ? cells : 0];
        _lengths = new int[maxRows];
        (_initial, _final, _finalGradients) = (new float[states], new float[states], new float[states]);
        _outputs = new float[checked((at == OutputsAt.EveryStep ? cells : maxRows) * OutputFloats)];
        _outputGradients = new float[_outputs.Length];
        Resize(maxRows, maxSteps);
    }

    public ModelShape Shape { get; }

    public OutputsAt At { get; }

    /// <summary>B.</summary>
    public int Rows { get; private set; }

    /// <summary>T.</summary>
    public int Steps { get; private set; }

    /// <summary>[T, B, I]; the caller fills it. Empty where events are tokens.</summary>
    public Span<float> Inputs => _inputs.AsSpan(0, Shape.Vocabulary > 0 ? 0 : Steps * Rows * Shape.Inputs);

    /// <summary>[T, B], each below the vocabulary; the caller fills it. Empty where events are values.</summary>
    public Span<int> Tokens => _tokens.AsSpan(0, Shape.Vocabulary > 0 ? Steps * Rows : 0);

    /// <summary>
    /// [B] steps of each row, 1 to T; T unless set. Beyond them the state is unchanged, outputs are 0 and gradients are zero, whatever the
    /// inputs hold there.
    /// </summary>
    public Span<int> Lengths => _lengths.AsSpan(0, Rows);

    /// <summary>[layers * directions, state variables (h, then c), B, H] before the first step; zero unless the caller fills it.</summary>
    public Span<float> Initial => _initial.AsSpan(0, StateFloats * Rows);

    /// <summary>Final state of each row, laid out as <see cref="Initial"/>, after its last step.</summary>
    public Span<float> Final => _final.AsSpan(0, StateFloats * Rows);

    /// <summary>[T, B, O] or, of the last step, [B, O]. O is the number of outputs, or directions * H where there is no head.</summary>
    public Span<float> Outputs => _outputs.AsSpan(0, OutputLength);

    /// <summary>dL/d<see cref="Outputs"/>; the caller fills it before the way back.</summary>
    public Span<float> OutputGradients => _outputGradients.AsSpan(0, OutputLength);

    /// <summary>dL/d<see cref="Final"/>; zero unless the caller fills it.</summary>
    public Span<float> FinalGradients => _finalGradients.AsSpan(0, StateFloats * Rows);

    /// <summary>True if the backward pass also fills <see cref="InputGradients"/> and <see cref="InitialGradients"/>.</summary>
    public bool WantsInputGradients
    {
        get;
        set
        {
            field = value;
            if (value && _initialGradients.Length == 0)
                (_inputGradients, _initialGradients) = (new float[_inputs.Length], new float[_initial.Length]);
        }
    }

    /// <summary>dL/d<see cref="Inputs"/>. Empty where events are tokens, or where it was not asked for.</summary>
    public Span<float> InputGradients => WantsInputGradients ? _inputGradients.AsSpan(0, Inputs.Length) : [];

    /// <summary>dL/d<see cref="Initial"/>. Empty where it was not asked for.</summary>
    public Span<float> InitialGradients => WantsInputGradients ? _initialGradients.AsSpan(0, Initial.Length) : [];

    public DropoutSettings Dropout { get; set; }

    /// <summary>O.</summary>
    public int OutputFloats => Shape.Outputs > 0 ? Shape.Outputs : Shape.Directions * Shape.Hidden;

    private int OutputLength => (At == OutputsAt.EveryStep ? Steps : 1) * Rows * OutputFloats;

    private int StateFloats => Shape.Layers * Shape.Directions * Shape.StateVariables * Shape.Hidden;

    /// <summary>Sets B and T. Lengths become T, initial state and final gradients zero.</summary>
    public void Resize(int rows, int steps)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, _maxRows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(steps, _maxSteps);
        (Rows, Steps) = (rows, steps);
        Lengths.Fill(steps);
        Initial.Clear();
        FinalGradients.Clear();
    }

    /// <summary>Copies the final state to the initial one: stateful training, where a window continues the one before.</summary>
    public void CarryState() => Final.CopyTo(Initial);
}
