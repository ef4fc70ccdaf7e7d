using StreamRnn.Cells.Layers;
using StreamRnn.Trainer.Fit;

namespace StreamRnn.Trainer.Recipes;

/// <summary>
/// A GRU that is never trained (an echo state network with gates): random, but with memories spread over 1 to 150 rows. What a stream needs
/// of it, the adaptive heads pick out. The shipped default model is seed 0 of this.
/// </summary>
/// <remarks>
/// Recurrent weights: one random orthogonal matrix per gate, times 0.9. Input weights: normal, variance 1/2. The update gate's weights are
/// five times smaller and its bias is uniform in [-2, 5], so that a unit's memory is its own and depends little on the input. Only
/// + - * / and square roots are used, so a seed gives the same bytes everywhere.
/// </remarks>
public static class Reservoir
{
    private const double SpectralRadius = 0.9;
    private const double UpdateScale = 0.2;

    /// <summary>The parameters, in the order of <see cref="ParameterLayout"/>.</summary>
    public static float[] Gru(ModelShape shape, ulong seed)
    {
        if (shape.Cell != CellKind.Gru || shape.Layers != 1 || shape.Outputs != 0)
            throw new ArgumentException($"A reservoir is one GRU layer without a head, not {shape}.", nameof(shape));

        var random = new SplitMix(seed);
        var layout = new ParameterLayout(shape);
        float[] parameters = new float[layout.Length];
        Span<float> block = parameters;
        LayerSlots slots = layout.Layer(0);
        int hidden = shape.Hidden;
        double inputScale = 1 / Math.Sqrt(shape.Inputs);
        for (int gate = 0; gate < 3; gate++)   // r, z, n
        {
            double scale = gate == 1 ? UpdateScale : 1;
            double[] orthogonal = Orthogonal(hidden, random);
            Span<float> recurrent = slots.RecurrentWeights.In(block).Slice(gate * hidden * hidden, hidden * hidden);
            for (int i = 0; i < recurrent.Length; i++)
                recurrent[i] = (float)(orthogonal[i] * SpectralRadius * scale);
            foreach (ref float weight in slots.InputWeights.In(block).Slice(gate * hidden * shape.Inputs, hidden * shape.Inputs))
                weight = (float)(random.Normal() * inputScale * scale);
        }

        foreach (ref float bias in slots.InputBias.In(block).Slice(hidden, hidden))
            bias = (float)(-2 + 7 * random.Uniform());
        return parameters;
    }

    /// <summary>A random orthogonal matrix, [n, n]: Gram and Schmidt over the rows of a normal one.</summary>
    private static double[] Orthogonal(int n, SplitMix random)
    {
        double[] matrix = new double[n * n];
        foreach (ref double cell in matrix.AsSpan())
            cell = random.Normal();
        for (int i = 0; i < n; i++)
        {
            Span<double> row = matrix.AsSpan(i * n, n);
            for (int j = 0; j < i; j++)
            {
                ReadOnlySpan<double> before = matrix.AsSpan(j * n, n);
                double along = Dot(row, before);
                for (int k = 0; k < n; k++)
                    row[k] -= along * before[k];
            }

            double length = Math.Sqrt(Dot(row, row));
            foreach (ref double cell in row)
                cell /= length;
        }

        return matrix;
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }
}
