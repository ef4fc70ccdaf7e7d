using System.Text.Json;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;
using StreamRnn.Cells.Training;

namespace StreamRnn.Cells.Files;

/// <summary>
/// A short sequence with the outputs and the final state that a model gave when its file was written, kept in the file's metadata as JSON
/// arrays of shortest round-trip decimals. Replayed at load, it proves that gate order, packing and arithmetic are what they were, to the bit.
/// </summary>
/// <param name="Inputs">[T, inputs], or [T] tokens.</param>
/// <param name="Outputs">[T, outputs].</param>
/// <param name="State">After T steps from zero: [layers * directions, state variables, hidden], without padding.</param>
/// <remarks>A network that cannot step is given all T steps as one window.</remarks>
internal sealed record GoldenVectors(float[] Inputs, float[] Outputs, float[] State)
{
    private const int Steps = 16;
    private const string InputsKey = "golden_inputs", OutputsKey = "golden_outputs", StateKey = "golden_state";

    /// <summary>The vectors of a network, over inputs between -2 and 2 or any tokens.</summary>
    public static GoldenVectors Of(ModelShape shape, ReadOnlySpan<float> parameters)
    {
        float[] inputs = new float[Steps * shape.EventFloats];
        uint seed = 2463534242;   // any but 0: Marsaglia's xorshift32
        foreach (ref float input in inputs.AsSpan())
        {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            input = shape.Vocabulary > 0 ? (seed >> 8) % (uint)shape.Vocabulary : ((int)(seed >> 16) - 32768) / 16384f;
        }

        return Replay(shape, parameters, inputs);
    }

    /// <summary>Reads the vectors from the metadata; null where there are none.</summary>
    public static GoldenVectors? Read(SafeTensors file)
    {
        if (!file.Metadata.ContainsKey(InputsKey))
            return null;
        return new GoldenVectors(Numbers(file, InputsKey), Numbers(file, OutputsKey), Numbers(file, StateKey));
    }

    public void Write(Dictionary<string, string> metadata)
    {
        metadata[InputsKey] = Text(Inputs);
        metadata[OutputsKey] = Text(Outputs);
        metadata[StateKey] = Text(State);
    }

    /// <summary>Describes the first difference between the network and these vectors; null where they agree.</summary>
    public string? FirstDifference(ModelShape shape, ReadOnlySpan<float> parameters)
    {
        if (Inputs.Length == 0 || Inputs.Length % shape.EventFloats != 0)
            return $"{InputsKey} has {Inputs.Length} numbers, which is no multiple of {shape.EventFloats} inputs";
        int strange = shape.Vocabulary == 0 ? -1 : Array.FindIndex(Inputs, token => !(token >= 0 && token < shape.Vocabulary && token == (int)token));
        if (strange >= 0)
            return $"{InputsKey}[{strange}] is {Inputs[strange]}, a token below {shape.Vocabulary} is expected";

        GoldenVectors found = Replay(shape, parameters, Inputs);
        if (Outputs.Length != found.Outputs.Length)
            return $"{OutputsKey} has {Outputs.Length} numbers, {found.Outputs.Length} are expected";
        if (State.Length != found.State.Length)
            return $"{StateKey} has {State.Length} numbers, {found.State.Length} are expected";
        for (int i = 0; i < Outputs.Length; i++)
        {
            if (!SameBits(Outputs[i], found.Outputs[i]))
                return $"golden vectors, step {i / shape.Outputs}, output {i % shape.Outputs}: {Outputs[i]} is recorded, {found.Outputs[i]} is computed";
        }

        for (int i = 0; i < State.Length; i++)
        {
            if (!SameBits(State[i], found.State[i]))
            {
                (int block, int unit) = Math.DivRem(i, shape.Hidden);
                (int layer, int variable) = Math.DivRem(block, shape.StateVariables);
                string reverse = layer % shape.Directions == 0 ? "" : " reverse";
                return $"golden vectors, final state, layer {layer / shape.Directions}{reverse}, {(variable == 0 ? 'h' : 'c')}[{unit}]: {State[i]} is recorded, {found.State[i]} is computed";
            }
        }

        return null;
    }

    private static GoldenVectors Replay(ModelShape shape, ReadOnlySpan<float> parameters, float[] inputs) =>
        SequenceModel.WhyNoSteps(shape) is null ? Step(SequenceModel.Create(shape, parameters), inputs) : Window(shape, parameters, inputs);

    private static GoldenVectors Step(SequenceModel model, float[] inputs)
    {
        ModelShape shape = model.Shape;
        int steps = inputs.Length / shape.EventFloats;
        var slab = new StateSlab(model.StateFloats, pageBytes: 1);
        int row = slab.Add();
        StepScratch scratch = model.CreateScratch(1);
        float[] outputs = new float[steps * shape.Outputs];
        for (int t = 0; t < steps; t++)
            model.Step(inputs.AsSpan(t * shape.EventFloats, shape.EventFloats), slab, [row], outputs.AsSpan(t * shape.Outputs, shape.Outputs), scratch);

        float[] state = new float[shape.Layers * shape.StateVariables * shape.Hidden];
        for (int i = 0; i < state.Length; i++)
            state[i] = slab[row][i / shape.Hidden * shape.PaddedHidden + i % shape.Hidden];
        return new GoldenVectors(inputs, outputs, state);
    }

    private static GoldenVectors Window(ModelShape shape, ReadOnlySpan<float> parameters, float[] inputs)
    {
        int steps = inputs.Length / shape.EventFloats;
        using WindowNetwork network = WindowNetwork.Create(shape, maxRows: 1, steps);
        network.SetParameters(parameters);
        var batch = new WindowBatch(shape, maxRows: 1, steps, OutputsAt.EveryStep);
        if (shape.Vocabulary > 0)
        {
            for (int t = 0; t < steps; t++)
                batch.Tokens[t] = (int)inputs[t];
        }
        else
        {
            inputs.CopyTo(batch.Inputs);
        }

        network.Forward(batch);
        return new GoldenVectors(inputs, shape.Outputs > 0 ? batch.Outputs.ToArray() : [], batch.Final.ToArray());
    }

    private static bool SameBits(float a, float b) => BitConverter.SingleToInt32Bits(a) == BitConverter.SingleToInt32Bits(b);

    private static string Text(float[] numbers) => $"[{string.Join(",", numbers)}]";

    private static float[] Numbers(SafeTensors file, string key)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(file.Metadata.GetValueOrDefault(key, ""));
            return [.. json.RootElement.EnumerateArray().Select(n => n.GetSingle())];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw file.Refuse($"metadata {key} is no JSON array of numbers; write the model again");
        }
    }
}
