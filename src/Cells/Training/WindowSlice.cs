using System.Runtime.CompilerServices;
using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;

namespace StreamRnn.Cells.Training;

/// <summary>
/// A fixed number of rows of a batch: their tapes, and the ways between batch, layers and head. What a layer reads is written to its
/// tape, dropped out; what flows back is dropped out where it leaves.
/// </summary>
internal sealed unsafe class WindowSlice
{
    private readonly ModelShape _shape;
    private readonly LayerTape[] _tapes;   // [layers * directions]
    private readonly PinnedFloats[] _inputGradients;   // by layer: [T, rows, inputs in whole cache lines]
    private readonly Func<int, int, HeadTape> _createHead;
    private readonly int _firstRow, _maxSteps;
    private WindowBatch _batch;
    private HeadTape? _head;
    private int _maxCells;

    /// <param name="shape">The network's.</param>
    /// <param name="firstRow">The batch's row that is row 0 here.</param>
    /// <param name="batch">The first of many.</param>
    /// <param name="maxSteps">The largest T.</param>
    /// <param name="createTape">By layer and direction.</param>
    /// <param name="createHead">By values and cells.</param>
    public WindowSlice(ModelShape shape, int firstRow, WindowBatch batch, int maxSteps, Func<int, int, LayerTape> createTape, Func<int, int, HeadTape> createHead)
    {
        (_shape, _firstRow, _batch, _maxSteps, _createHead) = (shape, firstRow, batch, maxSteps, createHead);
        _tapes = [.. Enumerable.Range(0, shape.Layers * shape.Directions).Select(i => createTape(i / shape.Directions, i % shape.Directions))];
        _inputGradients = [.. Enumerable.Range(0, shape.Layers).Select(layer => new PinnedFloats(layer == 0 ? 0 : InputGradientFloats(layer)))];
    }

    /// <summary>Rows of the batch that are here.</summary>
    public int Rows => Math.Min(SumsTape.SliceRows, _batch.Rows - _firstRow);

    /// <summary>Steps of each row.</summary>
    public ReadOnlySpan<int> Lengths => _batch.Lengths.Slice(_firstRow, Rows);

    public HeadTape Head => _head!;

    /// <summary>Rows, or rows at a step, that the head speaks at.</summary>
    public int Cells => EveryStep ? _batch.Steps * Rows : Rows;

    /// <summary>Floats from one row of <see cref="OutputGradients"/> to the next.</summary>
    public int OutputStride => PinnedFloats.WholeLines(OutputFloats);

    /// <summary>Partial gradients whose sums over the slices are gradients of parameters.</summary>
    public PinnedFloats[] Gradients { get; private set; } = [];

    private bool EveryStep => _batch.At == OutputsAt.EveryStep;

    private bool WantsInputGradients => _batch.WantsInputGradients || _shape.Vocabulary > 0;

    /// <summary>Values a layer gives at a step.</summary>
    private int OutputFloats => _shape.Directions * _shape.Hidden;

    public LayerTape Tape(int layer, int direction) => _tapes[layer * _shape.Directions + direction];

    /// <summary>Takes a batch's initial state, and draws the masks of recurrent dropout.</summary>
    public void Begin(WindowBatch batch)
    {
        _batch = batch;
        if (_head is null || _maxCells < Cells)
            CreateHead();
        for (int i = 0; i < _tapes.Length; i++)
        {
            _tapes[i].Rows = Rows;
            for (int row = 0; row < Rows; row++)
            {
                for (int variable = 0; variable < _shape.StateVariables; variable++)
                    StateOf(batch.Initial, i, variable, row).CopyTo(State(_tapes[i].States(0), _tapes[i], variable, row));
                if (batch.Dropout.Recurrent > 0)
                {
                    float* mask = _tapes[i].RecurrentMask + (nint)row * _shape.PaddedHidden;
                    new Span<float>(mask, _shape.PaddedHidden).Fill(1);
                    Dropout.Apply(mask, _shape.Hidden, batch.Dropout.Recurrent, batch.Dropout.Seed, RecurrentPlace(i), _firstRow + row, step: 0);
                }
            }
        }
    }

    /// <summary>
    /// Writes the inputs of a layer: the event, the embedding of its token, or the outputs of the layer below. Zeros where a row has ended.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Feed(int layer, int direction, float* embedding)
    {
        LayerTape tape = Tape(layer, direction);
        SumsTape first = tape.Sums[0];
        int inputs = _shape.InputsOf(layer), rows = Rows, batchRows = _batch.Rows;
        ReadOnlySpan<int> lengths = Lengths, tokens = _batch.Tokens;
        ReadOnlySpan<float> events = _batch.Inputs;
        for (int time = 0; time < _batch.Steps; time++)
        {
            int step = tape.StepAt(time, _batch.Steps);
            float* x = first.Operands(step) + first.Padded;
            for (int row = 0; row < rows; row++, x += first.OperandFloats)
            {
                int cell = time * batchRows + _firstRow + row;
                if (time >= lengths[row])
                    new Span<float>(x, inputs).Clear();
                else if (layer > 0)
                    FeedFromBelow(layer, time, row, x);
                else if (tokens.Length > 0)
                    new ReadOnlySpan<float>(embedding + (nint)tokens[cell] * inputs, inputs).CopyTo(new Span<float>(x, inputs));
                else
                    for (int i = 0; i < inputs; i++)
                        x[i] = events[cell * inputs + i];
                foreach (SumsTape other in tape.Sums.AsSpan(1))
                    new ReadOnlySpan<float>(x, inputs).CopyTo(new Span<float>(other.Operands(step) + (nint)row * other.OperandFloats + other.Padded, inputs));
            }
        }
    }

