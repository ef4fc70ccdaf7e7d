using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace StreamRnn.Detection;

/// <summary>
/// Makes the published forecast: the last value plus a change, a linear function of the change that the network's head expects and of the
/// last seven changes. Its weights start at zero, so a stream is forecast to stay where it is until it shows otherwise; they follow it by
/// recursive least squares with random-walk weights, as in <see cref="AdaptiveHeads"/>. On a random walk, such as a price, they stay near
/// zero; where the head has learned the time of day they follow the head.
/// </summary>
/// <remarks>Changes are in z, divided by their running mean size. Vectors of eight, folded in one order: the same bits on every machine.</remarks>
internal struct ChangeHead
{
    private const int Count = 8;
    private const float InitialVariance = 0.05f;   // as if twenty rows without any pattern had been seen
    private const float WalkVariance = 1e-6f;
    private const float LargestVariance = 1;
    private const float Memory = 500;              // rows of the mean size
    private const float Largest = 6;               // sizes at which a change is cut before it is learned from

    private float _size;
    private float _expected;   // in sizes
    private Eight _weights, _features, _changes;
    private Covariance _covariance;

    public void Initialise()
    {
        for (int i = 0; i < Count; i++)
            _covariance[i * Count + i] = InitialVariance;
    }

    /// <summary>Trusts nothing any more, as in the beginning; sizes and latest changes are kept.</summary>
    public void Forget()
    {
        (_weights, _covariance) = (default, default);
        Initialise();
    }

    /// <summary>Learns from the change that came.</summary>
    /// <param name="change">z now minus the z at which the last value would have stayed.</param>
    /// <param name="changes">Changes seen before this one.</param>
    public void Learn(float change, long changes)
    {
        if (_size > 0)
            Correct(Math.Clamp(change / _size, -Largest, Largest) - _expected);
        Span<float> recent = _changes;
        recent[..^1].CopyTo(recent[1..]);
        recent[0] = change;
        _size += Math.Max(1f / (changes + 1), 1 / Memory) * (Math.Abs(change) - _size);
    }

    /// <summary>The change to expect next, in z.</summary>
    /// <param name="headChange">The change the network's head expects.</param>
    public float Expect(float headChange)
    {
        _expected = 0;
        if (_size <= 0)
            return 0;
        float perSize = 1 / _size;
        _features[0] = Math.Clamp(headChange * perSize, -Largest, Largest);
        for (int i = 1; i < Count; i++)
            _features[i] = Math.Clamp(_changes[i - 1] * perSize, -Largest, Largest);
        _expected = Fold(Load(ref _weights) * Load(ref _features));
        return _expected * _size;
    }

    private void Correct(float error)
    {
        Vector256<float> features = Load(ref _features);
        ref float cell = ref Unsafe.As<Covariance, float>(ref _covariance);
        Vector256<float> p = Vector256<float>.Zero;
        for (int i = 0; i < Count; i++)
            p = Vector256.FusedMultiplyAdd(Vector256.LoadUnsafe(ref cell, (nuint)(i * Count)), Vector256.Create(_features[i]), p);

        float innovation = 1 + Fold(p * features);
        Store(ref _weights, Vector256.FusedMultiplyAdd(p, Vector256.Create(error / innovation), Load(ref _weights)));

        Eight root = default;
        Store(ref root, p * Vector256.Create(1 / MathF.Sqrt(innovation)));
        Vector256<float> v = Load(ref root);
        for (int i = 0; i < Count; i++)
        {
            ref float row = ref Unsafe.Add(ref cell, i * Count);
            Vector256.FusedMultiplyAdd(v, Vector256.Create(-root[i]), Vector256.LoadUnsafe(ref row)).StoreUnsafe(ref row);
            ref float variance = ref Unsafe.Add(ref row, i);
            variance = Math.Min(variance + WalkVariance, LargestVariance);
        }
    }

    private static Vector256<float> Load(ref Eight eight) => Vector256.LoadUnsafe(ref Unsafe.As<Eight, float>(ref eight));

    private static void Store(ref Eight eight, Vector256<float> value) => value.StoreUnsafe(ref Unsafe.As<Eight, float>(ref eight));

    /// <summary>Eight into one, by halves.</summary>
    private static float Fold(Vector256<float> values)
    {
        Vector128<float> four = values.GetLower() + values.GetUpper();
        Vector128<float> two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1));
        return two.GetElement(0) + two.GetElement(1);
    }

    [InlineArray(Count)]
    private struct Eight
    {
        private float _first;
    }

    [InlineArray(Count * Count)]
    private struct Covariance
    {
        private float _first;
    }
}
