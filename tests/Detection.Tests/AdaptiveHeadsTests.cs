using StreamRnn.Cells.Kernels;

namespace StreamRnn.Detection.Tests;

public class AdaptiveHeadsTests
{
    private const int Features = 45;

    [Fact]
    public void Both_heads_follow_recursive_least_squares_in_double()
    {
        var heads = new Stream(AdaptiveHeads.Create(Features));
        var reference = new Reference();
        var random = new Random(3);
        for (int row = 0; row < 2000; row++)
        {
            (float[] f, float z) = Row(row, random);
            (double near, double far) = reference.Step(f, z);
            (float ourNear, float ourFar, _) = heads.Step(f, z);
            Assert.Equal(near, ourNear, 2e-3);   // 45-term sums in float, over 2000 corrections
            Assert.Equal(far, ourFar, 2e-3);
        }
    }

    [Fact]
    public void Every_lane_width_gives_the_same_bits()
    {
        float[] wide = Run(new AdaptiveHeads<Lane512>(Features));
        Assert.Equal(wide, Run(new AdaptiveHeads<Lane256>(Features)));
        Assert.Equal(wide, Run(new AdaptiveHeads<Lane128>(Features)));
    }

    [Fact]
    public void The_covariance_starts_as_a_multiple_of_the_identity()
    {
        AdaptiveHeads heads = AdaptiveHeads.Create(Features);
        float[] state = new float[heads.Floats];
        heads.Initialise(state);
        for (int i = 0; i < Features; i++)
        {
            for (int j = 0; j < Features; j++)
                Assert.Equal(i == j ? 0.3f : 0, heads.Covariance(state, i, j));
        }
    }

    [Fact]
    public void A_linear_relation_is_learned()
    {
        var heads = new Stream(AdaptiveHeads.Create(Features));
        var random = new Random(5);
        double error = 0;
        float[] before = new float[Features];
        for (int row = 0; row < 1000; row++)
        {
            float z = 2 * before[3] - before[7] + 0.5f * before[44];
            (float[] f, _) = Row(row, random);
            (float near, _, _) = heads.Step(f, z);
            error = Math.Abs(near);
            before = f;
        }

        Assert.True(error < 0.05, $"the error is still {error}");
    }

    private static float[] Run(AdaptiveHeads heads)
    {
        var stream = new Stream(heads);
        var random = new Random(11);
        for (int row = 0; row < 500; row++)
        {
            (float[] f, float z) = Row(row, random);
            stream.Step(f, z);
        }

        return stream.State;
    }

    private static (float[] F, float Z) Row(int row, Random random)
    {
        float[] f = [.. Enumerable.Range(0, Features).Select(_ => (float)(2 * random.NextDouble() - 1))];
        f[^1] = 1;
        return (f, (float)(Math.Sin(row * 0.1) + f[0] + random.NextDouble()));
    }

    private sealed class Stream
    {
        private readonly AdaptiveHeads _heads;
        private readonly float[] _scratch;
        private float _forecast;
        private long _row;

        public Stream(AdaptiveHeads heads)
        {
            (_heads, _scratch, State) = (heads, new float[heads.ScratchFloats], new float[heads.Floats]);
            heads.Initialise(State);
        }

        public float[] State { get; }

        public (float NearError, float FarError, float Leverage) Step(float[] f, float z)
        {
            float near = z - _forecast;
            if (_row > 0)
                _heads.LearnNear(State, _row, near);
            float far = _heads.LearnFar(State, _row, z, _scratch);
            f.CopyTo(_heads.Features(State, _row));
            float leverage = _heads.File(State, _row, _scratch);
            _forecast = _heads.Forecast(State, _row++, _scratch);
            return (near, far, leverage);
        }
    }

    /// <summary>The textbook, with a full matrix in double and all rows kept.</summary>
    private sealed class Reference
    {
        private readonly double[,] _p = new double[Features, Features];
        private readonly double[] _near = new double[Features], _far = new double[Features];
        private readonly List<(float[] F, double[] K)> _filed = [];

        public Reference()
        {
            for (int i = 0; i < Features; i++)
                _p[i, i] = 0.3;
        }

        public (double Near, double Far) Step(float[] f, float z)
        {
            double near = Learn(_near, 1, z) ?? z;
            double far = Learn(_far, 16, z) ?? 0;
            double[] pf = [.. Enumerable.Range(0, Features).Select(i => Enumerable.Range(0, Features).Sum(j => _p[i, j] * f[j]))];
            double innovation = 1 + Enumerable.Range(0, Features).Sum(i => f[i] * pf[i]);
            for (int i = 0; i < Features; i++)
            {
                for (int j = 0; j < Features; j++)
                    _p[i, j] -= pf[i] * pf[j] / innovation;
                _p[i, i] = Math.Min(_p[i, i] + 1e-6, 3);
            }

            _filed.Add((f, [.. pf.Select(x => x / innovation)]));
            return (near, far);
        }

        private double? Learn(double[] weights, int horizon, double z)
        {
            if (_filed.Count < horizon)
                return null;
            (float[] f, double[] k) = _filed[^horizon];
            double error = z - Enumerable.Range(0, Features).Sum(i => weights[i] * f[i]);
            for (int i = 0; i < Features; i++)
                weights[i] += k[i] * error;
            return error;
        }
    }
}
