using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Training;

namespace StreamRnn.Cells.Tests;

/// <summary>The textbook formulas over windows in double precision, one row at a time: what tapes and gradients are measured against.</summary>
internal sealed class ReferenceWindow(ModelShape shape, WindowBatch batch)
{
    private readonly ParameterLayout _layout = new(shape);
    private double[] _parameters = [];

    /// <param name="parameters">In the order of the layout.</param>
    /// <param name="inputs">As the batch's.</param>
    /// <param name="initial">As the batch's.</param>
    public (double[] Outputs, double[] Final) Run(double[] parameters, double[] inputs, double[] initial)
    {
        _parameters = parameters;
        double[] outputs = new double[batch.Outputs.Length], final = new double[batch.Final.Length];
        for (int row = 0; row < batch.Rows; row++)
            RunRow(row, inputs, initial, outputs, final);
        return (outputs, final);
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private void RunRow(int row, double[] inputs, double[] initial, double[] outputs, double[] final)
    {
        int length = batch.Lengths[row], hidden = shape.Hidden;
        double[][] x = [.. Enumerable.Range(0, length).Select(t => Event(row, t, inputs))], last = [];
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            if (layer > 0)
                x = [.. x.Select((v, t) => Masked(v, batch.Dropout.BetweenLayers, layer, row, t))];
            double[][] above = [.. x.Select(_ => new double[shape.Directions * hidden])];
            last = [new double[shape.Directions * hidden]];
            for (int direction = 0; direction < shape.Directions; direction++)
            {
                int tape = layer * shape.Directions + direction;
                double[] h = new double[hidden], c = new double[hidden];
                ForEachState(tape, row, (variable, j, at) => (variable == 0 ? h : c)[j] = initial[at]);
                for (int s = 0; s < length; s++)
                {
                    int t = direction == 0 ? s : length - 1 - s;
                    Step(_layout.Layer(layer, direction), x[t], Masked(h, batch.Dropout.Recurrent, shape.Layers + 1 + tape, row, 0), h, c);
                    h.CopyTo(above[t], direction * hidden);
                }

                h.CopyTo(last[0], direction * hidden);
                ForEachState(tape, row, (variable, j, at) => final[at] = (variable == 0 ? h : c)[j]);
            }

            x = above;
        }

        if (batch.At == OutputsAt.LastStep)
            x = last;
        for (int t = 0; t < x.Length; t++)
        {
            double[] y = Masked(x[t], batch.Dropout.Output, shape.Layers, row, batch.At == OutputsAt.LastStep ? length - 1 : t);
            for (int i = 0; i < shape.Dense.Count; i++)
                y = [.. Affine(_layout.Dense(i).Weights, _layout.Dense(i).Bias, y).Select(v => Activated(shape.Dense[i].Activation, v))];
            if (shape.Outputs > 0)
                y = Affine(_layout.HeadWeights, _layout.HeadBias, y);
            y.CopyTo(outputs, (t * batch.Rows + row) * y.Length);
        }
    }

    private double[] Event(int row, int t, double[] inputs) => shape.Vocabulary > 0
        ? _parameters[(_layout.Embedding.Offset + batch.Tokens[t * batch.Rows + row] * shape.Inputs)..][..shape.Inputs]
        : inputs[((t * batch.Rows + row) * shape.Inputs)..][..shape.Inputs];

    private void Step(LayerSlots slots, double[] x, double[] masked, double[] h, double[] c)
    {
        int hidden = shape.Hidden;
        double[] a = Affine(slots.InputWeights, slots.InputBias, x), q = Affine(slots.RecurrentWeights, slots.RecurrentBias, masked);
        double Sum(int gate, int j) => a[gate * hidden + j] + q[gate * hidden + j];
        if (shape.Cell == CellKind.GruResetBefore)
        {
            double[] reset = [.. masked.Select((v, j) => Sigmoid(Sum(0, j)) * v)];
            Affine(slots.RecurrentWeights, slots.RecurrentBias, reset)[(2 * hidden)..].CopyTo(q, 2 * hidden);
        }

        for (int j = 0; j < hidden; j++)
        {
            switch (shape.Cell)
            {
                case CellKind.Rnn:
                    h[j] = Math.Tanh(Sum(0, j));
                    break;
                case CellKind.Lstm:
                    c[j] = Sigmoid(Sum(1, j)) * c[j] + Sigmoid(Sum(0, j)) * Math.Tanh(Sum(2, j));
                    h[j] = Sigmoid(Sum(3, j)) * Math.Tanh(c[j]);
                    break;
                default:
                    double z = Sigmoid(Sum(1, j)), r = shape.Cell == CellKind.Gru ? Sigmoid(Sum(0, j)) : 1;
                    h[j] = (1 - z) * Math.Tanh(a[2 * hidden + j] + r * q[2 * hidden + j]) + z * h[j];
                    break;
            }
        }
    }

    private static double Activated(DenseActivation activation, double x) => activation switch
    {
        DenseActivation.Relu => Math.Max(0, x),
        DenseActivation.Tanh => Math.Tanh(x),
        DenseActivation.Sigmoid => Sigmoid(x),
        _ => x,
    };

    private unsafe double[] Masked(double[] x, float rate, int place, int row, int step)
    {
        if (rate == 0)
            return x;
        float[] mask = new float[x.Length];
        Array.Fill(mask, 1f);
        fixed (float* start = mask)
            Dropout.Apply(start, mask.Length, rate, batch.Dropout.Seed, place, row, step);
        return [.. x.Select((v, j) => v * mask[j])];
    }

    private double[] Affine(Slot weights, Slot bias, double[] x)
    {
        double[] y = new double[weights.Rows];
        for (int row = 0; row < weights.Rows; row++)
        {
            y[row] = _parameters[bias.Offset + row];
            for (int k = 0; k < weights.Columns; k++)
                y[row] += _parameters[weights.Offset + row * weights.Columns + k] * x[k];
        }

        return y;
    }

    /// <summary>Every state variable of a row in one tape: variable, unit, place in a [layers * directions, variables, B, H].</summary>
    private void ForEachState(int tape, int row, Action<int, int, int> visit)
    {
        for (int variable = 0; variable < shape.StateVariables; variable++)
            for (int j = 0; j < shape.Hidden; j++)
                visit(variable, j, ((tape * shape.StateVariables + variable) * batch.Rows + row) * shape.Hidden + j);
    }
}
