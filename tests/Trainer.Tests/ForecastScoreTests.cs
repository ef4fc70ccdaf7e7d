using StreamRnn.Trainer.Evaluation;

namespace StreamRnn.Trainer.Tests;

public class ForecastScoreTests
{
    [Fact]
    public void Errors_are_those_of_the_rows_added_beside_persistence_on_the_same_rows()
    {
        ForecastScore score = new("model", scale: 2);
        score.Add(4, 3, stayed: 2, lower: 2, upper: 5);                    // error 1, persistence 2, inside
        score.Add(8, 5, stayed: 4, lower: 4, upper: 6);                    // error 3, persistence 4, outside
        score.Add(8, 8, stayed: 8, lower: double.NaN, upper: double.NaN);  // error 0, persistence 0, no interval

        Assert.Equal(3, score.Count);
        Assert.Equal(4.0 / 3, score.Mae, precision: 15);
        Assert.Equal(2.0 / 3, score.Mase, precision: 15);
        Assert.Equal(Math.Sqrt(10.0 / 3), score.Rmse, precision: 15);
        Assert.Equal(4.0 / 6, score.MaeRatio, precision: 15);
        Assert.Equal(Math.Sqrt(10.0 / 20), score.RmseRatio, precision: 15);
        Assert.Equal(0.5, score.Skill, precision: 15);
        Assert.Equal(0.5, score.Coverage);
    }
}
