using System.Numerics;
using StreamRnn.Cells.Layers;

namespace StreamRnn.Lab.Bench;

/// <summary>A network by its textbook formulas in float64 and the platform's own functions: what the error of a kernel is measured against.</summary>
internal sealed class DoubleNetwork
{
    private readonly ModelShape _shape;
    private readonly Matrix[] _input, _recurrent;
    private readonly Matrix _head;
    private readonly double[][] _h, _c;

    public DoubleNetwork(ModelShape shape, ReadOnlySpan<float> parameters)
    {
        ParameterLayout layout = new(shape);
        _shape = shape;
        (_input, _recurrent) = (new Matrix[shape.Layers], new Matrix[shape.Layers]);
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            LayerSlots slots = layout.Layer(layer);
            _input[layer] = new Matrix(slots.InputWeights, slots.InputBias, parameters);
            _recurrent[layer] = new Matrix(slots.RecurrentWeights, slots.RecurrentBias, parameters);
        }

        _head = new Matrix(layout.HeadWeights, layout.HeadBias, parameters);
        _h = [.. _input.Select(_ => new double[shape.Hidden])];
        _c = [.. _input.Select(_ => new double[shape.Hidden])];
    }

    /// <summary>One event; the head's outputs.</summary>
    public double[] Step(ReadOnlySpan<float> x)
    {
        double[] input = [.. x.ToArray().Select(value => (double)value)];
        for (int layer = 0; layer < _shape.Layers; layer++)
        {
            Update(_input[layer].Times(input), _recurrent[layer].Times(_h[layer]), _h[layer], _c[layer]);
            input = _h[layer];
        }

        return _head.Times(input);
    }

    private void Update(double[] a, double[] q, double[] h, double[] c)
    {
        int hidden = _shape.Hidden;
        double Sum(int gate, int j) => a[gate * hidden + j] + q[gate * hidden + j];
        for (int j = 0; j < hidden; j++)
        {
            switch (_shape.Cell)
            {
                case CellKind.Lstm:
                    c[j] = Sigmoid(Sum(1, j)) * c[j] + Sigmoid(Sum(0, j)) * Math.Tanh(Sum(2, j));
                    h[j] = Sigmoid(Sum(3, j)) * Math.Tanh(c[j]);
                    break;
                case CellKind.Gru:
                    double n = Math.Tanh(a[2 * hidden + j] + Sigmoid(Sum(0, j)) * q[2 * hidden + j]);
                    h[j] = n + Sigmoid(Sum(1, j)) * (h[j] - n);
                    break;
                default:
                    h[j] = Math.Tanh(Sum(0, j));
                    break;
            }
        }
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    /// <summary>y = W x + b.</summary>
    private sealed class Matrix(Slot weights, Slot bias, ReadOnlySpan<float> parameters)
    {
        private readonly double[] _weights = [.. weights.In(parameters).ToArray().Select(weight => (double)weight)];
        private readonly double[] _bias = [.. bias.In(parameters).ToArray().Select(value => (double)value)];

        public double[] Times(double[] x)
        {
            double[] y = new double[_bias.Length];
            for (int row = 0; row < y.Length; row++)
                y[row] = _bias[row] + Dot(_weights.AsSpan(row * x.Length, x.Length), x);
            return y;
        }

        private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
        {
            Vector<double> sums = Vector<double>.Zero;
            int k = 0;
            for (; k <= a.Length - Vector<double>.Count; k += Vector<double>.Count)
                sums += new Vector<double>(a[k..]) * new Vector<double>(b[k..]);
            double sum = Vector.Sum(sums);
            for (; k < a.Length; k++)
                sum += a[k] * b[k];
            return sum;
        }
    }
}
