using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;

namespace StreamRnn.Detection;

/// <summary>
/// Interface of a model to the engine: turns each new value of a stream into a verdict on it and a forecast of the next one. Immutable and
/// shared by every shard; all that changes between two values is in the stream's state row, which starts with the recurrent state.
/// </summary>
public abstract class Forecaster
{
    /// <summary>Name and the first hex digits of the file's hash, as outputs show it: <c>default@3f2a</c>.</summary>
    public abstract string Name { get; }

    /// <summary>SHA-256 of the file it was read from, in lower-case hexadecimal; empty where there is none.</summary>
    public string Hash { get; init; } = "";

    /// <summary>Floats of one stream's whole state row.</summary>
    public abstract int RowFloats { get; }

    /// <summary>Makes a row that of a stream that has seen nothing.</summary>
    /// <param name="steps">Steps that it has made before all the same: they count in <see cref="Verdict.N"/> and in no other number.</param>
    public abstract void Initialise(Span<float> row, long steps = 0);

    /// <summary>
    /// Makes a row that of a stream which another model served so far. The network begins anew, and what is learned from its state; what
    /// both remember of the stream itself goes on. Between a detector and a bare forecaster that is the number of steps.
    /// </summary>
    /// <param name="before">The other model.</param>
    /// <param name="rowBefore">Its row; not changed.</param>
    public virtual void Adopt(Span<float> row, Forecaster before, Span<float> rowBefore) => Initialise(row, before.StepsOf(rowBefore));

    /// <summary>A batch of this forecaster with its working memory. One per shard, reused.</summary>
    public abstract StepBatch CreateBatch(int capacity);

    /// <summary>Steps every stream of the batch once and fills in its verdicts.</summary>
    /// <remarks>A stream's numbers depend on its own row and values alone. Reads no clock, allocates nothing.</remarks>
    public abstract void Step(StateSlab slab, StepBatch batch);

    /// <summary>The recurrent network in it, whose state a row starts with; null where there is none.</summary>
    public virtual SequenceModel? Network => null;

    /// <summary>The top layer's h in a row; empty where there is none.</summary>
    public ReadOnlySpan<float> HiddenOf(ReadOnlySpan<float> row) => Network is SequenceModel network ? row.Slice(network.TopHiddenOffset, network.Shape.Hidden) : [];

    /// <summary>Network inputs of the last step of a batch; empty for a forecaster without a network.</summary>
    /// <param name="entry">Of the batch.</param>
    public static ReadOnlySpan<float> InputsOf(StepBatch batch, int entry) => batch is EncodedBatch encoded ? encoded.Inputs(entry, 1) : [];

    /// <summary>Steps of the row's stream, those before it began anew included.</summary>
    public virtual long StepsOf(Span<float> row) => 0;
}

/// <summary>A batch of observations, at most one per stream; structure of arrays, [Count] each.</summary>
public class StepBatch(int capacity)
{
    public int Capacity => Rows.Length;

    public int Count { get; set; }

    /// <summary>Row numbers in the slab, all different.</summary>
    public int[] Rows { get; } = new int[capacity];

    /// <summary>Event times, nanoseconds since 1970 UTC.</summary>
    public long[] Times { get; } = new long[capacity];

    /// <summary>Finite observed values.</summary>
    public double[] Values { get; } = new double[capacity];

    /// <summary>Written by the step.</summary>
    public Verdict[] Verdicts { get; } = new Verdict[capacity];
}

/// <summary>Result of a step for one observation. Unknown numbers are NaN here and null or empty outside.</summary>
public struct Verdict
{
    /// <summary>Steps of this stream so far, this one included.</summary>
    public long N;

    /// <summary>The value predicted for this observation before it was seen; NaN for the first.</summary>
    public double Forecast;

    /// <summary>5 % quantile around <see cref="Forecast"/>; NaN until known.</summary>
    public double Lower;

    /// <summary>95 % quantile around <see cref="Forecast"/>; NaN until known.</summary>
    public double Upper;

    /// <summary>The value predicted for the next observation.</summary>
    public double Next;

    /// <summary>Evidence before the alarm gate, in nats.</summary>
    public float Surprise;

    /// <summary>After the alarm gate, in [0, 1].</summary>
    public float Score;

    /// <summary>The score crossed the alarm line.</summary>
    public bool Alarm;

    /// <summary>The gate rests: the stream is new, or an alarm was raised a short while ago.</summary>
    public bool Muted;

    /// <summary>Evidence that makes up the surprise.</summary>
    public Evidence Evidence;
}

/// <summary>The weighted contribution of each evidence channel to the gate's evidence, in nats.</summary>
public struct Evidence
{
    public float Level, Drift, Shock, Season, Quiet, Record;
}