    /// <summary>Copies h of both directions after the step at a time, before dropout; zeros where the row has ended.</summary>
    public void CopyOutput(int layer, int time, int row, float* to)
    {
        var output = new Span<float>(to, OutputFloats);
        if (time >= Lengths[row])
        {
            output.Clear();
            return;
        }

        for (int direction = 0; direction < _shape.Directions; direction++)
            new ReadOnlySpan<float>(Tape(layer, direction).Output(time, row, _batch.Steps), _shape.Hidden).CopyTo(output[(direction * _shape.Hidden)..]);
    }

    /// <summary>Writes what the dense layers or the head read.</summary>
    public void FeedHead()
    {
        for (int cell = 0; cell < Cells; cell++)
        {
            (int time, int row) = Math.DivRem(cell, Rows);
            float* x = Head.Values(0) + (nint)cell * OutputStride;
            if (EveryStep)
            {
                CopyOutput(_shape.Layers - 1, time, row, x);
            }
            else
            {
                for (int direction = 0; direction < _shape.Directions; direction++)
                    State(Tape(_shape.Layers - 1, direction).States(_batch.Steps), Tape(_shape.Layers - 1, direction), 0, row).CopyTo(new Span<float>(x + direction * _shape.Hidden, _shape.Hidden));
            }

            DropOutput(x, cell);
        }
    }

    /// <summary>Fills the batch's outputs and final state.</summary>
    public void End()
    {
        int outputs = _batch.OutputFloats;
        for (int cell = 0; cell < Cells; cell++)
        {
            Span<float> to = OutputOf(_batch.Outputs, cell);
            if (Speaks(cell))
                new ReadOnlySpan<float>(Head.Values(Head.Last) + (nint)cell * Head.Stride(Head.Last), outputs).CopyTo(to);
            else
                to.Clear();
        }

        for (int i = 0; i < _tapes.Length; i++)
            for (int variable = 0; variable < _shape.StateVariables; variable++)
                for (int row = 0; row < Rows; row++)
                    State(_tapes[i].States(_batch.Steps), _tapes[i], variable, row).CopyTo(StateOf(_batch.Final, i, variable, row));
    }

    /// <summary>Takes the batch's output and final gradients.</summary>
    public void BeginBackward()
    {
        if (WantsInputGradients && _inputGradients[0].Length == 0)
            _inputGradients[0] = new PinnedFloats(InputGradientFloats(0));
        for (int cell = 0; cell < Cells; cell++)
        {
            var to = new Span<float>(Head.ValueGradients(Head.Last) + (nint)cell * Head.Stride(Head.Last), _batch.OutputFloats);
            if (Speaks(cell))
                OutputOf(_batch.OutputGradients, cell).CopyTo(to);
            else
                to.Clear();
        }

        for (int i = 0; i < _tapes.Length; i++)
            for (int variable = 0; variable < _shape.StateVariables; variable++)
                for (int row = 0; row < Rows; row++)
                    StateOf(_batch.FinalGradients, i, variable, row).CopyTo(State(_tapes[i].StateGradients, _tapes[i], variable, row));
    }

    /// <summary>Carries gradients from the head to the top layer.</summary>
    public void LeaveHead()
    {
        for (int cell = 0; cell < Cells; cell++)
        {
            float* dx = Head.ValueGradients(0) + (nint)cell * OutputStride;
            DropOutput(dx, cell);
            if (EveryStep)
                continue;
            for (int direction = 0; direction < _shape.Directions; direction++)
            {
                LayerTape tape = Tape(_shape.Layers - 1, direction);
                Span<float> dh = State(tape.StateGradients, tape, 0, cell);
                for (int j = 0; j < dh.Length; j++)
                    dh[j] += dx[direction * _shape.Hidden + j];
            }
        }
    }

    /// <summary>[T, rows, directions * H in whole cache lines], from the direction's first unit: dL/d of what a layer gives at each step. Null where it gives only its last.</summary>
    public float* OutputGradients(int layer, int direction)
    {
        if (layer < _shape.Layers - 1)
            return InputGradients(layer + 1) + direction * _shape.Hidden;
        return EveryStep ? Head.ValueGradients(0) + direction * _shape.Hidden : null;
    }

