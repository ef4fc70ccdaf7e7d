using System.Text;
using System.Text.Json;
using StreamRnn.Detection;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Tests.Stepping;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Tests.Publish;

public class ForecastCodecTests
{
    private static readonly Forecast Example = new()
    {
        Stream = 0,
        Kind = 0,
        Time = 1_767_225_600_000_000_000,
        Value = 21.5,
        Verdict = new Verdict
        {
            N = 1234,
            Forecast = 21.4,
            Lower = 20.9,
            Upper = 21.9,
            Next = 21.6,
            Surprise = 1.3f,
            Score = 0.02f,
            Evidence = new Evidence { Level = 0.25f, Drift = 7.5f, Record = 6 },
        },
    };

    [Fact]
    public void A_forecast_reads_as_documented()
    {
        EncodedMessage message = Codec().EncodeForecast(Example);

        Assert.Equal("streamrnn/zigbee2mqtt/kitchen:temperature/forecast", Encoding.UTF8.GetString(message.Topic));
        Assert.Equal("""{"n":1234,"ts":"2026-01-01T00:00:00Z","value":21.5,"forecast":21.4,"lower":20.9,"upper":21.9,"""
            + "\"surprise\":1.3,\"score\":0.02,\"muted\":false,\"next\":21.6,\"model\":\"default@3f2a\"}", Encoding.UTF8.GetString(message.Payload));
    }

    [Fact]
    public void An_anomaly_says_why()
    {
        EncodedMessage message = Codec().EncodeAnomaly(Example with { Verdict = Example.Verdict with { Alarm = true, Score = 0.875f } });

        Assert.Equal("streamrnn/zigbee2mqtt/kitchen:temperature/anomaly", Encoding.UTF8.GetString(message.Topic));
        JsonElement json = JsonDocument.Parse(Encoding.UTF8.GetString(message.Payload)).RootElement;
        Assert.Equal(0.875, json.GetProperty("score").GetDouble());
        Assert.Equal("default@3f2a", json.GetProperty("model").GetString());
        Assert.Equal("drift", json.GetProperty("why").GetString());
        Assert.Equal("""{"level":0.25,"drift":7.5,"shock":0,"season":0,"quiet":0,"record":6}""", json.GetProperty("evidence").GetRawText());
    }

    [Fact]
    public void What_is_unknown_is_null_and_every_odd_number_reads_back_as_itself()
    {
        ForecastCodec codec = Codec();
        double[] odd = [.. Utf8TextTests.OddNumbers, double.NaN, double.PositiveInfinity, double.NegativeInfinity];
        for (int i = 0; i < odd.Length; i++)
        {
            double next = odd[^(i + 1)];
            EncodedMessage message = codec.EncodeForecast(Example with
            {
                Value = odd[i],
                Verdict = new Verdict { N = long.MaxValue, Forecast = next, Lower = odd[i], Upper = next, Next = odd[i], Surprise = (float)next, Score = 1, Muted = true },
            });

            JsonElement json = JsonDocument.Parse(message.Payload.ToArray()).RootElement;
            foreach ((string name, double expected) in new[] { ("value", odd[i]), ("forecast", next), ("lower", odd[i]), ("upper", next), ("next", odd[i]) })
            {
                if (double.IsFinite(expected))
                    Assert.Equal(BitConverter.DoubleToInt64Bits(expected), BitConverter.DoubleToInt64Bits(json.GetProperty(name).GetDouble()));
                else
                    Assert.Equal(JsonValueKind.Null, json.GetProperty(name).ValueKind);
            }
            Assert.Equal(float.IsFinite((float)next) ? JsonValueKind.Number : JsonValueKind.Null, json.GetProperty("surprise").ValueKind);
            Assert.Equal(long.MaxValue, json.GetProperty("n").GetInt64());
            Assert.True(json.GetProperty("muted").GetBoolean());
        }
    }

    [Fact]
    public void Encoding_allocates_nothing()
    {
        ForecastCodec codec = Codec();
        Forecast alarm = Example with { Verdict = Example.Verdict with { Alarm = true } };
        Assert.Equal(0, Allocations.Least(2_000, () => Encode(codec, in alarm)));
    }

    [Fact]
    public void A_fault_names_the_reason_as_the_metric_does() =>
        Assert.Equal("""{"ts":"2026-01-01T00:00:00Z","reason":"malformed_json","topic":"plant/a","count":12}""",
            Encoding.UTF8.GetString(NoticeCodec.Fault(DateTimeOffset.UnixEpoch.AddSeconds(1_767_225_600), TickFault.MalformedJson, "plant/a", 12)));

    private static void Encode(ForecastCodec codec, in Forecast forecast)
    {
        codec.EncodeForecast(in forecast);
        codec.EncodeAnomaly(in forecast);
    }

    private static ForecastCodec Codec()
    {
        StreamDirectory directory = new(4);
        Assert.Equal(TickFault.None, directory.TryGet("zigbee2mqtt/kitchen"u8, "temperature"u8, out _));
        return new ForecastCodec("streamrnn", directory, new StreamModels(new ChainForecaster("default@3f2a")));
    }
}
