using StreamRnn.Cells.Sequence;
using StreamRnn.Detection;

namespace StreamRnn.Engine.Recovery;

/// <summary>A step as it was made again.</summary>
/// <param name="Time">Nanoseconds since 1970 UTC.</param>
/// <param name="Hidden">The top layer's h after it; empty where the model has none.</param>
public sealed record StepSeen(long Time, double Value, Verdict Verdict, float[] Hidden);

/// <summary>Share of a gate's units that hardly answered in a step: a sigmoid outside 0.05 to 0.95, a tanh in the same tenth of its range.</summary>
public sealed record GateSaturation(char Gate, double Share);

/// <summary>Records the steps of one stream: the newest ones, and the inputs from which the gates of the last can be recomputed.</summary>
/// <param name="capacity">Steps that are kept.</param>
public sealed class StepTrace(Forecaster model, int capacity)
{
    // A tenth of a range from -1 to 1, half of it at each end.
    private const float NearEnd = 0.05f;

    private readonly Queue<StepSeen> _steps = new();
    private float[] _before = [];
    private float[] _inputs = [];

    /// <summary>Oldest first; at least one.</summary>
    public IReadOnlyCollection<StepSeen> Steps => _steps;

    public StepSeen Last { get; private set; } = null!;

    /// <summary>h before the oldest step that is kept, as the snapshot or the step before it left it.</summary>
    public float[] HiddenBefore { get; private set; } = [];

    /// <summary>There were older steps behind the snapshot.</summary>
    public bool IsCut { get; private set; }

    /// <summary>A step of the stream is about to be made.</summary>
    /// <param name="row">As it is.</param>
    public void Before(ReadOnlySpan<float> row)
    {
        if (model.Network is not SequenceModel network)
            return;
        if (_before.Length == 0)
            (_before, HiddenBefore) = (new float[network.StateFloats], model.HiddenOf(row).ToArray());
        row[..network.StateFloats].CopyTo(_before);
    }

    /// <summary>Records the step after it was made.</summary>
    /// <param name="entry">Of the batch it was in.</param>
    public void After(StepBatch batch, int entry, ReadOnlySpan<float> row)
    {
        _inputs = Forecaster.InputsOf(batch, entry).ToArray();
        Last = new StepSeen(batch.Times[entry], batch.Values[entry], batch.Verdicts[entry], model.HiddenOf(row).ToArray());
        _steps.Enqueue(Last);
        if (_steps.Count > capacity)
            (HiddenBefore, IsCut) = (_steps.Dequeue().Hidden, true);
    }

    /// <summary>
    /// Saturation of the gates in the last step, over all layers, in the order of the cell's parameters; null without gates.
    /// </summary>
    public IReadOnlyList<GateSaturation>? Gates()
    {
        if (model.Network is not SequenceModel network || network.Shape.GateNames.Length == 0)
            return null;
        float[] gates = network.Gates(_inputs, _before);
        string names = network.Shape.GateNames;
        int units = network.Shape.Hidden, layers = network.Shape.Layers;
        return [.. names.Select((name, gate) =>
        {
            float lowest = name is 'g' or 'n' ? -1 : 0, near = NearEnd * (1 - lowest);
            int saturated = Enumerable.Range(0, layers).Sum(layer => new ArraySegment<float>(gates, ((layer * names.Length) + gate) * units, units)
                .Count(value => value < lowest + near || value > 1 - near));
            return new GateSaturation(name, saturated / (double)(layers * units));
        })];
    }
}
