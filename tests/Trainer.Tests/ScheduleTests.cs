using StreamRnn.Trainer.Fit;

namespace StreamRnn.Trainer.Tests;

public class ScheduleTests
{
    [Fact]
    public void A_step_falls_every_so_many_epochs() =>
        Assert.Equal([1, 1, 0.5, 0.5, 0.25], Enumerable.Range(0, 5).Select(epoch => new StepSchedule(2, 0.5).Factor(epoch, [])));

    [Fact]
    public void A_cosine_falls_from_one_to_its_minimum_and_stays()
    {
        var schedule = new CosineSchedule(10, 0.1);
        Assert.Equal(1, schedule.Factor(0, []), 1e-12);
        Assert.Equal(0.1 + 0.9 * 0.5 * (1 + Math.Cos(Math.PI * 0.3)), schedule.Factor(3, []), 1e-12);
        Assert.Equal(0.55, schedule.Factor(5, []), 1e-12);
        Assert.Equal(0.1, schedule.Factor(10, []), 1e-12);
        Assert.Equal(0.1, schedule.Factor(99, []), 1e-12);
    }

    [Fact]
    public void A_plateau_lowers_the_rate_when_more_than_its_patience_has_brought_nothing()
    {
        var schedule = new PlateauSchedule(Patience: 2, Gamma: 0.5);
        double[] losses = [1, 0.9, 0.95, 0.9, 0.89999, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9];
        double[] factors = [.. Enumerable.Range(0, losses.Length + 1).Select(epoch => schedule.Factor(epoch, losses[..epoch]))];
        Assert.Equal([1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125], factors);
    }
}
