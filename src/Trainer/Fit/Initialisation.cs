using StreamRnn.Cells.Layers;

namespace StreamRnn.Trainer.Fit;

/// <summary>The parameters a network starts from.</summary>
public static class Initialisation
{
    private const ulong Weights = 4;

    /// <summary>
    /// Initialises as PyTorch does: a recurrent layer uniform within 1 / sqrt(hidden), a linear layer within 1 / sqrt(its inputs), an
    /// embedding normal.
    /// </summary>
    /// <param name="zeroHead">Starts the head at zero, so that the untrained network says nothing.</param>
    /// <param name="forgetBias">Added to the LSTM's forget gate (Jozefowicz et al. 2015); 0 leaves PyTorch's.</param>
    public static float[] Uniform(ModelShape shape, ulong seed, bool zeroHead = false, float forgetBias = 0)
    {
        var layout = new ParameterLayout(shape);
        var random = SplitMix.Of(seed, Weights);
        float[] block = new float[layout.Length];
        double bound = 0;
        foreach (Parameter parameter in layout.Parameters)
        {
            bool recurrent = parameter.Name.StartsWith("rnn.", StringComparison.Ordinal);
            bool embedding = parameter.Name.StartsWith("embedding.", StringComparison.Ordinal);
            if (recurrent)
                bound = 1 / Math.Sqrt(shape.Hidden);
            else if (parameter.Dimensions.Count == 2)
                bound = 1 / Math.Sqrt(parameter.Slot.Columns);   // and of the bias that follows
            bool zero = zeroHead && parameter.Name.StartsWith("head.", StringComparison.Ordinal);
            foreach (ref float weight in parameter.Slot.In(block.AsSpan()))
                weight = (float)(zero ? 0 : embedding ? random.Normal() : bound * (2 * random.Uniform() - 1));
            if (shape.Cell == CellKind.Lstm && parameter.Name.StartsWith("rnn.bias_ih", StringComparison.Ordinal))
                foreach (ref float bias in parameter.Slot.In(block.AsSpan()).Slice(shape.Hidden, shape.Hidden))
                    bias += forgetBias;
        }
        return block;
    }
}
