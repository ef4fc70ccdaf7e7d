using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace StreamRnn.Cells;

/// <summary>y = V h + b. Each output is one dot product over sixteen virtual lanes, folded in one order on every machine.</summary>
internal sealed unsafe class LinearHead
{
    private readonly PinnedFloats _weights;
    private readonly float[] _bias;
    private readonly int _paddedHidden;

    public LinearHead(ReadOnlySpan<float> parameters, ParameterLayout layout)
    {
        (int outputs, int hidden) = (layout.Shape.Outputs, layout.Shape.Hidden);
        _paddedHidden = layout.Shape.PaddedHidden;
        _weights = new PinnedFloats(checked(outputs * _paddedHidden));
        _bias = layout.HeadBias.In(parameters).ToArray();
        for (int output = 0; output < outputs; output++)
            layout.HeadWeights.In(parameters).Slice(output * hidden, hidden).CopyTo(_weights.Span[(output * _paddedHidden)..]);
    }

    /// <param name="h">[paddedHidden].</param>
    /// <param name="y">[outputs], overwritten.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Step(float* h, Span<float> y)
    {
        float* weights = _weights.Start;
        for (int output = 0; output < y.Length; output++, weights += _paddedHidden)
            y[output] = Dot(weights, h, _paddedHidden) + _bias[output];
    }

    /// <param name="length">A multiple of 16.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Dot(float* a, float* b, int length)
    {
        Vector512<float> sum = Vector512<float>.Zero;
        for (int i = 0; i < length; i += 16)
            sum = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), Vector512.Load(b + i), sum);

        Vector256<float> eight = sum.GetLower() + sum.GetUpper();
        Vector128<float> four = eight.GetLower() + eight.GetUpper();
        Vector128<float> two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1));
        return two.ToScalar() + two.GetElement(1);
    }
}
