using System.Text.Json.Nodes;
using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;

namespace StreamRnn.Detection.Tests;

public class StreamEncoderTests
{
    private const long Minute = 60_000_000_000;

    private static readonly StreamEncoding Constants = new()
    {
        Center = 10,
        Scale = 4,
        Change = 2,
        Interval = Minute,
        Lags = 10,
        Taps = [12],
        Horizons = [1, 3],
        Levels = [0.05, 0.5, 0.95],
        DayHarmonics = 1,
        Residual = [0.5, 1],
        YoungResidual = 0.7,
    };

    /// <summary>Weights of zero: the value stays.</summary>
    private static StreamEncoder Staying()
    {
        var blank = new StreamEncoder(Constants);
        return new StreamEncoder(Constants with { Highway = new double[2 * (blank.FeatureCount + 1)], Young = new double[blank.YoungCount + 1] });
    }

    [Fact]
    public void Features_are_what_their_names_say()
    {
        StreamEncoder encoder = Staying();
        string[] names = [.. encoder.InputNames()];
        Assert.Equal(encoder.InputCount, names.Length);
        float[] memory = new float[encoder.MemoryFloats], inputs = new float[encoder.InputCount], features = new float[encoder.FeatureCount];
        for (int t = 0; t <= 40; t++)
            encoder.Encode(memory, t * 2 * Minute, Value(t), inputs, features);

        Assert.Equal((Value(40) - 10) / 4, Input("level"), 6);
        Assert.Equal(Math.Log(2), Input("elapsed"), 6);
        Assert.Equal(Math.Sin(2 * Math.PI * 81 / 1440), Input("sin 1 day"), 6);   // 81 minutes after midnight, where the next row is due
        Assert.Equal((Value(40) - Value(39)) / 2, Input("change 0"), 6);
        Assert.Equal((Value(34) - Value(33)) / 2, Input("change 6"), 6);
        Assert.Equal((Value(29) - Value(28)) / 2, Input("change 11"), 6);
        Assert.Equal((Value(28) - Value(40)) / 2, Input("level 12"), 6);
        Assert.Equal((Value(31) - Value(28)) / 2, Input("change 12 over 3"), 6);
        Assert.Equal((Value(31) - Value(30)) / 2, features[^1], 6);   // the tenth latest change, for the highway alone
        Assert.Equal((Value(40) - Value(39)) / 2 / 0.5, Input("error"), 6);

        double Value(int t) => 10 + 3 * Math.Sin(t * 0.7) + 0.01 * t;

        float Input(string name) => inputs[Array.IndexOf(names, name)];
    }

    [Fact]
    public void Outputs_are_residuals_beside_the_highway()
    {
        var blank = new StreamEncoder(Constants);
        double[] highway = new double[2 * (blank.FeatureCount + 1)];
        (highway[blank.FeatureCount], highway[^1]) = (0.25, -1);   // the biases
        var encoder = new StreamEncoder(Constants with { Highway = highway, Young = new double[blank.YoungCount + 1] });
        float[] memory = new float[encoder.MemoryFloats], inputs = new float[encoder.InputCount];
        float[] outputs = [-2, 0.5f, 3, -1, 0, 1];
        for (int t = 0; t < encoder.RingLength; t++)
        {
            encoder.Encode(memory, t * Minute, 100, inputs);
            if (t + 1 == encoder.RingLength)
                continue;
            Assert.Equal(100 - 2 * 0.7 * 1.6448536, encoder.Decode(memory, 100, outputs).Lower, 1e-5);
            Assert.True(double.IsNaN(encoder.Decode(memory, 100, outputs, 1).Value));   // young streams forecast one step
        }

        Assert.Equal(new ValueForecast(100 + 2 * (0.25 + 0.25), 100 + 2 * (0.25 - 1), 100 + 2 * (0.25 + 1.5)), encoder.Decode(memory, 100, outputs));
        Assert.Equal(new ValueForecast(98, 96, 100), encoder.Decode(memory, 100, outputs, 1));
        Assert.Equal((3.0 / 2 - 0.25) / 0.5, encoder.Target(memory, 100, 103, 0), 6);
    }

