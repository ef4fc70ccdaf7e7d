using StreamRnn.Cells.Training;

namespace StreamRnn.Trainer.Fit;

/// <summary>A series as a network sees it: what goes in at each row, and what should come out of it.</summary>
/// <param name="InputSize">Inputs of a row.</param>
/// <param name="Inputs">[rows, InputSize].</param>
/// <param name="TargetSize">Targets of a row.</param>
/// <param name="Targets">[rows, TargetSize]; NaN where there is none.</param>
internal sealed record Sequence(int InputSize, float[] Inputs, int TargetSize, float[] Targets)
{
    public int Count => Inputs.Length / InputSize;

    /// <summary>Copies the inputs of rows [start, start + steps) into place b of a time-major batch.</summary>
    internal void CopyInputs(int start, int steps, int b, WindowBatch batch)
    {
        for (int t = 0; t < steps; t++)
            Inputs.AsSpan((start + t) * InputSize, InputSize).CopyTo(batch.Inputs.Slice((t * batch.Rows + b) * InputSize, InputSize));
    }

    internal ReadOnlySpan<float> TargetsOf(int row) => Targets.AsSpan(row * TargetSize, TargetSize);
}

/// <summary>Cuts sequences into the batches of an epoch. What it gives depends on its arguments alone.</summary>
public abstract class BatchSource
{
    /// <summary>The most sequences side by side.</summary>
    public abstract int MaxRows { get; }

    /// <summary>The most steps of a batch: how far back a gradient reaches.</summary>
    public abstract int MaxSteps { get; }

    public abstract OutputsAt At { get; }

    public abstract int TargetSize { get; }

    /// <summary>Rows of the sequences that a batch may show, targets included; one range per sequence.</summary>
    public abstract IReadOnlyList<RowRange> Reach { get; }

    /// <summary>Prepares an epoch.</summary>
    /// <returns>Number of batches in the epoch.</returns>
    public abstract int Begin(ulong seed, int epoch);

    /// <summary>Fills in a batch of the epoch: rows, steps, inputs and initial state. Batches are asked for in their order, each after the last was stepped.</summary>
    /// <param name="targets">Room for [steps, rows, TargetSize], or [rows, TargetSize] where only the last step has outputs.</param>
    /// <returns>Number of rows filled.</returns>
    public abstract int Fill(int index, WindowBatch batch, Span<float> targets);
}

/// <summary>
/// Windows of equal length in random order, each from the zero state. Where every step has outputs, the first ones may go unscored: a
/// network that streams is never as new as a window's first steps.
/// </summary>
internal sealed class ShuffledWindows : BatchSource
{
    private const ulong Order = 1;

    private readonly IReadOnlyList<Sequence> _sequences;
    private readonly List<(int Sequence, int Start)> _windows = [];
    private readonly int _unscored;
    private readonly int[] _order;

    /// <param name="sequences">Encoded series.</param>
    /// <param name="ranges">Rows of each that may be seen, inputs and targets.</param>
    /// <param name="steps">Length of a window.</param>
    /// <param name="horizon">Rows from a row to its farthest target.</param>
    /// <param name="rows">Windows of a batch.</param>
    /// <param name="at">Steps that have targets.</param>
    /// <param name="stride">Rows from one window's start to the next.</param>
    /// <param name="unscored">First steps without targets.</param>
    public ShuffledWindows(IReadOnlyList<Sequence> sequences, IReadOnlyList<RowRange> ranges, int steps, int horizon, int rows, OutputsAt at,
        int stride = 1, int unscored = 0)
    {
        (_sequences, MaxSteps, MaxRows, At, _unscored, Reach) = (sequences, steps, rows, at, unscored, ranges);
        for (int s = 0; s < sequences.Count; s++)
            for (int start = ranges[s].Start; start + steps + horizon <= ranges[s].End; start += stride)
                _windows.Add((s, start));
        _order = new int[_windows.Count];
        if (_windows.Count == 0)
            throw new InvalidDataException($"No window of {steps} rows and a horizon of {horizon} fits into the training rows {string.Join(", ", ranges)}; set a shorter --window.");
    }

    public override int MaxRows { get; }

    public override int MaxSteps { get; }

    public override OutputsAt At { get; }

    public override int TargetSize => _sequences[0].TargetSize;

    public override IReadOnlyList<RowRange> Reach { get; }

    public int WindowCount => _windows.Count;

    public override int Begin(ulong seed, int epoch)
    {
        for (int i = 0; i < _order.Length; i++)
            _order[i] = i;
        SplitMix.Of(seed, Order, (ulong)epoch).Shuffle(_order);
        return (_windows.Count + MaxRows - 1) / MaxRows;
    }

