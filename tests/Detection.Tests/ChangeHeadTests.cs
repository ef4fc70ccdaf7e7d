namespace StreamRnn.Detection.Tests;

public class ChangeHeadTests
{
    [Fact]
    public void A_random_walk_is_forecast_to_stay_within_two_percent_of_persistence()
    {
        var random = new Random(1);
        (double own, double persistence) = SquaredErrors(5000, _ => random.NextDouble() - 0.5, _ => random.NextDouble() - 0.5);
        Assert.InRange(own / persistence, 0.98, 1.02);
    }

    [Fact]
    public void Changes_that_follow_the_last_one_are_learned()
    {
        // x' = 0.8 x + noise: at best a share 1 - 0.64 of the variance is left.
        var random = new Random(2);
        double last = 0;
        (double own, double persistence) = SquaredErrors(5000, _ => last = 0.8 * last + random.NextDouble() - 0.5, _ => 0);
        Assert.InRange(own / persistence, 0.34, 0.38);
    }

    [Fact]
    public void A_head_that_knows_is_followed()
    {
        var random = new Random(3);
        double next = 0;
        (double own, double persistence) = SquaredErrors(5000, _ => next, _ => next = random.NextDouble() - 0.5);
        Assert.InRange(own / persistence, 0, 0.01);
    }

    [Fact]
    public void A_stream_that_stays_is_forecast_to_its_last_digit()
    {
        var stream = new SingleStream(SingleStream.Default);
        stream.Step(21.7);
        for (int i = 0; i < 1000; i++)
        {
            Verdict verdict = stream.Step(21.7);
            Assert.Equal((21.7, 21.7), (verdict.Forecast, verdict.Next));
        }
    }

    [Fact]
    public void A_stream_that_has_come_to_rest_stays_within_its_interval()
    {
        var stream = new SingleStream(SingleStream.Default);
        var random = new Random(4);
        for (int i = 0; i < 200; i++)
            stream.Step(20 + random.NextDouble());
        int inside = 0;
        for (int i = 0; i < 1000; i++)
        {
            Verdict verdict = stream.Step(21.7);
            inside += verdict.Lower <= 21.7 && 21.7 <= verdict.Upper ? 1 : 0;
            Assert.True(i < 900 || Math.Abs(verdict.Forecast - 21.7) < 0.01, $"row {i}: {verdict.Forecast:R}");
        }
        Assert.InRange(inside, 880, 1000);
    }

    /// <summary>Of the second half of a run: the head's and those of no change.</summary>
    private static (double Own, double Persistence) SquaredErrors(int rows, Func<int, double> change, Func<int, double> expected)
    {
        var head = new ChangeHead();
        head.Initialise();
        (double own, double persistence) = (0, 0);
        float forecast = 0;
        for (int row = 0; row < rows; row++)
        {
            float seen = (float)change(row);
            if (row >= rows / 2)
            {
                own += (seen - forecast) * (seen - forecast);
                persistence += seen * seen;
            }
            head.Learn(seen, row);
            forecast = head.Expect((float)expected(row));
        }
        return (own, persistence);
    }
}
