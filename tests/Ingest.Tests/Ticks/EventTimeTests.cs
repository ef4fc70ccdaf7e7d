using System.Text;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Ingest.Tests.Ticks;

public class EventTimeTests
{
    private const long Second = EventTime.NanosecondsPerSecond;

    [Theory]
    [InlineData("2018-03-02T18:30:10", "2018-03-02T18:30:10.0000000Z")]
    [InlineData("2018-03-02 18:30:10", "2018-03-02T18:30:10.0000000Z")]
    [InlineData("2018-03-02T18:30:10Z", "2018-03-02T18:30:10.0000000Z")]
    [InlineData("2018-03-02T18:30:10+01:00", "2018-03-02T17:30:10.0000000Z")]
    [InlineData("2018-03-02 18:30:10 -0530", "2018-03-03T00:00:10.0000000Z")]
    [InlineData("2018-03-02T18:30:10+01", "2018-03-02T17:30:10.0000000Z")]
    [InlineData("2018-03-02T18:30:10.5Z", "2018-03-02T18:30:10.5000000Z")]
    [InlineData("2018-03-02T18:30:10,1234567891234Z", "2018-03-02T18:30:10.1234567Z")]
    [InlineData("2018-03-02T18:30", "2018-03-02T18:30:00.0000000Z")]
    [InlineData("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.0000000Z")]
    [InlineData("2018-03-02", "2018-03-02T00:00:00.0000000Z")]
    [InlineData("2018/03/02 01:02:03", "2018-03-02T01:02:03.0000000Z")]
    [InlineData("1749-01", "1749-01-01T00:00:00.0000000Z")]
    [InlineData("2012-02-29", "2012-02-29T00:00:00.0000000Z")]
    public void Text_is_read(string text, string expected)
    {
        Assert.True(EventTime.TryParseText(Encoding.UTF8.GetBytes(text), TimeZoneInfo.Utc, out long time));
        Assert.Equal(expected, DateTime.UnixEpoch.AddTicks(time / 100).ToString("O"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("2018")]
    [InlineData("2018-13-01")]
    [InlineData("2018-00-01")]
    [InlineData("2018-02-29")]
    [InlineData("2018-02-00")]
    [InlineData("2018-02-1")]
    [InlineData("2018-02/01")]
    [InlineData("2018-03-02T24:00:00")]
    [InlineData("2018-03-02T18:60:00")]
    [InlineData("2018-03-02T18:30:61")]
    [InlineData("2018-03-02T18:30:10.Z")]
    [InlineData("2018-03-02T18:30:10ZZ")]
    [InlineData("2018-03-02T18:30:10+")]
    [InlineData("2018-03-02T18:30:10 ")]
    [InlineData("2018-03-02T18:30:10+25:00")]
    [InlineData("2018-03-02T18:30:10+01:60")]
    [InlineData("2018-03-02X18:30:10")]
    [InlineData("0000-01-01")]
    [InlineData("0001-01-01T00:00:00Z")]
    [InlineData("1677-12-31")]
    [InlineData("2262-01-01")]
    [InlineData("9999-12-31T23:59:59Z")]
    [InlineData("yesterday")]
    public void What_is_no_time_is_refused(string text) =>
        Assert.False(EventTime.TryParseText(Encoding.UTF8.GetBytes(text), TimeZoneInfo.Utc, out _));

    [Theory]
    [InlineData("1700000000", 1_700_000_000_000_000_000)]
    [InlineData("1700000000123", 1_700_000_000_123_000_000)]
    [InlineData("1700000000123456", 1_700_000_000_123_456_000)]
    [InlineData("1700000000123456789", 1_700_000_000_123_456_789)]
    [InlineData("1700000000.123456789", 1_700_000_000_123_456_789)]
    [InlineData("1700000000123.5", 1_700_000_000_123_500_000)]
    [InlineData("1.7e9", 1_700_000_000_000_000_000)]
    [InlineData("1.276020076001e+09", 1_276_020_076_001_000_000)]
    [InlineData("0", 0)]
    [InlineData("-1", -Second)]
    public void Numbers_are_read_by_their_magnitude_and_to_the_nanosecond(string text, long expected)
    {
        Assert.True(EventTime.TryParseNumber(Encoding.UTF8.GetBytes(text), TimeUnit.ByMagnitude, out long time));
        Assert.Equal(expected, time);
    }

    [Theory]
    [InlineData("99999999999")]
    [InlineData("-99999999999")]
    [InlineData("1e999")]
    [InlineData("1e28")]
    [InlineData("9223372036854775808")]
    [InlineData("NaN")]
    [InlineData("")]
    [InlineData(" 1")]
    public void Numbers_beyond_64_bits_of_nanoseconds_are_refused(string text) =>
        Assert.False(EventTime.TryParseNumber(Encoding.UTF8.GetBytes(text), TimeUnit.ByMagnitude, out _));

    [Fact]
    public void A_unit_can_be_given()
    {
        Assert.True(EventTime.TryParseNumber("1787"u8, TimeUnit.Milliseconds, out long time));
        Assert.Equal(1_787_000_000, time);
        Assert.True(EventTime.TryParse("1787"u8, TimeZoneInfo.Utc, TimeUnit.Nanoseconds, out time));
        Assert.Equal(1787, time);
    }

    [Fact]
    public void Text_without_a_zone_is_read_in_the_zone_given_and_never_in_the_machines()
    {
        TimeZoneInfo eastern = TimeZoneInfo.CreateCustomTimeZone("+9:30", TimeSpan.FromMinutes(570), null, null);
        Assert.True(EventTime.TryParseText("2026-01-01T00:00:00"u8, eastern, out long local));
        Assert.True(EventTime.TryParseText("2025-12-31T14:30:00Z"u8, eastern, out long utc));
        Assert.Equal(utc, local);
    }

    [Fact, Trait("speed", "slow")]
    public void Every_minute_of_four_years_is_read_as_the_platform_reads_it()
    {
        Span<byte> text = stackalloc byte[20];
        for (DateTime at = new(2023, 1, 1); at.Year < 2027; at = at.AddMinutes(1))
        {
            at.TryFormat(text, out int length, "s");
            Assert.True(EventTime.TryParseText(text[..length], TimeZoneInfo.Utc, out long time));
            Assert.Equal(EventTime.FromUtc(at), time);
        }
    }
}
