using System.Globalization;
using System.Text;
using StreamRnn.Engine.Publish;

namespace StreamRnn.Engine.Tests.Publish;

public class Utf8TextTests
{
    private const int Seed = 20260102;

    public static double[] OddNumbers =>
    [
        0, -0.0, 1, -1, 0.1, 21.5, 1.0 / 3, 1e15, 1e15 - 1, -1e15, 1e16, 123456789012345680, 1e21, 1e22, 1e23, 5e-324, 2.2250738585072014e-308,
        double.MaxValue, double.MinValue, double.Epsilon, 9007199254740993, 9007199254740992, 4503599627370496.5, 0.0001, 0.00001, 1e-7,
        2.2250738585072011e-308, 4.9406564584124654e-324, 8.41e21, 9.5e-3, 1.7976931348623157e308, 2e-323, Math.PI, -Math.E, 1e-300,
    ];

    [Fact]
    public void A_double_is_the_platforms_shortest_text() => Assert.All(OddNumbers, value => Assert.Equal(Shortest(value), Text(value)));

    [Fact]
    public void So_are_doubles_of_any_bits()
    {
        Random random = new(Seed);
        for (int i = 0; i < 50_000; i++)
        {
            double value = BitConverter.Int64BitsToDouble(random.NextInt64(long.MinValue, long.MaxValue));
            if (double.IsFinite(value))
                Assert.True(Shortest(value) == Text(value), $"seed {Seed}, {i}: {value:R} written as {Text(value)}");
            double reading = Math.Round(random.NextDouble() * 1000, random.Next(6));
            Assert.True(Shortest(reading) == Text(reading), $"seed {Seed}, {i}: {reading:R} written as {Text(reading)}");
        }
    }

    [Fact]
    public void So_are_floats_of_any_bits()
    {
        Random random = new(Seed);
        byte[] to = new byte[Utf8Text.MaxLength];
        foreach (float value in Enumerable.Range(0, 50_000).Select(_ => BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)))
            .Concat([0f, -0f, 1f, 0.1f, float.Epsilon, float.MaxValue, float.MinValue, 1e6f, 1e7f, 1e8f, 16777216f, 1.1754944e-38f]))
        {
            if (!float.IsFinite(value))
                continue;
            string written = Encoding.UTF8.GetString(to, 0, Utf8Text.Write(value, to));
            Assert.True(value.ToString("R", CultureInfo.InvariantCulture) == written, $"seed {Seed}: {value:R} written as {written}");
        }
    }

    [Theory]
    [InlineData(0, "1970-01-01T00:00:00Z")]
    [InlineData(-1, "1969-12-31T23:59:59.999999999Z")]
    [InlineData(1_767_225_600_000_000_000, "2026-01-01T00:00:00Z")]
    [InlineData(1_767_225_600_250_000_000, "2026-01-01T00:00:00.25Z")]
    [InlineData(1_767_225_600_000_000_001, "2026-01-01T00:00:00.000000001Z")]
    [InlineData(1_709_164_799_000_000_000, "2024-02-28T23:59:59Z")]
    [InlineData(1_709_164_800_000_000_000, "2024-02-29T00:00:00Z")]
    [InlineData(long.MaxValue, "2262-04-11T23:47:16.854775807Z")]
    [InlineData(long.MinValue, "1677-09-21T00:12:43.145224192Z")]
    public void A_time_has_the_digits_it_needs(long time, string expected) => Assert.Equal(expected, TimeText(time));

    [Fact]
    public void A_time_is_the_platforms_date_on_every_day_of_five_centuries()
    {
        for (DateTime day = new(1700, 1, 1, 13, 5, 9, DateTimeKind.Utc); day.Year < 2262; day = day.AddDays(1))
        {
            long time = (day - DateTime.UnixEpoch).Ticks * 100;
            Assert.Equal(day.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture), TimeText(time));
        }
    }

    private static string Shortest(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Text(double value)
    {
        byte[] to = new byte[Utf8Text.MaxLength];
        return Encoding.UTF8.GetString(to, 0, Utf8Text.Write(value, to));
    }

    private static string TimeText(long time)
    {
        byte[] to = new byte[Utf8Text.MaxLength];
        return Encoding.UTF8.GetString(to, 0, Utf8Text.WriteTime(time, to));
    }
}