    public override int Fill(int index, WindowBatch batch, Span<float> targets)
    {
        ReadOnlySpan<int> picked = _order.AsSpan(index * MaxRows, Math.Min(MaxRows, _order.Length - index * MaxRows));
        batch.Resize(picked.Length, MaxSteps);
        int size = TargetSize;
        for (int b = 0; b < picked.Length; b++)
        {
            (int s, int start) = _windows[picked[b]];
            Sequence sequence = _sequences[s];
            sequence.CopyInputs(start, MaxSteps, b, batch);
            if (At == OutputsAt.LastStep)
            {
                sequence.TargetsOf(start + MaxSteps - 1).CopyTo(targets.Slice(b * size, size));
                continue;
            }
            for (int t = 0; t < MaxSteps; t++)
            {
                Span<float> target = targets.Slice((t * picked.Length + b) * size, size);
                if (t < _unscored)
                    target.Fill(float.NaN);
                else
                    sequence.TargetsOf(start + t).CopyTo(target);
            }
        }
        return (At == OutputsAt.LastStep ? 1 : MaxSteps) * picked.Length * size;
    }
}

/// <summary>
/// Contiguous lanes, stepped side by side in pieces. A piece starts from the final state of the one before, so the state spans the whole
/// lane while the gradient stays within a piece.
/// </summary>
internal sealed class ContiguousLanes : BatchSource
{
    private const ulong Shift = 2;

    private readonly IReadOnlyList<Sequence> _sequences;
    private readonly List<(int Sequence, int Start, int Length)> _lanes = [];
    private readonly int _longest;
    private int _shift;

    /// <param name="lanes">Number of lanes to aim for; the rows are divided evenly.</param>
    /// <param name="steps">Length of a piece.</param>
    /// <inheritdoc cref="ShuffledWindows(IReadOnlyList{Sequence}, IReadOnlyList{RowRange}, int, int, int, OutputsAt, int, int)"/>
    public ContiguousLanes(IReadOnlyList<Sequence> sequences, IReadOnlyList<RowRange> ranges, int steps, int horizon, int lanes)
    {
        (_sequences, MaxSteps, Reach) = (sequences, steps, ranges);
        int total = ranges.Sum(range => Math.Max(range.Count - horizon, 0));
        int length = Math.Max((total + lanes - 1) / lanes, steps);
        for (int s = 0; s < sequences.Count; s++)
        {
            int end = ranges[s].End - horizon;
            for (int start = ranges[s].Start; start < end; start += length)
                _lanes.Add((s, start, Math.Min(length, end - start)));
        }
        if (_lanes.Count == 0)
            throw new InvalidDataException($"No row with a horizon of {horizon} fits into the training rows {string.Join(", ", ranges)}; set nearer --horizons.");
        _longest = _lanes.Max(lane => lane.Length);
    }

    /// <summary>
    /// Varies the cuts between epochs, so that a gradient does not always end at the same places. Off where lanes are only measured.
    /// </summary>
    public bool CutsElsewhereEachEpoch { get; init; } = true;

    public override int MaxRows => _lanes.Count;

    public override int MaxSteps { get; }

    public override OutputsAt At => OutputsAt.EveryStep;

    public override int TargetSize => _sequences[0].TargetSize;

    public override IReadOnlyList<RowRange> Reach { get; }

    public override int Begin(ulong seed, int epoch)
    {
        _shift = !CutsElsewhereEachEpoch ? 0 : SplitMix.Of(seed, Shift, (ulong)epoch).Below(MaxSteps);
        return (_longest + _shift + MaxSteps - 1) / MaxSteps;
    }

    public override int Fill(int index, WindowBatch batch, Span<float> targets)
    {
        // The first piece is the shorter one: it ends after MaxSteps - shift rows.
        int from = Math.Max(index * MaxSteps - _shift, 0);
        int steps = Math.Min((index + 1) * MaxSteps - _shift, _longest) - from;
        batch.Resize(MaxRows, steps);
        if (index > 0)
            batch.CarryState();

        int size = TargetSize;
        for (int b = 0; b < MaxRows; b++)
        {
            (int s, int start, int length) = _lanes[b];
            int own = Math.Clamp(length - from, 0, steps);
            batch.Lengths[b] = Math.Max(own, 1);   // a lane that has ended stands still as good as: nothing is read of it any more
            if (own > 0)
                _sequences[s].CopyInputs(start + from, own, b, batch);
            for (int t = 0; t < steps; t++)
            {
                Span<float> target = targets.Slice((t * MaxRows + b) * size, size);
                if (t < own)
                    _sequences[s].TargetsOf(start + from + t).CopyTo(target);
                else
                    target.Fill(float.NaN);
            }
        }
        return steps * MaxRows * size;
    }
}
