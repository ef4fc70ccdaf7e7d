using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace StreamRnn.Cells;

/// <summary>y = V x + b. Each output is one dot product over sixteen virtual lanes, folded in one order on every machine.</summary>
internal sealed unsafe class LinearHead
{
    private const int Lanes = 16;
    private readonly PinnedFloats _weights;
    private readonly float[] _bias;
    private readonly int _paddedInputs;

    /// <param name="parameters">The whole block.</param>
    /// <param name="weights">V, [outputs, inputs].</param>
    /// <param name="bias">[outputs].</param>
    public LinearHead(ReadOnlySpan<float> parameters, Slot weights, Slot bias)
    {
        (_bias, _paddedInputs) = (bias.In(parameters).ToArray(), (weights.Columns + Lanes - 1) / Lanes * Lanes);
        _weights = new PinnedFloats(checked(weights.Rows * _paddedInputs));
        for (int output = 0; output < weights.Rows; output++)
            weights.In(parameters).Slice(output * weights.Columns, weights.Columns).CopyTo(_weights.Span[(output * _paddedInputs)..]);
    }

    /// <param name="x">[count] addresses of [inputs] floats, padded with zeros to a multiple of 16.</param>
    /// <param name="count">Rows.</param>
    /// <param name="y">[count, outputs], overwritten.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Step(nint* x, int count, float* y)
    {
        float* weights = _weights.Start;
        float[] biases = _bias;
        nint length = _paddedInputs, stride = biases.Length;
        for (int output = 0; output < biases.Length; output++, weights += length, y++)
        {
            float bias = biases[output];
            float* at = y;
            nint row = 0;
            for (; row <= count - 4; row += 4, at += 4 * stride)
            {
                float* x0 = (float*)x[row], x1 = (float*)x[row + 1], x2 = (float*)x[row + 2], x3 = (float*)x[row + 3];
                Vector512<float> sum0 = Vector512<float>.Zero, sum1 = sum0, sum2 = sum0, sum3 = sum0;
                for (nint i = 0; i < length; i += Lanes)
                {
                    Vector512<float> w = Vector512.Load(weights + i);
                    sum0 = Vector512.FusedMultiplyAdd(w, Vector512.Load(x0 + i), sum0);
                    sum1 = Vector512.FusedMultiplyAdd(w, Vector512.Load(x1 + i), sum1);
                    sum2 = Vector512.FusedMultiplyAdd(w, Vector512.Load(x2 + i), sum2);
                    sum3 = Vector512.FusedMultiplyAdd(w, Vector512.Load(x3 + i), sum3);
                }

                at[0] = Fold(sum0) + bias;
                at[stride] = Fold(sum1) + bias;
                at[2 * stride] = Fold(sum2) + bias;
                at[3 * stride] = Fold(sum3) + bias;
            }

            for (; row < count; row++, at += stride)
                *at = Dot(weights, (float*)x[row], length) + bias;
        }
    }

    /// <param name="length">A multiple of 16.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Dot(float* a, float* b, nint length)
    {
        Vector512<float> sum = Vector512<float>.Zero;
        for (nint i = 0; i < length; i += Lanes)
            sum = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), Vector512.Load(b + i), sum);
        return Fold(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Fold(Vector512<float> sum)
    {
        Vector256<float> eight = sum.GetLower() + sum.GetUpper();
        Vector128<float> four = eight.GetLower() + eight.GetUpper();
        Vector128<float> two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1));
        return two.ToScalar() + two.GetElement(1);
    }
}
