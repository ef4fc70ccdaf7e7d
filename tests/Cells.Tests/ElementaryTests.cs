using StreamRnn.Cells.Kernels;

namespace StreamRnn.Cells.Tests;

/// <summary>Against the C library, whose own error is below one unit in the last place here.</summary>
public class ElementaryTests
{
    private const int Count = 200_000;

    [Fact]
    public void Exp_is_within_two_units_in_the_last_place() => Compare(Elementary.Exp, Math.Exp, -700, 700, 2);

    [Fact]
    public void Log_is_within_two_units_in_the_last_place()
    {
        Compare(Elementary.Log, Math.Log, 1e-3, 1e3, 2);
        Compare(Elementary.Log, Math.Log, 0.9, 1.1, 2);
        Compare(Elementary.Log, Math.Log, 1e-300, 1e-290, 2);
        Compare(Elementary.Log, Math.Log, 1e290, 1e300, 2);
    }

    [Fact]
    public void Asinh_is_within_three_units_in_the_last_place()
    {
        Compare(Elementary.Asinh, Math.Asinh, -1e-3, 1e-3, 3);
        Compare(Elementary.Asinh, Math.Asinh, -3, 3, 3);
        Compare(Elementary.Asinh, Math.Asinh, -1e12, 1e12, 3);
        Compare(Elementary.Asinh, Math.Asinh, 1e299, 1e300, 3);
    }

    [Fact]
    public void Sinh_is_within_three_units_in_the_last_place()
    {
        Compare(Elementary.Sinh, Math.Sinh, -1e-3, 1e-3, 3);
        Compare(Elementary.Sinh, Math.Sinh, -3, 3, 3);
        Compare(Elementary.Sinh, Math.Sinh, -700, 700, 3);
    }

    [Fact]
    public void Sine_and_cosine_of_turns_are_within_two_parts_in_ten_to_the_sixteen()
    {
        var random = new Random(1);
        for (int i = 0; i < Count; i++)
        {
            double turns = random.NextDouble();
            (double sin, double cos) = Elementary.SinCos(turns);
            (double expectedSin, double expectedCos) = Math.SinCos(2 * Math.PI * turns);

            // The expected values carry the rounding of their own argument, up to 4.4e-16.
            Assert.InRange(sin - expectedSin, -7e-16, 7e-16);
            Assert.InRange(cos - expectedCos, -7e-16, 7e-16);
        }
    }

    [Fact]
    public void The_special_points_are_exact()
    {
        Assert.Equal(1, Elementary.Exp(0));
        Assert.Equal(0, Elementary.Log(1));
        Assert.Equal(0, Elementary.Asinh(0));
        Assert.Equal(0, Elementary.Sinh(0));
        Assert.Equal(0.5, Elementary.Sigmoid(0));
        Assert.Equal((0, 1), Elementary.SinCos(0));
        Assert.Equal((1, 0), Elementary.SinCos(0.25));
        Assert.Equal((0, -1), Elementary.SinCos(0.5));
        Assert.Equal((-1, 0), Elementary.SinCos(0.75));
        Assert.Equal((0, 1), Elementary.SinCos(1));
    }

    [Theory, InlineData(1e5), InlineData(-1e5), InlineData(double.MaxValue), InlineData(-double.MaxValue)]
    public void Nothing_becomes_infinite(double x)
    {
        Assert.True(double.IsFinite(Elementary.Exp(x)) && Elementary.Exp(x) > 0);
        Assert.True(double.IsFinite(Elementary.Sinh(x)));
        Assert.True(double.IsFinite(Elementary.Asinh(x)));
    }

    private static void Compare(Func<double, double> ours, Func<double, double> theirs, double from, double to, double ulps)
    {
        var random = new Random(1);
        double worst = 0;
        double where = 0;
        for (int i = 0; i < Count; i++)
        {
            double x = from + (to - from) * random.NextDouble();
            double expected = theirs(x);
            double error = Math.Abs(ours(x) - expected) / (Math.BitIncrement(Math.Abs(expected)) - Math.Abs(expected));
            if (error > worst)
                (worst, where) = (error, x);
        }

        Assert.True(worst <= ulps, $"{worst:F1} units in the last place at {where:R}");
    }
}
