using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;

namespace StreamRnn.Detection.Tests;

/// <summary>Models that bring their own encoder keep the promises that the shipped one keeps.</summary>
public class TrainedForecasterTests
{
    private const long Minute = 60_000_000_000;

    public static TheoryData<string> Encoders { get; } = [ForecasterFile.ZScore, ForecasterFile.Stream];

    [Theory, MemberData(nameof(Encoders))]
    public void A_micro_batch_gives_each_stream_the_bits_it_gets_alone(string encoder)
    {
        Forecaster forecaster = Create(encoder);
        const int Streams = 5, Rows = 120;
        SingleStream[] alone = [.. Enumerable.Range(0, Streams).Select(_ => new SingleStream(forecaster))];
        StateSlab slab = new(forecaster.RowFloats);
        StepBatch batch = forecaster.CreateBatch(Streams);
        for (int stream = 0; stream < Streams; stream++)
            forecaster.Initialise(slab[slab.Add()]);
        for (int row = 0; row < Rows; row++)
        {
            batch.Count = 0;
            for (int stream = Streams - 1; stream >= 0; stream--)
            {
                if ((row + stream) % 3 == 0)
                    continue;
                (batch.Rows[batch.Count], batch.Times[batch.Count], batch.Values[batch.Count]) = (stream, row * Minute, Value(stream, row));
                batch.Count++;
            }

            forecaster.Step(slab, batch);
            for (int i = 0; i < batch.Count; i++)
                Assert.Equal(alone[batch.Rows[i]].Step(row * Minute, Value(batch.Rows[i], row)), batch.Verdicts[i]);
        }
    }

    [Theory, MemberData(nameof(Encoders))]
    public void A_copied_row_goes_on_as_the_original_would(string encoder)
    {
        Forecaster forecaster = Create(encoder);
        var original = new SingleStream(forecaster);
        for (int row = 0; row < 100; row++)
            original.Step(row * Minute, Value(1, row));
        var copy = new SingleStream(forecaster);
        original.Row.CopyTo(copy.Row);
        for (int row = 100; row < 250; row++)
            Assert.Equal(original.Step(row * Minute, Value(1, row)), copy.Step(row * Minute, Value(1, row)));
    }

    [Theory, MemberData(nameof(Encoders))]
    public void What_is_announced_is_what_is_forecast_and_the_interval_covers_most_of_a_steady_stream(string encoder)
    {
        var stream = new SingleStream(Create(encoder));
        double next = double.NaN;
        int inside = 0, known = 0;
        for (int row = 0; row < 3000; row++)
        {
            Verdict verdict = stream.Step(row * Minute, Value(1, row));
            Assert.Equal(next, verdict.Forecast);
            next = verdict.Next;
            if (row < 2000 || double.IsNaN(verdict.Lower))
                continue;
            known++;
            inside += verdict.Lower <= Value(1, row) && Value(1, row) <= verdict.Upper ? 1 : 0;
        }

        Assert.Equal(1000, known);
        Assert.InRange(inside / 1000.0, 0.85, 0.95);
    }

    [Theory, MemberData(nameof(Encoders))]
    public void Values_beyond_all_reason_leave_no_trace_that_is_no_number(string encoder)
    {
        Forecaster forecaster = Create(encoder);
        double[] extremes = [double.MaxValue, -double.MaxValue, 1e300, 1e39, -1e39, 1e-300, 0, double.Epsilon];
        foreach (double extreme in extremes)
        {
            var stream = new SingleStream(forecaster);
            for (int row = 0; row < 400; row++)
            {
                Verdict verdict = stream.Step(row * Minute, row is > 150 and < 160 ? extreme : Value(1, row));
                Assert.True(double.IsFinite(verdict.Next) && float.IsFinite(verdict.Surprise) && verdict.Score is >= 0 and <= 1, $"{extreme}, row {row}: next {verdict.Next}, surprise {verdict.Surprise}");
            }
        }
    }

