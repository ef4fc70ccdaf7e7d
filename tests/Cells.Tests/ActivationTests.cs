using StreamRnn.Cells.Kernels;

namespace StreamRnn.Cells.Tests;

public class ActivationTests
{
    // Measured over every float in [2^-14, 8]: 3.31e-7 for tanh at 6.23, 2.43e-7 for sigma. Below 2^-14 the error is smaller than 1e-11.
    private const double TanhError = 3.4e-7, SigmaError = 2.5e-7;

    [Fact]
    public void Tanh_and_sigma_are_within_their_stated_error()
    {
        foreach (float x in Sample(0, BitConverter.SingleToInt32Bits(12f), step: 4001))
        {
            (float tanh, float sigma) = Evaluate(x);
            Assert.True(Math.Abs(tanh - Math.Tanh(x)) <= TanhError, $"tanh({x:r}) = {tanh:r}");
            Assert.True(Math.Abs(sigma - 1 / (1 + Math.Exp(-2.0 * x))) <= SigmaError, $"sigma({2 * x:r}) = {sigma:r}");
        }
    }

    [Fact]
    public void Tanh_is_odd()
    {
        foreach (float x in Sample(0, BitConverter.SingleToInt32Bits(12f), step: 100_003))
            Assert.Equal(Evaluate(x).Tanh, -Evaluate(-x).Tanh);
    }

    [Fact]
    public void A_gate_never_exceeds_one()
    {
        // Every float in [4, 8], the only ones near enough to 1.
        float[] x = new float[16], p = new float[16], q = new float[16];
        for (int bits = BitConverter.SingleToInt32Bits(4f); bits < BitConverter.SingleToInt32Bits(8f); bits += 16)
        {
            for (int i = 0; i < 16; i++)
                x[i] = BitConverter.Int32BitsToSingle(bits + i);
            (Lane512 numerator, Lane512 denominator) = Activation.Tanh(Lane512.Load(in x[0]));
            Lane512.Store(numerator, ref p[0]);
            Lane512.Store(denominator, ref q[0]);
            for (int i = 0; i < 16; i++)
            {
                if (!(p[i] <= q[i]))   // a message for each of eight million floats would take ten seconds
                    Assert.Fail($"tanh({x[i]:r}) = {p[i]:r} / {q[i]:r}");
            }
        }
    }

    [Fact]
    public void Far_away_the_function_is_constant()
    {
        float limit = Evaluate(Activation.Limit).Tanh;
        Assert.Equal(limit, Evaluate(1e30f).Tanh);
        Assert.Equal(limit, Evaluate(float.PositiveInfinity).Tanh);
        Assert.Equal(-limit, Evaluate(float.NegativeInfinity).Tanh);
    }

    [Fact]
    public void The_slope_of_tanh_keeps_its_digits_where_tanh_has_none_left()
    {
        double worst = 0;
        float[] slope = new float[4];
        foreach (float x in Sample(0, BitConverter.SingleToInt32Bits(16f), step: 4001))
        {
            Lane128.Store(Activation.TanhSlope(Lane128.Broadcast(-x)), ref slope[0]);
            double e = Math.Exp(-2.0 * x), expected = 4 * e / ((1 + e) * (1 + e));
            worst = Math.Max(worst, Math.Abs(slope[0] / expected - 1));
        }

        Assert.InRange(worst, 0, 5e-6);
    }

    private static IEnumerable<float> Sample(int from, int to, int step)
    {
        for (int bits = from; bits < to; bits += step)
            yield return BitConverter.Int32BitsToSingle(bits);
    }

    private static (float Tanh, float Sigma) Evaluate(float x)
    {
        Span<float> p = stackalloc float[4], q = stackalloc float[4];
        (Lane128 numerator, Lane128 denominator) = Activation.Tanh(Lane128.Broadcast(x));
        Lane128.Store(numerator, ref p[0]);
        Lane128.Store(denominator, ref q[0]);
        return (p[0] / q[0], (q[0] + p[0]) / (q[0] + q[0]));
    }
}
