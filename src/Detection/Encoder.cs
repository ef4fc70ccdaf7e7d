using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;

namespace StreamRnn.Detection;

/// <summary>Inputs of a network for a stream, and the working memory of a batch that is encoded in this way.</summary>
internal static class Encoder
{
    /// <summary>The inputs z, and its difference to the z before where the network takes two.</summary>
    public static void Encode(float z, float difference, Span<float> inputs)
    {
        inputs[0] = z;
        if (inputs.Length > 1)
            inputs[1] = difference;
    }

    /// <exception cref="InvalidDataException">The network does not fit.</exception>
    public static void Check(string name, ModelShape shape, int minimumOutputs)
    {
        if (shape.Inputs is not (1 or 2))
            throw new InvalidDataException($"model {name}: it takes {shape.Inputs} inputs, a forecaster feeds 1 (z) or 2 (z and its difference).");
        if (shape.Outputs < minimumOutputs)
            throw new InvalidDataException($"model {name}: it has no head, and a bare forecaster needs one whose first output is the next z.");
    }

    /// <exception cref="InvalidDataException">The network does not fit the encoder.</exception>
    public static void Check(string name, ModelShape shape, ValueEncoder encoder)
    {
        if (shape.Inputs != encoder.InputCount)
            throw new InvalidDataException($"model {name}: it takes {shape.Inputs} inputs, its encoder feeds {encoder.InputCount}; the metadata belongs to another model.");
        if (shape.Outputs != encoder.OutputCount)
            throw new InvalidDataException($"model {name}: it has {shape.Outputs} outputs, its encoder reads {encoder.OutputCount}; the metadata belongs to another model.");
    }
}

/// <summary>A batch with room for the inputs and outputs of a network.</summary>
internal abstract class EncodedBatch(SequenceModel model, int capacity) : StepBatch(capacity)
{
    private readonly float[] _inputs = new float[capacity * model.Shape.Inputs];
    private readonly float[] _outputs = new float[capacity * model.Shape.Outputs];

    public StepScratch ModelScratch { get; } = model.CreateScratch(capacity);

    /// <summary>[count, Inputs] from the first row.</summary>
    public Span<float> Inputs(int count) => Inputs(0, count);

    public Span<float> Inputs(int first, int count) => _inputs.AsSpan(first * model.Shape.Inputs, count * model.Shape.Inputs);

    /// <summary>[count, Outputs] from the first row.</summary>
    public Span<float> Outputs(int count) => Outputs(0, count);

    public Span<float> Outputs(int first, int count) => _outputs.AsSpan(first * model.Shape.Outputs, count * model.Shape.Outputs);
}
