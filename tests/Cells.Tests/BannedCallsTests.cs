using System.Numerics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace StreamRnn.Cells.Tests;

/// <summary>
/// Cells and Detection use only operations that IEEE 754 fixes to the bit, and our own polynomials on top of them. The compiler bans the
/// functions of plain numbers (src/BannedSymbols.txt); this sees generic math and every form of the vector types too.
/// </summary>
public class BannedCallsTests
{
    [Theory]
    [InlineData("StreamRnn.Cells.dll")]
    [InlineData("StreamRnn.Detection.dll")]
    public void No_call_depends_on_the_platforms_last_bit(string assembly) =>
        Assert.Empty(BannedCalls.In(Path.Combine(AppContext.BaseDirectory, assembly)));

    [Fact]
    public void Such_calls_would_be_found()
    {
        string[] calls = [.. BannedCalls.In(typeof(Offender).Assembly.Location)
            .Where(line => line.StartsWith(nameof(Offender), StringComparison.Ordinal)).Select(line => line.Split(' ')[^1])];
        Assert.Equal(["Math.Exp", "Math.Log", "MathF.Tanh", "Double.Asinh", "Single.Sinh", "ITrigonometricFunctions`1.Sin", "IPowerFunctions`1.Pow", "Vector128.Exp",
            "Vector256.Sum", "Vector.Dot", "Vector512.MultiplyAddEstimate", "Double.MultiplyAddEstimate", "Single.ReciprocalEstimate", "Sse.Reciprocal"], calls);
    }

    /// <summary>Never run, only read. Square roots and fused multiply-adds are exact and stay allowed.</summary>
    private static class Offender
    {
        public static double Scalars(double x) => Math.Sqrt(Math.FusedMultiplyAdd(x, x, Math.Exp(x))) + ((Func<double, double>)Math.Log)(x);

        public static float Singles(float x) => MathF.Tanh(x) + (float)double.Asinh(x) + float.Sinh(x) + BitOperations.Log2(3);

        public static T Generic<T>(T x) where T : IFloatingPointIeee754<T> => T.Sin(x) + T.Pow(x, x);

        public static float Vectors(Vector128<float> x, Vector256<float> y, Vector<float> z) =>
            Vector128.Exp(x).ToScalar() + Vector256.Sum(y) + Vector.Dot(z, z);

        public static double Estimates(Vector512<float> x, double y, float z) =>
            Vector512.MultiplyAddEstimate(x, x, x).GetElement(0) + double.MultiplyAddEstimate(y, y, y) + float.ReciprocalEstimate(z)
                + Sse.Reciprocal(Vector128.Create(z)).ToScalar();
    }
}
