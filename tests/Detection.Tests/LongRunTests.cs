namespace StreamRnn.Detection.Tests;

/// <summary>Two million rows, 19 years of five minutes, leave a stream as able to learn as a new one.</summary>
public class LongRunTests(LongRunTests.OldStream old) : IClassFixture<LongRunTests.OldStream>
{
    private const int History = 2_000_000;
    private const int Day = 288;   // rows of five minutes

    public static TheoryData<string> Regimes => ["level", "scale", "rhythm", "calm"];

    [Fact]
    public void The_covariance_stays_positive_definite_and_every_statistic_finite()
    {
        Assert.True(old.SmallestPivot > 1e-5, $"a pivot of its Cholesky factor fell to {old.SmallestPivot}");
        Assert.InRange(old.LargestVariance, 0, 3);
        foreach (float x in SingleStream.Default.HeadsOf(old.Row))
            Assert.True(float.IsFinite(x));
        Assert.True(float.IsFinite(old.Last.Surprise) && double.IsFinite(old.Last.Next));
        Assert.Equal(History, old.Last.N);
    }

    [Theory, MemberData(nameof(Regimes))]
    public void After_a_change_of_regime_it_forecasts_like_a_fresh_detector(string regime)
    {
        const int Rows = 4000, Judged = 1000;
        var aged = new SingleStream(SingleStream.Default);
        var fresh = new SingleStream(SingleStream.Default);
        old.Row.CopyTo(aged.Row);
        var random = new Random(2);
        (double agedError, double freshError) = (0, 0);
        for (int row = 0; row < Rows; row++)
        {
            double value = After(regime, row, random);
            (Verdict a, Verdict f) = (aged.Step(value), fresh.Step(value));
            if (row >= Rows - Judged)
                (agedError, freshError) = (agedError + Math.Abs(a.Forecast - value), freshError + Math.Abs(f.Forecast - value));
        }

        Assert.True(agedError <= 1.1 * freshError, $"{agedError / Judged} against {freshError / Judged} of a fresh detector");
    }

    private static double After(string regime, int row, Random random) => regime switch
    {
        "level" => 120 + 5 * Math.Sin(2 * Math.PI * row / Day) + Normal(random),
        "scale" => 20 + 50 * Math.Sin(2 * Math.PI * row / Day) + 10 * Normal(random),
        "rhythm" => 20 + 5 * Math.Sin(2 * Math.PI * row / 40) + Normal(random),
        _ => 20 + 1 * Math.Sin(2 * Math.PI * row / Day) + 0.2 * Normal(random),
    };

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    public sealed class OldStream
    {
        private readonly SingleStream _stream = new(SingleStream.Default);

        public OldStream()
        {
            var random = new Random(1);
            for (int row = 0; row < History; row++)
            {
                Last = _stream.Step(20 + 5 * Math.Sin(2 * Math.PI * row / Day) + Normal(random));
                if (row % 1000 == 999)
                    Inspect();
            }
        }

        public Verdict Last { get; }

        public Span<float> Row => _stream.Row;

        public double SmallestPivot { get; private set; } = double.MaxValue;

        public float LargestVariance { get; private set; }

        private void Inspect()
        {
            AdaptiveHeads heads = SingleStream.Default.Heads;
            Span<float> state = SingleStream.Default.HeadsOf(Row);
            int n = heads.FeatureCount;
            double[,] factor = new double[n, n];
            for (int i = 0; i < n; i++)
            {
                LargestVariance = Math.Max(LargestVariance, heads.Covariance(state, i, i));
                for (int j = 0; j <= i; j++)
                {
                    double rest = heads.Covariance(state, i, j);
                    for (int k = 0; k < j; k++)
                        rest -= factor[i, k] * factor[j, k];
                    factor[i, j] = i == j ? Math.Sqrt(rest) : rest / factor[j, j];
                    if (i == j)
                        SmallestPivot = Math.Min(SmallestPivot, rest);
                }
            }
        }
    }
}
