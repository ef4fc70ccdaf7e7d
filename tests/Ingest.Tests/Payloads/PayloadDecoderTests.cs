using System.Globalization;
using System.Text;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Payloads;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Ingest.Tests.Payloads;

public class PayloadDecoderTests
{
    internal const long Arrival = 1_800_000_000 * EventTime.NanosecondsPerSecond;
    private readonly ReadingBuffer _readings = new();

    [Theory]
    [InlineData("21.5", 21.5)]
    [InlineData(" 21.5\r\n", 21.5)]
    [InlineData("-0", -0.0)]
    [InlineData("+3", 3)]
    [InlineData("1e-320", 1e-320)]
    [InlineData("0.1", 0.1)]
    [InlineData("123456789012345678901234567890", 123456789012345678901234567890.0)]
    [InlineData("3.4028234663852886E+38", 3.4028234663852886E+38)]
    [InlineData("true", 1)]
    [InlineData("false", 0)]
    public void A_plain_number_is_the_value_of_the_topic(string payload, double value)
    {
        Assert.Equal(TickFault.None, Decode(payload));
        Reading reading = Assert.Single(_readings.Readings.ToArray());
        Assert.Equal(value, reading.Value);
        Assert.Equal(ReadingBuffer.NoTime, reading.Time);
        Assert.Equal("", Path(reading));
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("hello")]
    [InlineData("21.5 C")]
    [InlineData("21,5")]
    [InlineData("0x10")]
    [InlineData("1.2.3")]
    [InlineData("ON")]
    [InlineData("{}")]
    [InlineData("{\"ts\":1700000000}")]
    [InlineData("[]")]
    [InlineData("[1,2,3]")]
    [InlineData("[[1]]")]
    [InlineData("[{\"temperature\":1}]")]
    [InlineData("\uFEFF")]
    public void What_is_none_of_the_forms_is_refused_whole(string payload)
    {
        Assert.Equal(TickFault.UnknownPayload, Decode(payload));
        Assert.Equal(0, _readings.Count);
    }

    [Theory]
    [InlineData("NaN")]
    [InlineData("nan")]
    [InlineData("-inf")]
    [InlineData("Infinity")]
    [InlineData("+INF")]
    [InlineData("1e999")]
    [InlineData("-1e999")]
    [InlineData("3.5e38")]
    [InlineData("{\"a\":1e999}")]
    [InlineData("{\"a\":-1e40}")]
    public void What_is_not_finite_for_a_float_is_refused(string payload)
    {
        Assert.Equal(TickFault.None, Decode(payload));
        Assert.Equal(0, _readings.Count);
        Assert.Equal(1, _readings.Refused(TickFault.NotFinite));
    }

