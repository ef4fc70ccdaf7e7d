using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;

namespace StreamRnn.Detection.Tests;

public class DetectorForecasterTests
{
    private const long Start = 1_700_000_000_000_000_000;
    private const long Minute = 60_000_000_000;

    private static readonly DetectorForecaster Forecaster = SingleStream.Default;

    private static double Value(int stream, int row) =>
        100 * stream + 10 * Math.Sin(row * 0.05 * (stream + 1)) + row * 7919 % 101 * 0.05 + (row == 700 ? 60 : 0);

    private static BareForecaster Bare() => new("bare", Network(outputs: 1));

    private static SequenceModel Network(int outputs)
    {
        var shape = new ModelShape(CellKind.Gru, 2, 32, outputs: outputs);
        var random = new Random(2);
        float[] parameters = new float[new ParameterLayout(shape).Length];
        foreach (ref float parameter in parameters.AsSpan())
            parameter = (float)(0.4 * random.NextDouble() - 0.2);
        return SequenceModel.Create(shape, parameters);
    }

    [Fact]
    public void A_state_row_is_within_its_bounds()
    {
        Assert.InRange(Forecaster.RowFloats * sizeof(float), 1, 20_000);
        Assert.InRange(Bare().RowFloats * sizeof(float), 1, 512);
    }

    [Theory, InlineData(false), InlineData(true)]
    public void A_stream_that_begins_anew_gives_the_numbers_of_a_new_one_and_counts_on(bool bare)
    {
        Forecaster forecaster = bare ? Bare() : Forecaster;
        var stream = new SingleStream(forecaster);
        for (int row = 0; row < 900; row++)
            stream.Step(Start + row * Minute, Value(1, row));
        Assert.Equal(900, forecaster.StepsOf(stream.Row));
        forecaster.Initialise(stream.Row, forecaster.StepsOf(stream.Row));

        var fresh = new SingleStream(forecaster);
        for (int row = 0; row < 900; row++)
        {
            Verdict expected = fresh.Step(Start + row * Minute, Value(2, row));
            expected.N += 900;
            Assert.Equal(expected, stream.Step(Start + row * Minute, Value(2, row)));
        }
        Assert.Equal(1800, forecaster.StepsOf(stream.Row));
    }

    [Theory, InlineData(0), InlineData(1)]
    public void Behind_another_network_a_stream_goes_on_with_all_that_is_known_of_it(int outputs)
    {
        var other = new DetectorForecaster("other", Network(outputs));
        var old = new SingleStream(Forecaster);
        Verdict last = default;
        for (int row = 0; row < 900; row++)
            last = old.Step(Start + row * Minute, Value(1, row));
        var stream = new SingleStream(other);
        other.Adopt(stream.Row, Forecaster, old.Row);
        Assert.Equal(900, other.StepsOf(stream.Row));
        Assert.All(other.HiddenOf(stream.Row).ToArray(), h => Assert.Equal(0, h));

        for (int row = 900; row < 1300; row++)
        {
            Verdict before = old.Step(Start + row * Minute, Value(1, row));
            Verdict after = stream.Step(Start + row * Minute, Value(1, row));
            Assert.Equal(before.N, after.N);
            Assert.True(double.IsFinite(after.Next) && after.Lower <= after.Upper);
            Assert.True(after.Muted || row >= 964);
            if (row == 900)
            {
                // What the old network promised is judged, by the old measure.
                Assert.Equal((before.Forecast, before.Lower, before.Upper), (after.Forecast, after.Lower, after.Upper));
                Assert.Equal((last.Next, before.Evidence.Level, before.Evidence.Record), (after.Forecast, after.Evidence.Level, after.Evidence.Record));
            }
            Assert.Equal(before.Evidence.Level, after.Evidence.Level);   // of the normaliser and its histogram alone
        }
    }

    [Fact]
    public void A_bare_stream_goes_on_with_its_normaliser_and_between_bare_and_detector_only_n_does()
    {
        BareForecaster bare = Bare();
        var old = new SingleStream(bare);
        for (int row = 0; row < 50; row++)
            old.Step(Start + row * Minute, Value(1, row));

        // To its own like: as if h had been wiped.
        var wiped = new SingleStream(bare);
        bare.Adopt(wiped.Row, bare, old.Row);
        old.Row[..32].Clear();
        Assert.Equal(old.Row[..bare.RowFloats], wiped.Row[..bare.RowFloats]);

        var detector = new SingleStream(Forecaster);
        Forecaster.Adopt(detector.Row, bare, old.Row);
        var fresh = new SingleStream(Forecaster);
        for (int row = 0; row < 100; row++)
        {
            Verdict expected = fresh.Step(Start + row * Minute, Value(1, row));
            expected.N += 50;
            Assert.Equal(expected, detector.Step(Start + row * Minute, Value(1, row)));
        }
        bare.Adopt(old.Row, Forecaster, detector.Row);
        Assert.Equal(150, bare.StepsOf(old.Row));
        Assert.Equal(double.NaN, old.Step(Start, 1).Forecast);
    }