    [Fact]
    public void A_series_taken_by_logarithms_is_forecast_in_shares_of_its_value()
    {
        var blank = new StreamEncoder(Constants);
        double[] young = new double[blank.YoungCount + 1];
        young[^1] = 0.5;
        var encoder = new StreamEncoder(Constants with { LogarithmFrom = 8, Center = 4, Change = 0.2, Highway = new double[2 * (blank.FeatureCount + 1)], Young = young });
        float[] memory = new float[encoder.MemoryFloats], inputs = new float[encoder.InputCount], outputs = new float[encoder.OutputCount];
        foreach (double value in (double[])[50, 100])
        {
            encoder.Encode(memory, 0, value, inputs);
            Assert.Equal(value * Math.Exp(0.1), encoder.Decode(memory, value, outputs).Value, 1e-9);
        }
        Assert.Equal((Math.Log(100) - 4) / 4, inputs[0], 6);
        Assert.Equal(Math.Log(2) / 0.2, encoder.ChangeOf(50, 100), 1e-12);

        Assert.Equal(encoder.Measure(8), encoder.Measure(8 - 1e-9), 1e-9);   // below the smallest value of the training rows: a line, for a price may turn negative
        Assert.Equal(-1 / 0.2, encoder.ChangeOf(8, 0), 1e-12);
        Assert.Equal(-30 + 8 * (Math.Exp(0.1) - 1), encoder.Decode(memory, -30, outputs).Value, 1e-6);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1e-3)]
    public void Whatever_comes_in_inputs_and_forecasts_are_finite(double logarithmFrom)
    {
        var encoder = new StreamEncoder(Staying().Constants with { LogarithmFrom = logarithmFrom });
        float[] memory = new float[encoder.MemoryFloats], inputs = new float[encoder.InputCount], outputs = new float[encoder.OutputCount];
        double[] values = [double.MaxValue, -double.MaxValue, 0, 1e-300, double.Epsilon, 5];
        for (int t = 0; t < 60; t++)
        {
            double value = values[t % values.Length];
            encoder.Encode(memory, t % 7 == 0 ? long.MaxValue / 4 : t, value, inputs);
            Assert.All(inputs, input => Assert.True(float.IsFinite(input) && Math.Abs(input) <= 6));
            ValueForecast forecast = encoder.Decode(memory, value, outputs);
            Assert.True(double.IsFinite(forecast.Value) && double.IsFinite(forecast.Lower) && double.IsFinite(forecast.Upper));
        }
    }

    [Fact]
    public void Encoding_and_decoding_allocate_nothing()
    {
        StreamEncoder encoder = Staying();
        float[] memory = new float[encoder.MemoryFloats], inputs = new float[encoder.InputCount], outputs = new float[encoder.OutputCount];
        double sum = 0;
        long least = long.MaxValue;   // of a few rounds: tests beside this one make the runtime's count jump now and then
        for (int round = 0; round < 5; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            sum += Steps(2000);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(0, least);
        Assert.True(double.IsFinite(sum));

        double Steps(int count)
        {
            double total = 0;
            for (int t = 0; t < count; t++)
            {
                encoder.Encode(memory, t * Minute, t % 17, inputs);
                total += encoder.Decode(memory, t % 17, outputs).Upper;
            }
            return total;
        }
    }

    [Fact]
    public void Constants_come_back_from_text_as_they_were()
    {
        StreamEncoding constants = Staying().Constants with { Center = 1.0 / 3 };
        (constants.Highway[0], constants.Highway[1]) = (0.1, double.Epsilon);
        Assert.Equal(constants.ToJson(), StreamEncoding.Parse("m", constants.ToJson()).ToJson());
        Assert.Contains("m", Assert.Throws<InvalidDataException>(() => StreamEncoding.Parse("m", "{}")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("highway", "[]", "highway is 0 numbers")]
    [InlineData("highway", "null", "highway is null")]
    [InlineData("young", "[1]", "young is 1 numbers")]
    [InlineData("taps", "null", "taps is null")]
    [InlineData("taps", "[2000000000]", "taps[0] is 2000000000")]
    [InlineData("taps", "[8, -1]", "taps[1] is -1")]
    [InlineData("scale", "0", "scale is 0")]
    [InlineData("change", "-1", "change is -1")]
    [InlineData("interval", "0", "interval is 0")]
    [InlineData("interval", "-5", "interval is -5")]
    [InlineData("residual", "[1]", "residual is 1 numbers")]
    [InlineData("residual", "[1, -1]", "residual[1] is -1")]
    [InlineData("youngResidual", "0", "youngResidual is 0")]
    [InlineData("levels", "[0.95, 0.5, 0.05]", "levels is 0.95, 0.5, 0.05")]
    [InlineData("levels", "[0.5]", "levels is 0.5")]
    [InlineData("lags", "100000", "lags is 100000")]
    [InlineData("lags", "0", "lags is 0")]
    [InlineData("center", "1e308", "center is 1E+308")]
    [InlineData("horizons", "[]", "horizons is 0 numbers")]
    [InlineData("horizons", "[2, 3]", "horizons is 2, 3")]
    [InlineData("dayHarmonics", "1000000", "dayHarmonics is 1000000")]
    [InlineData("logarithmFrom", "-1", "logarithmFrom is -1")]
    public void Constants_that_cannot_be_meant_are_refused_by_name(string key, string value, string expected)
    {
        JsonObject json = JsonNode.Parse(Staying().Constants.ToJson())!.AsObject();
        json[key] = JsonNode.Parse(value);
        string message = Assert.Throws<InvalidDataException>(() => StreamEncoding.Parse("m", json.ToJsonString())).Message;
        Assert.StartsWith("model m: stream." + expected, message);
        Assert.Contains("expected", message);
        Assert.Contains("train it again", message);
    }

    [Fact]
    public void A_stretched_interval_covers_nine_rows_in_ten_whatever_the_model_says()
    {
        var random = new Random(1);
        foreach (double width in (double[])[0.2, 1, 20])
        {
            IntervalStretch stretch = default;
            stretch.Initialise();
            int inside = 0;
            for (int i = 0; i < 6000; i++)
            {
                (double lower, double upper) = stretch.Apply(new ValueForecast(0, -width, 2 * width));
                double value = Enumerable.Range(0, 12).Sum(_ => random.NextDouble() - 0.5);
                stretch.Learn(value < lower, value > upper);
                inside += i >= 2000 && lower <= value && value <= upper ? 1 : 0;
            }
            Assert.InRange(inside / 4000.0, 0.88, 0.92);
        }
    }

    [Fact]
    public void A_model_of_PyTorch_with_mean_and_deviation_forecasts_in_its_own_measure()
    {
        var shape = new ModelShape(CellKind.Lstm, 1, 4, outputs: 1);
        float[] parameters = [.. Enumerable.Range(0, new ParameterLayout(shape).Length).Select(i => MathF.Sin(i))];
        byte[] file = ModelFile.Format(shape, parameters, new Dictionary<string, string> { ["norm_mean"] = "[17.5]", ["norm_std"] = "[8]" });
        Forecaster forecaster = ForecasterFile.Create(ModelFile.Parse("torch", file));

        SequenceModel model = SequenceModel.Create(shape, parameters);
        var slab = new StateSlab(model.StateFloats);
        int[] rows = [slab.Add()];
        float[] y = new float[1];
        var stream = new SingleStream(forecaster);
        double[] values = [20, 21, 19, 300];
        for (int t = 0; t < values.Length; t++)
        {
            model.Step([(float)((values[t] - 17.5) / 8)], slab, rows, y, model.CreateScratch(1));
            Assert.Equal(17.5 + 8.0 * y[0], stream.Step(values[t]).Next);
        }

        file = ModelFile.Format(shape, parameters, new Dictionary<string, string> { ["norm_mean"] = "[17.5, 3]", ["norm_std"] = "[8, 1]" });
        Assert.Contains("norm_mean", Assert.Throws<InvalidDataException>(() => ForecasterFile.Create(ModelFile.Parse("torch", file))).Message, StringComparison.Ordinal);
    }
}