    /// <summary>[T, rows, inputs in whole cache lines] of dL/d of a layer's inputs. Null where they are not wanted.</summary>
    public float* InputGradients(int layer) => layer > 0 || WantsInputGradients ? _inputGradients[layer].Start : null;

    public void ClearInputGradients(int layer)
    {
        if (InputGradients(layer) != null)
            new Span<float>(InputGradients(layer), _batch.Steps * Rows * PinnedFloats.WholeLines(_shape.InputsOf(layer))).Clear();
    }

    /// <summary>Carries gradients from a layer to the one below, or to the batch.</summary>
    public void LeaveLayer(int layer)
    {
        int inputs = _shape.InputsOf(layer);
        if (layer == 0 ? !_batch.WantsInputGradients || _shape.Vocabulary > 0 : _batch.Dropout.BetweenLayers == 0)
            return;
        for (int cell = 0; cell < _batch.Steps * Rows; cell++)
        {
            (int time, int row) = Math.DivRem(cell, Rows);
            float* dx = InputGradients(layer) + (nint)cell * PinnedFloats.WholeLines(inputs);
            if (layer == 0)
                new ReadOnlySpan<float>(dx, inputs).CopyTo(_batch.InputGradients.Slice((time * _batch.Rows + _firstRow + row) * inputs, inputs));
            else
                Dropout.Apply(dx, inputs, _batch.Dropout.BetweenLayers, _batch.Dropout.Seed, layer, _firstRow + row, time);
        }
    }

    /// <summary>Fills the batch's initial gradients.</summary>
    public void EndBackward()
    {
        if (!_batch.WantsInputGradients)
            return;
        for (int i = 0; i < _tapes.Length; i++)
            for (int variable = 0; variable < _shape.StateVariables; variable++)
                for (int row = 0; row < Rows; row++)
                    State(_tapes[i].StateGradients, _tapes[i], variable, row).CopyTo(StateOf(_batch.InitialGradients, i, variable, row));
    }

    /// <summary>Adds dL/dembedding, step after step and row after row.</summary>
    public void AddEmbeddingGradients(Span<float> gradient)
    {
        if (_shape.Vocabulary == 0)
            return;
        int inputs = _shape.Inputs;
        for (int cell = 0; cell < _batch.Steps * Rows; cell++)
        {
            (int time, int row) = Math.DivRem(cell, Rows);
            float* dx = InputGradients(0) + (nint)cell * PinnedFloats.WholeLines(inputs);
            Span<float> to = gradient.Slice(_batch.Tokens[time * _batch.Rows + _firstRow + row] * inputs, inputs);
            for (int j = 0; j < inputs; j++)
                to[j] += dx[j];
        }
    }

    private void CreateHead()
    {
        _maxCells = EveryStep ? _maxSteps * SumsTape.SliceRows : SumsTape.SliceRows;
        _head = _createHead(OutputFloats, _maxCells);
        Gradients = [.. _tapes.SelectMany(tape => tape.Sums).Select(sums => sums.Gradients), .. _head.Gradients];
    }

    private void FeedFromBelow(int layer, int time, int row, float* x)
    {
        CopyOutput(layer - 1, time, row, x);
        Dropout.Apply(x, OutputFloats, _batch.Dropout.BetweenLayers, _batch.Dropout.Seed, layer, _firstRow + row, time);
    }

    private int InputGradientFloats(int layer) => checked(_maxSteps * SumsTape.SliceRows * PinnedFloats.WholeLines(_shape.InputsOf(layer)));

    /// <summary>The row has a step at the cell's time.</summary>
    private bool Speaks(int cell) => !EveryStep || cell / Rows < Lengths[cell % Rows];

    private void DropOutput(float* values, int cell)
    {
        (int time, int row) = Math.DivRem(cell, Rows);
        Dropout.Apply(values, OutputFloats, _batch.Dropout.Output, _batch.Dropout.Seed, _shape.Layers, _firstRow + row, EveryStep ? time : Lengths[row] - 1);
    }

    private int RecurrentPlace(int tape) => _shape.Layers + 1 + tape;

    private Span<float> OutputOf(Span<float> outputs, int cell)
    {
        (int time, int row) = Math.DivRem(cell, Rows);
        return outputs.Slice((time * _batch.Rows + _firstRow + row) * _batch.OutputFloats, _batch.OutputFloats);
    }

    /// <summary>One row of a [layers * directions, variables, B, H] of the batch.</summary>
    private Span<float> StateOf(Span<float> states, int tape, int variable, int row) =>
        states.Slice(((tape * _shape.StateVariables + variable) * _batch.Rows + _firstRow + row) * _shape.Hidden, _shape.Hidden);

    private Span<float> State(float* states, LayerTape tape, int variable, int row) =>
        new(states + (nint)row * tape.StateFloats + variable * _shape.PaddedHidden, _shape.Hidden);
}