    [Theory]
    [InlineData("\"21.5\"")]
    [InlineData("{\"a\":\"21.5\"}")]
    [InlineData("{\"a\":null}")]
    [InlineData("{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":1}}}}}")]
    public void Text_is_no_number_even_if_it_looks_like_one(string payload)
    {
        Assert.Equal(TickFault.None, Decode(payload));
        Assert.Equal(0, _readings.Count);
        Assert.Equal(1, _readings.Refused(TickFault.NotANumber));
    }

    [Theory]
    [InlineData("{\"temperature\":27.34,\"humidity\":44.72}", "temperature=27.34 humidity=44.72")]
    [InlineData("{\"Time\":\"2018-03-02T18:30:10\",\"AM2301\":{\"Temperature\":22.6,\"Humidity\":40}}",
        "AM2301.Temperature=22.6@1520015410 AM2301.Humidity=40@1520015410")]
    [InlineData("{\"state\":{\"reported\":{\"t\":1,\"on\":true,\"off\":false}}}",
        "state.reported.t=1 state.reported.on=1 state.reported.off=0")]
    [InlineData("{\"a\":{\"b\":{\"c\":{\"d\":4}}}}", "a.b.c.d=4")]
    [InlineData("{\"a\":[1,[2,3],{\"b\":4}],\"c\":5}", "a.0=1 a.1.0=2 a.1.1=3 a.2.b=4 c=5")]
    [InlineData("{\"value\":21.5}", "=21.5")]
    [InlineData("{\"v\":21.5,\"unit\":\"C\",\"ts\":1700000000}", "=21.5@1700000000")]
    [InlineData("{\"val\":true}", "=1")]
    [InlineData("{\"value\":1,\"other\":2}", "value=1 other=2")]
    [InlineData("{\"value\":1,\"other\":1e999}", "value=1")]
    [InlineData("{\"a\":{\"value\":1}}", "a.value=1")]
    [InlineData("{\"x%+#/:.\\u0001\\u007f\\u0085\":1,\"\\u00e4 b\":2}", "x%25%2B%23%2F%3A%2E%01%7F%C2%85=1 ä b=2")]
    [InlineData("{\"a.b\":1,\"a\":{\"b\":2}}", "a%2Eb=1 a.b=2")]
    public void Every_number_of_an_object_is_a_stream(string payload, string expected)
    {
        Assert.Equal(TickFault.None, Decode(payload));
        Assert.Equal(expected, Written());
    }

    [Theory]
    [InlineData("{\"ts\":1700000000,\"a\":1}", "a=1@1700000000")]
    [InlineData("{\"a\":1,\"ts\":1700000000}", "a=1@1700000000")]
    [InlineData("{\"a\":1,\"timestamp\":\"2023-11-14T22:13:20Z\"}", "a=1@1700000000")]
    [InlineData("{\"a\":1,\"timestamp\":\"1700000000\"}", "a=1@1700000000")]
    [InlineData("{\"a\":1,\"time\":1700000000000}", "a=1@1700000000")]
    [InlineData("{\"a\":1,\"Time\":\"2023-11-14T22:13:20\"}", "a=1@1700000000")]
    [InlineData("{\"a\":1,\"t\":1700000000000000}", "a=1@1700000000")]
    [InlineData("{\"a\":1,\"last_seen\":1700000000000000000}", "a=1@1700000000")]
    [InlineData("{\"t\":21.5}", "t=21.5")]
    [InlineData("{\"t\":21.5,\"ts\":1700000000}", "t=21.5@1700000000")]
    [InlineData("{\"time\":5,\"a\":1}", "time=5 a=1")]
    [InlineData("{\"time\":1600000000,\"ts\":1700000000,\"a\":1}", "a=1@1700000000")]
    [InlineData("{\"ts\":null,\"a\":1}", "a=1")]
    [InlineData("{\"ts\":12,\"a\":1}", "a=1@12")]
    [InlineData("{\"ts\":\"never\",\"timestamp\":1700000000,\"a\":1}", "a=1@1700000000")]
    [InlineData("{\"b\":{\"ts\":1700000000},\"a\":1}", "b.ts=1700000000 a=1")]
    [InlineData("{\"ts\":{\"ts\":3},\"a\":1}", "ts.ts=3 a=1")]
    public void The_time_is_the_first_of_the_known_fields_at_the_top(string payload, string expected)
    {
        Assert.Equal(TickFault.None, Decode(payload));
        Assert.Equal(expected, Written());
    }

    [Theory]
    [InlineData("{\"ts\":\"never\",\"a\":1}")]
    [InlineData("{\"a\":1,\"timestamp\":true}")]
    [InlineData("{\"a\":1,\"Time\":\"0000-00-00T00:00:00\"}")]
    [InlineData("{\"a\":1,\"ts\":\"0001-01-01T00:00:00\"}")]
    [InlineData("{\"a\":1,\"ts\":1e300}")]
    public void A_time_that_cannot_be_read_refuses_the_packet(string payload)
    {
        Assert.Equal(TickFault.MalformedTime, Decode(payload));
        Assert.Equal(0, _readings.Count);
    }

    [Fact]
    public void Good_values_step_although_bad_ones_are_counted()
    {
        Assert.Equal(TickFault.None, Decode("{\"a\":1,\"b\":\"x\",\"c\":null,\"d\":1e999,\"a\":2,\"\":3,\"e\":[\"y\",4],\"time\":\"noon\"}"));
        Assert.Equal("a=1 e.1=4", Written());
        Assert.Equal(4, _readings.Refused(TickFault.NotANumber));
        Assert.Equal(1, _readings.Refused(TickFault.NotFinite));
        Assert.Equal(2, _readings.Refused(TickFault.StreamName));
        Assert.Equal(7, _readings.RefusedCount);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{\"a\":1")]
    [InlineData("{\"a\":}")]
    [InlineData("{\"a\":1,}")]
    [InlineData("{\"a\":NaN}")]
    [InlineData("{\"a\":01}")]
    [InlineData("{a:1}")]
    [InlineData("{\"a\":1} trailing")]
    [InlineData("{\"a\":1}{\"a\":2}")]
    [InlineData("{\"\\ud800\":1}")]
    [InlineData("[{\"n\":\"a\",\"v\":1}")]
    [InlineData("[{\"n\":\"a\",\"v\":1},")]
    [InlineData("[1,2")]
    [InlineData("[")]
    public void Half_a_json_refuses_the_packet(string payload)
    {
        Assert.Equal(TickFault.MalformedJson, Decode(payload));
        Assert.Equal(0, _readings.Count + _readings.RefusedCount);
    }

    [Fact]
    public void Sixty_four_values_are_taken_from_an_object_and_the_rest_is_counted()
    {
        string leaves = string.Join(',', Enumerable.Range(0, 100_000).Select(i => $"\"k{i}\":{i}"));
        Assert.Equal(TickFault.None, Decode("{" + leaves + "}"));
        Assert.Equal(64, _readings.Count);
        Assert.Equal(100_000 - 64, _readings.Refused(TickFault.TooManyValues));
    }

    [Fact]
    public void Names_too_long_for_a_topic_are_refused_one_by_one()
    {
        Assert.Equal(TickFault.None, Decode($"{{\"{new string('k', 1025)}\":1,\"{new string('%', 400)}\":2,\"{new string('\u0001', 0)}b\":3}}"));
        Assert.Equal("b=3", Written());
        Assert.Equal(2, _readings.Refused(TickFault.StreamName));
    }

    [Fact]
    public void Deep_nesting_and_noise_are_survived()
    {
        Assert.Equal(TickFault.MalformedJson, Decode(new string('[', 1_000_000)));
        Assert.Equal(TickFault.MalformedJson, Decode(string.Concat(Enumerable.Repeat("{\"a\":", 100_000))));
        byte[] noise = new byte[1 << 20];
        new Random(7).NextBytes(noise);
        Assert.Equal(TickFault.UnknownPayload, PayloadDecoder.Decode([1, .. noise], Arrival, TimeZoneInfo.Utc, _readings));
        Assert.Equal(TickFault.UnknownPayload, Decode(new string('7', 1 << 20)));
        Assert.Equal(TickFault.MalformedJson, PayloadDecoder.Decode([(byte)'{', .. noise], Arrival, TimeZoneInfo.Utc, _readings));
    }

    [Theory]
    [InlineData("[{\"n\":\"urn:dev:ow:10e2073a01080063\",\"u\":\"Cel\",\"v\":23.1}]", "urn%3Adev%3Aow%3A10e2073a01080063=23.1@1800000000")]
    [InlineData("[{\"bn\":\"d:\",\"n\":\"voltage\",\"u\":\"V\",\"v\":120.1},{\"n\":\"current\",\"v\":1.2}]",
        "d%3Avoltage=120.1@1800000000 d%3Acurrent=1.2@1800000000")]
    [InlineData("[{\"bn\":\"d\",\"bt\":1.276020076001e+09,\"bu\":\"A\",\"bver\":5,\"n\":\"v\",\"v\":1},{\"n\":\"c\",\"t\":-5,\"v\":2},{\"n\":\"c\",\"t\":1,\"v\":3}]",
        "dv=1@1276020076.001 dc=2@1276020071.001 dc=3@1276020077.001")]
    [InlineData("[{\"n\":\"a\",\"t\":-10,\"v\":1}]", "a=1@1799999990")]
    [InlineData("[{\"v\":1,\"n\":\"a\",\"bv\":10},{\"n\":\"b\",\"v\":2},{\"bv\":0,\"n\":\"c\",\"v\":3}]", "a=11@1800000000 b=12@1800000000 c=3@1800000000")]
    [InlineData("[{\"n\":\"a\",\"vb\":true},{\"n\":\"b\",\"vb\":false}]", "a=1@1800000000 b=0@1800000000")]
    [InlineData("[{\"n\":\"a\",\"v\":1,\"s\":5},{\"n\":\"b\",\"s\":6,\"bs\":100}]", "a=1@1800000000 a.s=5@1800000000 b.s=106@1800000000")]
    [InlineData("[{\"v\":1}]", "=1@1800000000")]
    [InlineData("[{\"bn\":\"x\"},{\"v\":1}]", "x=1@1800000000")]
    [InlineData("[{\"n\":\"a\",\"v\":1,\"other\":{\"deep\":[1]}}]", "a=1@1800000000")]
    public void SenML_records_resolve_with_their_base_fields(string payload, string expected)
    {
        Assert.Equal(TickFault.None, Decode(payload));
        Assert.Equal(expected, Written());
    }

    [Fact]
    public void SenML_text_data_and_bad_times_are_refused_one_by_one()
    {
        Assert.Equal(TickFault.None, Decode("[{\"n\":\"a\",\"vs\":\"x\"},{\"n\":\"b\",\"vd\":\"AA\"},{\"n\":\"c\",\"v\":\"1\"},"
            + "{\"n\":\"d\",\"t\":\"now\",\"v\":1},{\"n\":\"e\",\"v\":1e999},{\"n\":5,\"v\":1},{\"n\":\"f\",\"v\":2}]"));
        Assert.Equal("f=2@1800000000", Written());
        Assert.Equal(3, _readings.Refused(TickFault.NotANumber));
        Assert.Equal(1, _readings.Refused(TickFault.MalformedTime));
        Assert.Equal(1, _readings.Refused(TickFault.NotFinite));
        Assert.Equal(1, _readings.Refused(TickFault.StreamName));
    }

    [Theory]
    [InlineData("[{\"bver\":11,\"n\":\"a\",\"v\":1}]")]
    [InlineData("[{\"n\":\"a\",\"v\":1},{\"n\":\"b\",\"v\":1,\"must_\":1}]")]
    [InlineData("[{\"n\":\"a\",\"v\":1},5]")]
    public void A_SenML_pack_that_must_not_be_processed_is_not(string payload)
    {
        Assert.Equal(TickFault.UnknownPayload, Decode(payload));
        Assert.Equal(0, _readings.Count);
    }

    [Fact]
    public void A_SenML_pack_may_hold_a_thousand_records_and_the_rest_is_counted()
    {
        Assert.Equal(TickFault.None, Decode("[" + string.Join(',', Enumerable.Range(0, 1500).Select(i => $"{{\"n\":\"a\",\"t\":{i},\"v\":{i}}}")) + "]"));
        Assert.Equal(1024, _readings.Count);
        Assert.Equal(1500 - 1024, _readings.Refused(TickFault.TooManyValues));
    }

    [Fact]
    public void Decoding_allocates_nothing()
    {
        byte[][] payloads = [.. new[]
        {
            "21.5", "hello", "{\"temperature\":27.34,\"humidity\":44.72,\"unit\":\"C\",\"e\\u0041\":1}", "[1,2]",
            "{\"Time\":\"2018-03-02T18:30:10\",\"AM2301\":{\"Temperature\":22.6}}", "{\"ts\":1700000000.5,\"value\":1}",
            "[{\"bn\":\"d:\",\"bt\":1.7e9,\"n\":\"t\",\"v\":23.1},{\"n\":\"h\",\"t\":1,\"v\":2}]",
        }.Select(Encoding.UTF8.GetBytes)];
        void All()
        {
            foreach (byte[] payload in payloads)
                PayloadDecoder.Decode(payload, Arrival, TimeZoneInfo.Utc, _readings);
            PayloadDecoder.Decode("{\"seq\":7,\"n\":1e3,\"value\":1}"u8, Arrival, TimeZoneInfo.Utc, _readings, isNumbered: true);
            PayloadDecoder.Decode("{\"seq\":7.5,\"value\":1}"u8, Arrival, TimeZoneInfo.Utc, _readings, isNumbered: true);
        }
        Assert.Equal(0, Allocations.Least(1000, All));
    }

    [Theory]
    [InlineData("{\"seq\":7,\"value\":1}", 7, "=1")]
    [InlineData("{\"n\":7,\"value\":1}", 7, "=1")]
    [InlineData("{\"n\":3,\"seq\":7,\"a\":1,\"b\":2}", 7, "a=1 b=2")]
    [InlineData("{\"seq\":7,\"n\":\"x\",\"a\":{\"seq\":5,\"n\":6}}", 7, "a.seq=5 a.n=6")]
    [InlineData("{\"seq\":null,\"n\":-4,\"v\":1}", -4, "=1")]
    [InlineData("{\"seq\":12.0,\"v\":1}", 12, "=1")]
    [InlineData("{\"seq\":1e3,\"v\":1}", 1000, "=1")]
    [InlineData("{\"seq\":4611686018427387903,\"v\":1}", (1L << 62) - 1, "=1")]
    public void A_numbered_payload_says_its_number_and_that_is_no_value(string payload, long number, string readings)
    {
        Assert.Equal(TickFault.None, PayloadDecoder.Decode(Encoding.UTF8.GetBytes(payload), Arrival, TimeZoneInfo.Utc, _readings, isNumbered: true));
        Assert.Equal((true, number), (_readings.IsNumbered, _readings.Number));
        Assert.Equal(readings, Written());

        Assert.Equal(TickFault.None, Decode(payload));   // of this topic nobody wants to know
        Assert.False(_readings.IsNumbered);
    }

    [Theory]
    [InlineData("{\"value\":1}")]
    [InlineData("{\"seq\":null,\"value\":1}")]
    [InlineData("{\"seq\":7.5,\"n\":8,\"value\":1}")]
    [InlineData("{\"n\":8,\"seq\":\"7\",\"value\":1}")]
    [InlineData("{\"seq\":true,\"value\":1}")]
    [InlineData("{\"seq\":4611686018427387904,\"value\":1}")]
    [InlineData("{\"seq\":1e300,\"value\":1}")]
    [InlineData("{\"seq\":{\"n\":1},\"value\":1}")]
    [InlineData("21.5")]
    [InlineData("[{\"n\":\"t\",\"v\":1}]")]
    public void A_payload_that_should_be_numbered_and_is_not_is_refused_whole(string payload)
    {
        Assert.Equal(TickFault.NoSequence, PayloadDecoder.Decode(Encoding.UTF8.GetBytes(payload), Arrival, TimeZoneInfo.Utc, _readings, isNumbered: true));
        Assert.Equal(0, _readings.Count + _readings.RefusedCount);
    }

    private TickFault Decode(string payload) => PayloadDecoder.Decode(Encoding.UTF8.GetBytes(payload), Arrival, TimeZoneInfo.Utc, _readings);

    private string Path(in Reading reading) => Encoding.UTF8.GetString(_readings.Path(reading));

    private string Written() => string.Join(' ', _readings.Readings.ToArray().Select(reading =>
        $"{Path(reading)}={reading.Value}" + (reading.Time == ReadingBuffer.NoTime
            ? "" : "@" + (reading.Time / (decimal)EventTime.NanosecondsPerSecond).ToString("0.#########", CultureInfo.InvariantCulture))));
}
