using StreamRnn.Lab.Soak;

namespace StreamRnn.Lab.Tests.Soak;

public class SoakReportTests
{
    private const long Tolerated = 64 << 20;

    [Fact]
    public void Memory_that_stays_as_it_is_after_the_warm_up_is_no_fault()
    {
        SoakReport report = SoakReport.Of(Samples(second => second < 10 ? second * (100 << 20) : 1000 << 20), warmUpSeconds: 10, Tolerated);

        Assert.Null(report.Fault);
        Assert.Equal(0, report.Anonymous.Growth);
        Assert.Equal(0, report.Anonymous.PerHour);
        Assert.Equal(100, report.Rate);
        Assert.Equal(new Dictionary<string, long> { ["stream_limit"] = 5000 }, report.Refused);
    }

    [Fact]
    public void Memory_that_grows_beyond_the_tolerance_is_one_and_the_slope_says_how_fast()
    {
        SoakReport report = SoakReport.Of(Samples(second => second << 20), warmUpSeconds: 10, Tolerated);

        Assert.Equal("memory grew by 82 MB after the warm-up, 64 MB are tolerated", report.Fault);
        Assert.Equal(3600L << 20, report.Anonymous.PerHour);
        Assert.Equal(100L << 20, report.Anonymous.Largest);
        Assert.Null(SoakReport.Of(Samples(second => second << 20), warmUpSeconds: 10, toleratedBytes: 100 << 20).Fault);
    }

    [Theory]
    [InlineData("accepted", 4999, "10000 ticks were sent, 4999 accepted and 5000 refused")]
    [InlineData("stepped", 4999, "5000 ticks were accepted and 4999 stepped")]
    public void Counts_that_do_not_close_are_one(string count, double value, string fault)
    {
        SoakSample[] samples = Samples(_ => 1);
        samples[^1] = samples[^1] with { Counts = new Dictionary<string, double>(samples[^1].Counts) { [count] = value } };

        Assert.Equal(fault, SoakReport.Of(samples, warmUpSeconds: 0, Tolerated).Fault);
    }

    [Fact]
    public void A_tick_that_is_not_acknowledged_is_one()
    {
        SoakSample[] samples = Samples(_ => 1);
        samples[^1] = samples[^1] with { Acknowledged = 9990 };

        Assert.Equal("10 ticks were not acknowledged", SoakReport.Of(samples, warmUpSeconds: 0, Tolerated).Fault);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1000, 1)]
    [InlineData(4096, 2)]
    [InlineData(10_000, 4)]
    public void Every_topic_gets_a_tick_before_any_gets_its_second(int topics, int connections)
    {
        SoakOrder[] orders = [.. Enumerable.Range(0, connections).Select(first => new SoakOrder(topics, busyShare: 0, first, connections))];

        for (int round = 0; round < 3; round++)
            Assert.Equal(topics, Enumerable.Range(0, topics).Select(tick => orders[tick % connections].Next()).Distinct().Count());
    }

    [Fact]
    public void The_busy_share_goes_to_the_busy_topics()
    {
        SoakOrder order = new(topics: 1_000_000, busyShare: 0.25, first: 0, step: 1);

        int busy = Enumerable.Range(0, 40_000).Count(_ => order.Next() < SoakLoad.BusyTopics);
        Assert.InRange(busy, 10_000, 10_100);   // and those that all the others are visited with
    }

    /// <summary>A look each second for 100 seconds at 100 ticks/s, of which half are refused.</summary>
    private static SoakSample[] Samples(Func<long, long> memory) =>
        [.. Enumerable.Range(1, 100).Select(second => new SoakSample(
            second, memory(second), memory(second), 0, 0, 0, second * 100, second * 100,
            new Dictionary<string, double> { ["accepted"] = second * 50, ["stepped"] = second * 50, ["refused"] = second * 50, ["streamrnn.ticks.refused.stream_limit"] = second * 50 }))];
}
