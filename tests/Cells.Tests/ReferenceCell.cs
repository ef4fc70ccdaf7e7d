namespace StreamRnn.Cells.Tests;

/// <summary>The textbook formulas in double precision, written for reading: what every kernel is measured against.</summary>
internal sealed class ReferenceCell(ModelShape shape, float[] parameters)
{
    private readonly ParameterLayout _layout = new(shape);

    /// <summary>[layers][hidden].</summary>
    public double[][] H { get; } = [.. Enumerable.Range(0, shape.Layers).Select(_ => new double[shape.Hidden])];

    public double[][] C { get; } = [.. Enumerable.Range(0, shape.Layers).Select(_ => new double[shape.Hidden])];

    /// <summary>One step; returns the head's outputs, or the top layer's h where there is no head.</summary>
    public double[] Step(ReadOnlySpan<float> x)
    {
        double[] input = [.. x.ToArray().Select(value => (double)value)];
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            LayerSlots slots = _layout.Layer(layer);
            double[] a = Affine(slots.InputWeights, slots.InputBias, input), q = Affine(slots.RecurrentWeights, slots.RecurrentBias, H[layer]);
            for (int j = 0; j < shape.Hidden; j++)
                Update(layer, j, a, q);
            input = [.. H[layer]];
        }

        return shape.Outputs == 0 ? input : Affine(_layout.HeadWeights, _layout.HeadBias, input);
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private void Update(int layer, int j, double[] a, double[] q)
    {
        int hidden = shape.Hidden;
        (double[] h, double[] c) = (H[layer], C[layer]);
        double Sum(int gate) => a[gate * hidden + j] + q[gate * hidden + j];
        switch (shape.Cell)
        {
            case CellKind.Rnn:
                h[j] = Math.Tanh(Sum(0));
                break;
            case CellKind.Lstm:
                c[j] = Sigmoid(Sum(1)) * c[j] + Sigmoid(Sum(0)) * Math.Tanh(Sum(2));
                h[j] = Sigmoid(Sum(3)) * Math.Tanh(c[j]);
                break;
            default:
                double r = Sigmoid(Sum(0)), z = Sigmoid(Sum(1));
                double n = Math.Tanh(a[2 * hidden + j] + r * q[2 * hidden + j]);
                h[j] = (1 - z) * n + z * h[j];
                break;
        }
    }

    private double[] Affine(Slot weights, Slot bias, double[] x)
    {
        double[] y = new double[weights.Rows];
        for (int row = 0; row < weights.Rows; row++)
        {
            y[row] = bias.In(parameters.AsSpan())[row];
            for (int k = 0; k < weights.Columns; k++)
                y[row] += (double)weights.In(parameters.AsSpan())[row * weights.Columns + k] * x[k];
        }

        return y;
    }
}
