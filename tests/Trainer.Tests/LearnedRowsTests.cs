using StreamRnn.Trainer.Fit;

namespace StreamRnn.Trainer.Tests;

public class LearnedRowsTests
{
    private static readonly Dictionary<string, string> Metadata = new()
    {
        [LearnedRows.Key] = LearnedRows.Describe(
            [new Series("a.csv, flow", [], []), new Series("b.v2.csv.gz, Demand, MWh", [], [])],
            [new TimeSplit("a", 100, 0.6, 0.2, 0.2, purge: 1), new TimeSplit("b", 200, 0.5, 0.25, 0.25, purge: 2)]),
    };

    [Theory]
    [InlineData("a", 80)]
    [InlineData("a.flow", 80)]
    [InlineData("b.v2", 150)]
    [InlineData("a.speed", null)]
    [InlineData("other", null)]
    public void A_model_says_from_which_row_on_a_recording_is_new_to_it(string recording, int? row) =>
        Assert.Equal(row, LearnedRows.FirstUnseen(Metadata, recording));

    [Fact]
    public void A_model_that_says_nothing_has_seen_nothing() => Assert.Null(LearnedRows.FirstUnseen(new Dictionary<string, string>(), "a"));
}
