using BenchmarkDotNet.Attributes;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;
using StreamRnn.Detection;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Benchmarks.Engine;

/// <summary>One forecast to topic and JSON, beside the platform's own number formatting.</summary>
[MemoryDiagnoser]
public class EncodingBenchmark
{
    private readonly byte[] _text = new byte[Utf8Text.MaxLength];
    private ForecastCodec _codec = null!;
    private Forecast _forecast;

    /// <summary>As a sensor sends it, or with all digits a double has.</summary>
    [Params(21.5, 21.449999999999967)]
    public double Number { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        StreamDirectory directory = new(1);
        directory.TryGet("plant/line7/machine1234"u8, "temperature"u8, out int stream);
        _codec = new ForecastCodec("streamrnn", directory, new StreamModels(Gru32()));
        Verdict verdict = new() { N = 1234, Forecast = Number, Lower = Number - 1, Upper = Number + 1, Next = Number, Surprise = 1.3370061f, Score = 0.0213f };
        _forecast = new Forecast { Stream = stream, Kind = 0, Time = 1_767_225_600_000_000_000, Value = 21.5, Verdict = verdict };
    }

    [Benchmark(Baseline = true)]
    public bool PlatformNumber() => Number.TryFormat(_text, out _, default, System.Globalization.CultureInfo.InvariantCulture);

    [Benchmark]
    public int OwnNumber() => Utf8Text.Write(Number, _text);

    [Benchmark]
    public int Forecast() => _codec.EncodeForecast(in _forecast).Payload.Length;

    private static BareForecaster Gru32()
    {
        ModelShape shape = new(CellKind.Gru, inputs: 2, hidden: 32, outputs: 1);
        return new BareForecaster("gru-32@0000", SequenceModel.Create(shape, new float[new ParameterLayout(shape).Length]));
    }
}
