namespace StreamRnn.Engine.Tests;

public class DurationTests
{
    [Theory]
    [InlineData("0s", 0)]
    [InlineData("250ms", 250)]
    [InlineData("15s", 15_000)]
    [InlineData("1.5s", 1_500)]
    [InlineData("5m", 300_000)]
    [InlineData("1h", 3_600_000)]
    [InlineData("2d", 172_800_000)]
    [InlineData("00:00:15", 15_000)]
    [InlineData("1.02:00:00", 93_600_000)]
    public void A_length_of_time_is_written_with_a_unit_or_with_colons(string text, double milliseconds)
    {
        Assert.True(Duration.TryParse(text, out TimeSpan duration));
        Assert.Equal(milliseconds, duration.TotalMilliseconds);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("15")]
    [InlineData("s")]
    [InlineData("15 s")]
    [InlineData("15S")]
    [InlineData("-5s")]
    [InlineData("-00:00:05")]
    [InlineData("1e3s")]
    [InlineData("1.2.3s")]
    [InlineData("99999999999d")]
    [InlineData("soon")]
    public void Anything_else_is_refused_and_never_guessed(string? text) => Assert.False(Duration.TryParse(text, out _));
}
