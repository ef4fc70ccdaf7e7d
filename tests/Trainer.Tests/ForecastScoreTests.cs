using StreamRnn.Trainer.Evaluation;

namespace StreamRnn.Trainer.Tests;

public class ForecastScoreTests
{
    [Fact]
    public void Errors_are_those_of_the_rows_after_the_skipped_ones_and_persistence_is_measured_on_the_same_rows()
    {
        ForecastScore score = new(skippedRows: 2);
        score.Add(1, double.NaN, double.NaN, double.NaN);
        score.Add(2, 100, 0, 1);                    // skipped, but the last value of the next row
        score.Add(4, 3, 2, 5);                      // error 1, persistence 2, inside
        score.Add(double.NaN, 4, 3, 5);             // a gap is no row
        score.Add(8, 5, 4, 6);                      // error 3, persistence 4, outside
        score.Add(8, 8, double.NaN, double.NaN);    // error 0, persistence 0, no interval

        Assert.Equal(3, score.Count);
        Assert.Equal(4.0 / 3, score.Mae, precision: 15);
        Assert.Equal(Math.Sqrt(10.0 / 3), score.Rmse, precision: 15);
        Assert.Equal(4.0 / 6, score.MaeRatio, precision: 15);
        Assert.Equal(Math.Sqrt(10.0 / 20), score.RmseRatio, precision: 15);
        Assert.Equal(0.5, score.Skill, precision: 15);
        Assert.Equal(0.5, score.Coverage);
    }
}
