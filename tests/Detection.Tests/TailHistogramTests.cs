namespace StreamRnn.Detection.Tests;

public class TailHistogramTests
{
    [Fact]
    public void Rarity_is_that_of_a_plain_faded_histogram()
    {
        var random = new Random(7);
        var histogram = new TailHistogram();
        double[] masses = new double[240];
        float weight = 1;
        for (int row = 0; row < 20_000; row++)
        {
            if (row > 0 && row % TailHistogram.HalfLife == 0)
            {
                histogram.Halve();
                weight = 1;
                masses = [.. masses.Select(mass => mass / 2)];
            }

            float u = (float)Math.Exp(3 * (random.NextDouble() + random.NextDouble() + random.NextDouble()) - 8) * (row % 997 == 996 ? 1000 : 1);
            double expected = Rarity(masses, u, weight);
            Assert.Equal(expected, histogram.Score(u, weight), 2e-3 * (1 + expected));   // sums of up to 4000 rows in float
            masses[Bin(u)] += weight;
            weight *= 1.00023107575f;
        }
    }

    [Fact]
    public void The_first_number_is_hardly_rare()
    {
        var histogram = new TailHistogram();
        Assert.Equal(0.693f, histogram.Score(3, 1), 1e-3f);
    }

    [Fact]
    public void A_number_beyond_all_precedent_gains_one_bit_per_octave()
    {
        var histogram = new TailHistogram();
        for (int i = 0; i < 1000; i++)
            histogram.Score(0.99f, 1);
        TailHistogram copy = histogram;
        Assert.Equal(3 * Math.Log(2), copy.Score(16, 1) - histogram.Score(2, 1), 1e-4);
    }

    [Theory, InlineData(0f), InlineData(1e-30f), InlineData(1e30f), InlineData(float.MaxValue)]
    public void Every_number_has_a_finite_rarity(float u)
    {
        var histogram = new TailHistogram();
        for (int i = 0; i < 100; i++)
            Assert.InRange(histogram.Score(u, 1), 0f, 200f);
    }

    private static int Bin(double u) => Enumerable.Range(0, 240).Last(bin => bin == 0 || u >= Edge(bin));

    /// <summary>Eight equal steps to the octave, from 2^-15.</summary>
    private static double Edge(int bin) => Math.Pow(2, bin / 8 - 15) * (1 + bin % 8 / 8.0);

    private static double Rarity(double[] masses, double u, double weight)
    {
        int bin = Bin(u);
        double inside = Math.Clamp((u - Edge(bin)) / (Edge(bin + 1) - Edge(bin)), 0, 1);
        double above = masses.Skip(bin + 1).Sum() + masses[bin] * (1 - inside);
        double nats = -Math.Log((above + 0.5 * weight) / (masses.Sum() + weight));
        int top = Enumerable.Range(0, 240).LastOrDefault(b => masses.Skip(b).Sum() > 0.02 * weight, -1);
        return bin > top && masses.Sum() > 0 ? nats + Math.Log2(u / Edge(top + 1)) * Math.Log(2) : nats;
    }
}
