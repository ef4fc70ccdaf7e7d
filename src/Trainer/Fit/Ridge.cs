namespace StreamRnn.Trainer.Fit;

/// <summary>
/// Linear least squares, y = w f + b, with a penalty on w that is measured in each feature's own deviation. How strong it is, contiguous
/// parts of the rows decide: each is forecast from the others, and the penalty with the smallest error is taken. A series without a pattern
/// so gets weights of nearly zero.
/// </summary>
/// <remarks>Sums of products are kept per part, so one pass over the rows is enough. In double and in one order.</remarks>
internal sealed class Ridge
{
    private const int Parts = 5;
    private static readonly double[] Penalties = [1e-6, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1, 3, 10, 100, 1e6];

    private readonly int _size;       // features and the constant
    private readonly int _targets;
    private readonly Sums[] _parts;

    public Ridge(int features, int targets)
    {
        (_size, _targets) = (features + 1, targets);
        _parts = [.. Enumerable.Range(0, Parts).Select(_ => new Sums(_size, targets))];
    }

    /// <summary>Adds a row.</summary>
    /// <param name="progress">Position among all rows, in [0, 1).</param>
    public void Add(ReadOnlySpan<float> features, ReadOnlySpan<double> targets, double progress) => _parts[(int)(progress * Parts)].Add(features, targets);

    /// <summary>The weights of one target, the bias last.</summary>
    public double[] Solve(int target)
    {
        Sums all = _parts.Aggregate(new Sums(_size, _targets), (sum, part) => sum.Plus(part, 1));
        double best = double.PositiveInfinity, penalty = Penalties[^1];
        foreach (double candidate in Penalties)
        {
            double error = _parts.Where(part => part.Rows > 0).Sum(part => part.Error(all.Plus(part, -1).Solve(target, candidate), target));
            if (error < best)
                (best, penalty) = (error, candidate);
        }
        return all.Solve(target, penalty);
    }

    /// <summary>F'F, F'Y and Y'Y of some rows.</summary>
    private sealed class Sums(int size, int targets)
    {
        private readonly double[] _gram = new double[size * size];   // lower triangle
        private readonly double[] _moments = new double[targets * size];
        private readonly double[] _squares = new double[targets];

        public double Rows { get; private set; }

        public void Add(ReadOnlySpan<float> features, ReadOnlySpan<double> values)
        {
            Rows++;
            Span<double> row = stackalloc double[size];
            for (int i = 0; i < features.Length; i++)
                row[i] = features[i];
            row[^1] = 1;
            for (int i = 0; i < size; i++)
            {
                double feature = row[i];
                Span<double> gram = _gram.AsSpan(i * size, i + 1);
                for (int j = 0; j < gram.Length; j++)
                    gram[j] += feature * row[j];
                for (int k = 0; k < targets; k++)
                    _moments[k * size + i] += feature * values[k];
            }
            for (int k = 0; k < targets; k++)
                _squares[k] += values[k] * values[k];
        }

        public Sums Plus(Sums other, double factor)
        {
            var sum = new Sums(size, targets) { Rows = Rows + factor * other.Rows };
            for (int i = 0; i < _gram.Length; i++)
                sum._gram[i] = _gram[i] + factor * other._gram[i];
            for (int i = 0; i < _moments.Length; i++)
                sum._moments[i] = _moments[i] + factor * other._moments[i];
            for (int i = 0; i < _squares.Length; i++)
                sum._squares[i] = _squares[i] + factor * other._squares[i];
            return sum;
        }

        /// <summary>The sum of squared errors of given weights over these rows.</summary>
        public double Error(double[] weights, int target)
        {
            double error = _squares[target];
            for (int i = 0; i < size; i++)
            {
                double product = -2 * _moments[target * size + i] + weights[i] * _gram[i * size + i];
                for (int j = 0; j < i; j++)
                    product += 2 * weights[j] * _gram[i * size + j];
                error += weights[i] * product;
            }
            return error;
        }

        public double[] Solve(int target, double penalty)
        {
            double[] a = [.. _gram];
            double[] b = _moments.AsSpan(target * size, size).ToArray();
            for (int i = 0; i < size - 1; i++)
            {
                double mean = _gram[(size - 1) * size + i] / Rows;
                double variance = Math.Max(_gram[i * size + i] / Rows - mean * mean, 0);
                a[i * size + i] += Rows * (penalty * variance + 1e-9);   // a feature that never varies gets no weight
            }
            Cholesky.Solve(a, b);
            return b;
        }
    }
}