    [Theory, MemberData(nameof(Encoders))]
    public void Stepping_allocates_nothing(string encoder)
    {
        var stream = new SingleStream(Create(encoder));
        long least = long.MaxValue;   // of a few rounds: tests beside this one make the runtime's count jump now and then
        for (int round = 0; round < 5; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int row = 0; row < 2000; row++)
                stream.Step(Value(1, row));
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(0, least);
    }

    [Fact]
    public void Golden_forecasts_find_a_constant_that_was_changed()
    {
        StreamEncoding constants = Constants();
        ModelFile file = File(ForecasterFile.Stream, constants);
        string golden = GoldenForecasts.Record(ForecasterFile.Create(file), Minute, Minute, [.. Enumerable.Range(0, 24).Select(row => Value(1, row))],
            ForecasterFile.EncoderOf(file).RingLength);
        file = File(ForecasterFile.Stream, constants, golden);
        Assert.Equal(24, GoldenForecasts.Count(file));
        ForecasterFile.Create(file);

        foreach (StreamEncoding changed in (StreamEncoding[])[constants with { Center = 21 }, constants with { Scale = 4.1 }, constants with { Change = 2.1 }, constants with { YoungResidual = 0.8 }])
            Assert.Contains("golden_forecasts, row", Assert.Throws<InvalidDataException>(() => ForecasterFile.Create(File(ForecasterFile.Stream, changed, golden))).Message);
        foreach (string damaged in (string[])["{}", "{bad", "null", golden.Replace("\"rows\":[[1,", "\"rows\":[[1e9,"), golden.Replace("\"rows\":[[", "\"rows\":[[7],[")])
            Assert.Contains("golden_forecasts cannot be read", Assert.Throws<InvalidDataException>(() => ForecasterFile.Create(File(ForecasterFile.Stream, constants, damaged))).Message);
    }

    private static double Value(int stream, int row) => 20 + stream + 3 * Math.Sin(row * 0.3 + stream) + (row * 7919 + stream * 31) % 13 * 0.05;

    private static Forecaster Create(string encoder) => ForecasterFile.Create(File(encoder, Constants()));

    private static StreamEncoding Constants()
    {
        StreamEncoding constants = new()
        {
            Center = 20,
            Scale = 4,
            Change = 2,
            Interval = Minute,
            Lags = 6,
            Taps = [8],
            Horizons = [1, 3],
            Levels = [0.05, 0.5, 0.95],
            DayHarmonics = 1,
            Residual = [0.5, 1],
            YoungResidual = 0.7,
        };
        var blank = new StreamEncoder(constants);
        return constants with { Highway = new double[2 * (blank.FeatureCount + 1)], Young = new double[blank.YoungCount + 1] };
    }

    /// <summary>Random parameters, seed 9, in a model file of the encoder.</summary>
    private static ModelFile File(string encoder, StreamEncoding constants, string? golden = null)
    {
        var blank = new StreamEncoder(constants);
        bool isStream = encoder == ForecasterFile.Stream;
        ModelShape shape = isStream ? new(CellKind.Gru, blank.InputCount, 8, outputs: blank.OutputCount) : new(CellKind.Lstm, 1, 8, outputs: 1);
        var random = new Random(9);
        float[] parameters = [.. Enumerable.Range(0, new ParameterLayout(shape).Length).Select(_ => (random.NextSingle() - 0.5f) * 0.6f)];
        for (int output = 0; isStream && output < shape.Outputs; output++)
            parameters[^(shape.Outputs - output)] = output % 3 - 1;   // biases of the head: 5 %, median, 95 %
        Dictionary<string, string> metadata = isStream
            ? new() { [ForecasterFile.EncoderKey] = encoder, [ForecasterFile.StreamKey] = constants.ToJson() }
            : new() { [ForecasterFile.MeanKey] = "[20]", [ForecasterFile.DeviationKey] = "[4]" };
        if (golden is not null)
            metadata[GoldenForecasts.Key] = golden;
        return ModelFile.Parse("trained", ModelFile.Format(shape, parameters, metadata));
    }
}
