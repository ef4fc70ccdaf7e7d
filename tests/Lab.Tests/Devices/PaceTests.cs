using StreamRnn.Lab.Devices;

namespace StreamRnn.Lab.Tests.Devices;

public sealed class PaceTests
{
    [Fact]
    public void The_first_message_is_due_at_once_and_the_others_one_period_apart()
    {
        Pace pace = new(rate: 0.001);   // periods of 1,000 s, beside which the time this test takes is nothing
        Assert.True(pace.Next() <= TimeSpan.Zero);
        Assert.Equal(1000, pace.Next().TotalSeconds, tolerance: 100);
        Assert.Equal(2000, pace.Next().TotalSeconds, tolerance: 100);
    }

    [Fact]
    public void Without_a_rate_every_message_is_due()
    {
        Pace pace = new(rate: 0);
        for (int i = 0; i < 10; i++)
            Assert.True(pace.Next() <= TimeSpan.Zero);
    }
}