    [Fact]
    public void A_micro_batch_gives_each_stream_the_bits_it_gets_alone()
    {
        const int Streams = 7, Rows = 800;
        var alone = new Verdict[Streams, Rows];
        for (int stream = 0; stream < Streams; stream++)
        {
            var single = new SingleStream(Forecaster);
            for (int row = 0; row < Rows; row++)
                alone[stream, row] = single.Step(Start + row * Minute, Value(stream, row));
        }

        var slab = new StateSlab(Forecaster.RowFloats);
        for (int stream = 0; stream < Streams; stream++)
            Forecaster.Initialise(slab[slab.Add()]);
        StepBatch batch = Forecaster.CreateBatch(Streams);
        int[] rows = new int[Streams];
        var random = new Random(4);
        while (rows.Min() < Rows)
        {
            batch.Count = 0;
            for (int stream = 0; stream < Streams; stream++)
            {
                if (rows[stream] == Rows || random.Next(3) == 0)
                    continue;
                batch.Rows[batch.Count] = stream;
                batch.Times[batch.Count] = Start + rows[stream] * Minute;
                batch.Values[batch.Count++] = Value(stream, rows[stream]);
            }

            Forecaster.Step(slab, batch);
            for (int i = 0; i < batch.Count; i++)
            {
                int stream = batch.Rows[i];
                Assert.Equal(alone[stream, rows[stream]++], batch.Verdicts[i]);
            }
        }
    }

    [Fact]
    public void The_first_row_has_no_forecast_and_the_next_is_what_was_announced()
    {
        foreach (Forecaster forecaster in (Forecaster[])[Forecaster, Bare()])
        {
            var stream = new SingleStream(forecaster);
            Verdict first = stream.Step(5);
            Assert.Equal(1, first.N);
            Assert.Equal(double.NaN, first.Forecast);
            Assert.Equal(double.NaN, first.Lower);
            Assert.Equal(5, first.Next);
            for (int row = 1; row < 100; row++)
            {
                Verdict verdict = stream.Step(Value(1, row));
                Assert.Equal(first.Next, verdict.Forecast);
                Assert.Equal(row + 1, verdict.N);
                Assert.False(verdict.Upper < verdict.Forecast || verdict.Lower > verdict.Forecast);
                first = verdict;
            }
        }
    }

    [Fact]
    public void A_spike_raises_an_alarm_that_says_why_and_mutes()
    {
        var stream = new SingleStream(Forecaster);
        int alarms = 0;
        for (int row = 0; row < 700; row++)
            alarms += stream.Step(Value(0, row)).Alarm ? 1 : 0;
        Assert.InRange(alarms, 0, 4);

        Verdict spike = stream.Step(Value(0, 700));
        Assert.True(spike.Alarm && spike.Score >= 0.5f && !spike.Muted);
        Assert.Equal(6, spike.Evidence.Record);
        Evidence e = spike.Evidence;
        Assert.Equal(spike.Surprise, e.Level + e.Drift + e.Shock + e.Season + e.Quiet + e.Record);

        Verdict after = stream.Step(Value(0, 701));
        Assert.True(after.Muted && after.Score == 0 && !after.Alarm);
    }

    [Fact]
    public void The_future_changes_nothing_that_was_said()
    {
        var one = new SingleStream(Forecaster);
        var other = new SingleStream(Forecaster);
        for (int row = 0; row < 1000; row++)
            Assert.Equal(one.Step(Value(2, row)), other.Step(Value(2, row)));
        Verdict a = one.Step(-1e6), b = other.Step(Value(2, 1000));
        Assert.Equal(a.Forecast, b.Forecast);
        Assert.NotEqual(a.Next, b.Next);
    }

    [Fact]
    public void A_copied_row_goes_on_as_the_original_would()
    {
        var original = new SingleStream(Forecaster);
        for (int row = 0; row < 500; row++)
            original.Step(Start + row * Minute, Value(1, row));
        var copy = new SingleStream(Forecaster);
        original.Row.CopyTo(copy.Row);
        for (int row = 500; row < 1000; row++)
            Assert.Equal(original.Step(Start + row * Minute, Value(1, row)), copy.Step(Start + row * Minute, Value(1, row)));
    }

    [Fact]
    public void Stepping_allocates_nothing()
    {
        foreach (Forecaster forecaster in (Forecaster[])[Forecaster, Bare()])
        {
            var stream = new SingleStream(forecaster);
            long least = long.MaxValue;   // of a few rounds: tests beside this one make the runtime's count jump now and then
            for (int round = 0; round < 5; round++)
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                for (int row = 0; row < 10_000; row++)
                    stream.Step(Value(1, row));
                least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            }

            Assert.Equal(0, least);
        }
    }
}
