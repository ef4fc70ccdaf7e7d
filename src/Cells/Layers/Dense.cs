using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using StreamRnn.Cells.Kernels;

namespace StreamRnn.Cells.Layers;

/// <summary>
/// y = activation(V x + b): a dense layer, or a head where there is no activation. Each sum is one dot product over sixteen virtual lanes,
/// folded in one order on every machine.
/// </summary>
internal sealed unsafe class Dense<TLane> where TLane : struct, ILane<TLane>
{
    private readonly DenseSlots _slots;
    private readonly PinnedFloats _weights;
    private readonly float[] _bias;
    private readonly int _paddedInputs;
    private readonly DenseActivation _activation;

    /// <param name="parameters">The whole block.</param>
    /// <param name="slots">This layer's part of it.</param>
    /// <param name="activation">Of the sums.</param>
    public Dense(ReadOnlySpan<float> parameters, DenseSlots slots, DenseActivation activation)
    {
        (_slots, _activation) = (slots, activation);
        _bias = new float[slots.Weights.Rows];
        _paddedInputs = PinnedFloats.WholeLines(slots.Weights.Columns);
        _weights = new PinnedFloats(checked(slots.Weights.Rows * _paddedInputs));
        Repack(parameters);
    }

    public DenseActivation Activation => _activation;

    /// <summary>V, [units, inputs in whole cache lines].</summary>
    public float* Weights => _weights.Start;

    public int Units => _bias.Length;

    /// <summary>Takes other parameters of the same shape.</summary>
    public void Repack(ReadOnlySpan<float> parameters)
    {
        Slot weights = _slots.Weights;
        for (int unit = 0; unit < weights.Rows; unit++)
            weights.In(parameters).Slice(unit * weights.Columns, weights.Columns).CopyTo(_weights.Span[(unit * _paddedInputs)..]);
        _slots.Bias.In(parameters).CopyTo(_bias);
    }

    /// <param name="x">[count] addresses of [inputs] floats, padded to a multiple of 16 with anything finite.</param>
    /// <param name="count">Rows.</param>
    /// <param name="y">[count] rows of [units], overwritten; where there is an activation, up to whole lines.</param>
    /// <param name="stride">Floats from one row of y to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void StepMany(nint* x, int count, float* y, nint stride)
    {
        float* weights = _weights.Start;
        float[] biases = _bias;
        nint length = _paddedInputs;
        for (int unit = 0; unit < biases.Length; unit++, weights += length)
        {
            float bias = biases[unit];
            float* at = y + unit;
            nint row = 0;
            for (; row <= count - 4; row += 4, at += 4 * stride)
            {
                float* x0 = (float*)x[row], x1 = (float*)x[row + 1], x2 = (float*)x[row + 2], x3 = (float*)x[row + 3];
                Vector512<float> sum0 = Vector512<float>.Zero, sum1 = sum0, sum2 = sum0, sum3 = sum0;
                for (nint i = 0; i < length; i += DotProduct.Lanes)
                {
                    Vector512<float> w = Vector512.Load(weights + i);
                    sum0 = Vector512.FusedMultiplyAdd(w, Vector512.Load(x0 + i), sum0);
                    sum1 = Vector512.FusedMultiplyAdd(w, Vector512.Load(x1 + i), sum1);
                    sum2 = Vector512.FusedMultiplyAdd(w, Vector512.Load(x2 + i), sum2);
                    sum3 = Vector512.FusedMultiplyAdd(w, Vector512.Load(x3 + i), sum3);
                }

                at[0] = DotProduct.Fold(sum0) + bias;
                at[stride] = DotProduct.Fold(sum1) + bias;
                at[2 * stride] = DotProduct.Fold(sum2) + bias;
                at[3 * stride] = DotProduct.Fold(sum3) + bias;
            }

            for (; row < count; row++, at += stride)
                *at = DotProduct.Of(weights, (float*)x[row], length) + bias;
        }

        if (_activation != DenseActivation.None)
            Activate(y, count, stride);
    }

    /// <summary>The same for one row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void StepOne(float* x, float* y)
    {
        float* weights = _weights.Start;
        float[] biases = _bias;
        for (int unit = 0; unit < biases.Length; unit++, weights += _paddedInputs)
            y[unit] = DotProduct.Of(weights, x, _paddedInputs) + biases[unit];
        if (_activation != DenseActivation.None)
            Activate(y, 1, 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Activate(float* y, int count, nint stride)
    {
        for (int row = 0; row < count; row++, y += stride)
            for (int i = 0; i < _bias.Length; i += TLane.Width)
                TLane.Store(Kernels.Activation.Dense(_activation, TLane.Load(y + i)), y + i);
    }
}

/// <summary>The sum over k of a[k] b[k]: sixteen chains of fused multiply-adds whatever the machine, folded by halves.</summary>
internal static unsafe class DotProduct
{
    public const int Lanes = 16;

    /// <param name="a">[length].</param>
    /// <param name="b">[length].</param>
    /// <param name="length">A multiple of 16.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Of(float* a, float* b, nint length)
    {
        Vector512<float> sum = Vector512<float>.Zero;
        for (nint i = 0; i < length; i += Lanes)
            sum = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), Vector512.Load(b + i), sum);
        return Fold(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Fold(Vector512<float> sum)
    {
        Vector256<float> eight = sum.GetLower() + sum.GetUpper();
        Vector128<float> four = eight.GetLower() + eight.GetUpper();
        Vector128<float> two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1));
        return two.ToScalar() + two.GetElement(1);
    }
}
