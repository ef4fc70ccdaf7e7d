namespace StreamRnn.Detection;

/// <summary>A forecast of the next value.</summary>
/// <param name="Value">The value expected.</param>
/// <param name="Lower">5 % quantile; NaN where the model does not say.</param>
/// <param name="Upper">95 % quantile; NaN where the model does not say.</param>
public readonly record struct ValueForecast(double Value, double Lower = double.NaN, double Upper = double.NaN);

/// <summary>
/// What a trained network sees of a stream, and what its outputs say of the next value. Immutable and shared; what it remembers of a stream
/// lies in the stream's state row and starts as all zero. Worker and trainer encode with this one piece of code.
/// </summary>
public abstract class ValueEncoder
{
    /// <summary>Inputs of the network.</summary>
    public abstract int InputCount { get; }

    /// <summary>Outputs of the network.</summary>
    public abstract int OutputCount { get; }

    /// <summary>Floats of memory per stream; even, as doubles may lie in it.</summary>
    public abstract int MemoryFloats { get; }

    /// <summary>Takes in a value.</summary>
    /// <param name="memory">The stream's.</param>
    /// <param name="time">Nanoseconds since 1970 UTC.</param>
    /// <param name="value">Finite.</param>
    /// <param name="inputs">[InputCount], overwritten.</param>
    public abstract void Encode(Span<float> memory, long time, double value, Span<float> inputs);

    /// <summary>Decodes the network's outputs into the forecast of the next value.</summary>
    /// <param name="value">The one just taken in.</param>
    public abstract ValueForecast Decode(ReadOnlySpan<float> memory, double value, ReadOnlySpan<float> outputs);
}

/// <summary>The value less a fixed mean, by a fixed deviation; the first output is the next value in the same measure.</summary>
internal sealed class ZScoreEncoder(double mean, double deviation) : ValueEncoder
{
    /// <summary>Far beyond any value that was learned from, and no infinity: one times a weight of zero would be no number for ever after.</summary>
    private const double Largest = 1e30;

    public override int InputCount => 1;

    public override int OutputCount => 1;

    public override int MemoryFloats => 0;

    public override void Encode(Span<float> memory, long time, double value, Span<float> inputs) =>
        inputs[0] = (float)Math.Clamp((value - mean) / deviation, -Largest, Largest);

    public override ValueForecast Decode(ReadOnlySpan<float> memory, double value, ReadOnlySpan<float> outputs) => new(mean + deviation * outputs[0]);
}
