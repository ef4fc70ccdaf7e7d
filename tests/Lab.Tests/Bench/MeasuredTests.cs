using System.Text.Json;
using StreamRnn.Engine;
using StreamRnn.Lab.Bench;
using StreamRnn.Lab.Soak;

namespace StreamRnn.Lab.Tests.Bench;

/// <summary>A benchmark never prints a number that is not finite: one that measured nothing ends in words, which the command line turns into exit code 1.</summary>
public class MeasuredTests
{
    private static readonly ProcessUse Use = new(TimeSpan.FromSeconds(1), new Dictionary<string, double> { ["commit"] = 0.5 });
    private static readonly ProcessUse Later = new(TimeSpan.FromSeconds(3), new Dictionary<string, double> { ["commit"] = 0.75 });

    [Fact]
    public void Receiving_without_a_message_names_the_measurement_that_has_none()
    {
        CommandFailedException failure = Assert.Throws<CommandFailedException>(() =>
            ReceiveLine.Between("embedded broker", "1,000 a second", new ReceivePoint(0, 7, Use), new ReceivePoint(1_000_000_000, 7, Later)));

        Assert.StartsWith("embedded broker, 1,000 a second: nothing was measured, it counted no messages;", failure.Message);
    }

    [Fact]
    public void Receiving_with_messages_divides_by_them()
    {
        ReceiveLine line = ReceiveLine.Between("embedded broker", "1,000 a second", new ReceivePoint(0, 7, Use), new ReceivePoint(1_000_000_000, 17, Later));

        Assert.Equal((10, 25_000, 25_000), (line.Messages, line.Parts["disk"], line.Microseconds));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(5, 100)]
    public void A_flood_without_a_tick_names_its_case(long done, long written)
    {
        FloodPoint first = new(0, done, Use, TimeSpan.Zero, new DiskUse(0, 0, null));
        FloodPoint last = new(1_000_000_000, done, Later, TimeSpan.FromSeconds(1), new DiskUse(written, 0, null));

        CommandFailedException failure = Assert.Throws<CommandFailedException>(() => FloodLine.Between(new FloodCase("bare", "none"), first, last, [("log", "commit")]));

        Assert.StartsWith("bare GRU-32, no reader: nothing was measured, it counted no ticks;", failure.Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    public void Bytes_without_a_tick_are_no_bytes_per_tick(long written) =>
        Assert.Throws<CommandFailedException>(() => new DiskUse(written, 0, written).Since(new DiskUse(0, 0, 0), ticks: 0, "flood"));

    [Fact]
    public void A_wire_without_a_tick_is_no_line() =>
        Assert.Throws<CommandFailedException>(() => new WireLine("wire", "1,000 ticks/s", new WireResult(0, 1, default, default), TimeSpan.Zero, disk: null));

    [Fact]
    public void A_soak_that_sent_nothing_is_no_report() =>
        Assert.Throws<CommandFailedException>(() => SoakReport.Of([new SoakSample(1, 0, 0, 0, 0, 0, 0, 0, new Dictionary<string, double>())], 0, 0));

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_figure_that_is_not_finite_is_refused_in_words_where_it_is_written(double figure)
    {
        Assert.Throws<CommandFailedException>(() => JsonSerializer.Serialize(new { figure = (double?)figure }, BenchLine.Json));
        Assert.Throws<CommandFailedException>(() => Measured.Finite(figure, "GRU 1 -> 8 -> 1", "the loss"));
    }
}
