using System.Numerics.Tensors;
using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;

namespace StreamRnn.Benchmarks.Cells;

/// <summary>
/// One layer stepped as the formulas read, with the platform's functions: a loop per matrix, which is what a first version would cost, or
/// <see cref="TensorPrimitives"/> for whatever is a vector, which is what a second one would.
/// </summary>
internal sealed class PlainCell(ModelShape shape, float[] parameters)
{
    private readonly LayerSlots _slots = new ParameterLayout(shape).Layer(0);
    private readonly float[] _a = new float[shape.Gates * shape.Hidden];
    private readonly float[] _q = new float[shape.Gates * shape.Hidden];

    public bool UsesTensorPrimitives { get; init; }

    /// <param name="x">[inputs].</param>
    /// <param name="h">[hidden], replaced.</param>
    /// <param name="c">[hidden], replaced where the cell has it.</param>
    public void Step(ReadOnlySpan<float> x, Span<float> h, Span<float> c)
    {
        Affine(_slots.InputWeights, _slots.InputBias, x, _a);
        Affine(_slots.RecurrentWeights, _slots.RecurrentBias, h, _q);
        int hidden = shape.Hidden;
        if (UsesTensorPrimitives)
        {
            UpdateVectors(h, c[..hidden]);
            return;
        }

        for (int j = 0; j < hidden; j++)
        {
            if (shape.Cell == CellKind.Lstm)
            {
                c[j] = Sigmoid(_a[hidden + j] + _q[hidden + j]) * c[j] + Sigmoid(_a[j] + _q[j]) * MathF.Tanh(_a[2 * hidden + j] + _q[2 * hidden + j]);
                h[j] = Sigmoid(_a[3 * hidden + j] + _q[3 * hidden + j]) * MathF.Tanh(c[j]);
            }
            else if (shape.Cell == CellKind.Gru)
            {
                float r = Sigmoid(_a[j] + _q[j]), z = Sigmoid(_a[hidden + j] + _q[hidden + j]);
                float n = MathF.Tanh(_a[2 * hidden + j] + r * _q[2 * hidden + j]);
                h[j] = n + z * (h[j] - n);
            }
            else
            {
                h[j] = MathF.Tanh(_a[j] + _q[j]);
            }
        }
    }

    private void UpdateVectors(Span<float> h, Span<float> c)
    {
        int hidden = shape.Hidden;
        Span<float> a = _a, q = _q;
        if (shape.Cell == CellKind.Gru)
        {
            Span<float> rz = a[..(2 * hidden)], n = a[(2 * hidden)..];
            TensorPrimitives.Add(rz, q[..(2 * hidden)], rz);
            TensorPrimitives.Sigmoid(rz, rz);
            TensorPrimitives.MultiplyAdd(rz[..hidden], q[(2 * hidden)..], n, n);
            TensorPrimitives.Tanh(n, n);
            TensorPrimitives.Subtract(h, n, h);
            TensorPrimitives.MultiplyAdd(rz[hidden..], h, n, h);
            return;
        }

        TensorPrimitives.Add(a, q, a);
        if (shape.Cell == CellKind.Rnn)
        {
            TensorPrimitives.Tanh(a, h);
            return;
        }

        Span<float> g = a.Slice(2 * hidden, hidden), o = a[(3 * hidden)..];
        TensorPrimitives.Sigmoid(a[..(2 * hidden)], a[..(2 * hidden)]);
        TensorPrimitives.Tanh(g, g);
        TensorPrimitives.Sigmoid(o, o);
        TensorPrimitives.Multiply(a[..hidden], g, g);
        TensorPrimitives.MultiplyAdd(a.Slice(hidden, hidden), c, g, c);
        TensorPrimitives.Tanh(c, h);
        TensorPrimitives.Multiply(o, h, h);
    }

    private static float Sigmoid(float x) => 1 / (1 + MathF.Exp(-x));

    private void Affine(Slot weights, Slot bias, ReadOnlySpan<float> x, float[] y)
    {
        ReadOnlySpan<float> block = parameters;
        for (int row = 0; row < weights.Rows; row++)
        {
            ReadOnlySpan<float> w = weights.In(block).Slice(row * weights.Columns, weights.Columns);
            float sum = bias.In(block)[row];
            if (UsesTensorPrimitives)
                sum += TensorPrimitives.Dot(w, x);
            else
                for (int k = 0; k < w.Length; k++)
                    sum += w[k] * x[k];
            y[row] = sum;
        }
    }
}
