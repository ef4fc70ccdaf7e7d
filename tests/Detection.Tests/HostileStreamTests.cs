namespace StreamRnn.Detection.Tests;

/// <summary>Finite but unreasonable values, and times, leave every output and every float of state finite.</summary>
public class HostileStreamTests
{
    private static readonly double[] Extremes =
        [0, -0.0, 1, -1, 1e308, -1e308, double.MaxValue, -double.MaxValue, 5e-324, -5e-324, 1e300, 1e-300, 1e150, 1e16, 1 + 1e-15, -127, 85];

    [Fact]
    public void Constant_streams_stay_finite()
    {
        foreach (double value in Extremes)
            Run($"constant {value}", 500, _ => value);
    }

    [Fact]
    public void Alternating_extremes_stay_finite()
    {
        foreach (double a in Extremes)
        {
            foreach (double b in Extremes)
                Run($"{a} and {b}", 120, row => row % 2 == 0 ? a : b);
        }
    }

    [Fact]
    public void Steps_after_an_ordinary_history_stay_finite()
    {
        foreach (double value in Extremes)
            Run($"step to {value}", 1500, row => row < 700 ? Math.Sin(row) : value + (row > 1100 ? Math.Sin(row) : 0));
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(4), InlineData(5)]
    public void Random_mixtures_stay_finite(int seed)
    {
        var random = new Random(seed);
        double current = 1;
        Run($"seed {seed}", 20_000, _ =>
        {
            if (random.Next(10) == 0)
                current = Extremes[random.Next(Extremes.Length)];
            else if (random.Next(3) == 0)
                current = Math.Clamp(current * Math.Pow(10, 40 * random.NextDouble() - 20), -double.MaxValue, double.MaxValue);
            return current;
        }, () => random.Next(5) == 0 ? random.NextInt64(long.MinValue, long.MaxValue) : 1_700_000_000_000_000_000);
    }

    private static void Run(string name, int rows, Func<int, double> value, Func<long>? time = null)
    {
        var stream = new SingleStream(SingleStream.Default);
        for (int row = 0; row < rows; row++)
        {
            Verdict v = time is null ? stream.Step(value(row)) : stream.Step(time(), value(row));
            bool known = (row == 0) == double.IsNaN(v.Forecast) && double.IsNaN(v.Lower) == double.IsNaN(v.Upper);
            bool finite = !double.IsInfinity(v.Forecast) && !double.IsInfinity(v.Lower) && !double.IsInfinity(v.Upper)
                && double.IsFinite(v.Next) && float.IsFinite(v.Surprise) && v.Surprise >= 0 && v.Score is >= 0 and <= 1;
            Assert.True(known && finite, $"{name}, row {row}: {v.Forecast} [{v.Lower}, {v.Upper}] next {v.Next} surprise {v.Surprise}");
        }

        // The detector's part of the row holds doubles too; what it makes of them is checked above.
        foreach (float x in SingleStream.Default.HeadsOf(stream.Row))
            Assert.True(float.IsFinite(x) && Math.Abs(x) < 1e6f, $"{name}: a head's state is {x}");
        foreach (float h in stream.Row[..32])
            Assert.True(float.IsFinite(h), $"{name}: h is {h}");
    }
}
