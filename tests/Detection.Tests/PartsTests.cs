namespace StreamRnn.Detection.Tests;

public class NormaliserTests
{
    [Fact]
    public void A_constant_stream_is_zero_and_forecasts_itself()
    {
        var normaliser = new Normaliser();
        for (int row = 0; row < 100; row++)
            Assert.Equal(0, normaliser.Normalise(21.5, row));
        Assert.Equal(21.5, normaliser.Denormalise(0));
        Assert.Equal(21.5, normaliser.Denormalise(700));
    }

    [Fact]
    public void Deviations_are_measured_in_mean_absolute_deviations()
    {
        var normaliser = new Normaliser();
        for (int row = 0; row < 10_000; row++)
            normaliser.Normalise(row % 2 == 0 ? 8 : 12, row);
        Assert.Equal(Math.Asinh(1), normaliser.Normalise(12, 10_000), 1e-2);
        Assert.Equal(12, normaliser.Denormalise(Math.Asinh(1)), 1e-2);
    }

    [Fact]
    public void One_outlier_hardly_moves_the_scale_and_a_lasting_step_restarts_it()
    {
        var normaliser = new Normaliser();
        var random = new Random(1);
        for (int row = 0; row < 20_000; row++)
            normaliser.Normalise(random.NextDouble(), row);
        normaliser.Normalise(1e9, 20_000);
        Assert.InRange(normaliser.Normalise(1, 20_001), 0.5f, 3f);

        for (int row = 20_002; row < 20_500; row++)
            normaliser.Normalise(1e6 + random.NextDouble(), row);
        Assert.InRange(normaliser.Normalise(1e6 + 1, 20_500), 0.5f, 3f);
    }

    [Theory, InlineData(double.MaxValue), InlineData(-double.MaxValue), InlineData(double.Epsilon)]
    public void Extremes_stay_finite(double value)
    {
        var normaliser = new Normaliser();
        for (int row = 0; row < 1000; row++)
        {
            double x = (row % 3) switch { 0 => value, 1 => -value, _ => 1 };
            Assert.True(float.IsFinite(normaliser.Normalise(Normaliser.Clamp(x), row)), $"row {row}");
            Assert.True(double.IsFinite(normaliser.Denormalise(1e6)), $"row {row}");
        }
    }
}

public class RecordRuleTests
{
    private static RecordRule Seen(int rows)
    {
        var rule = new RecordRule();
        for (int row = 0; row < rows; row++)
            Assert.Equal(0, rule.Score(row % 11, row));
        return rule;
    }

    [Fact]
    public void Five_percent_of_the_range_outside_it_is_a_full_record()
    {
        RecordRule rule = Seen(200);
        Assert.Equal(0.5f, rule.Score(10.25, 200), 1e-6f);
        Assert.Equal(1, rule.Score(-0.6, 201));
        Assert.Equal(1, Seen(200).Score(1e300, 200));
    }

    [Fact]
    public void A_lone_extreme_is_forgotten_and_a_repeated_one_is_not()
    {
        RecordRule lone = Seen(200);
        Assert.Equal(1, lone.Score(-127, 200));
        Assert.Equal(0, lone.Score(-20, 3199));
        lone = Seen(200);
        lone.Score(-127, 200);
        Assert.Equal(1, lone.Score(-20, 3200));

        RecordRule repeated = Seen(200);
        repeated.Score(-127, 200);
        repeated.Score(-127, 3000);
        Assert.Equal(0, repeated.Score(-127, 1_000_000));
    }

    [Fact]
    public void There_are_no_records_in_the_first_hundred_rows()
    {
        RecordRule rule = Seen(99);
        Assert.Equal(0, rule.Score(1000, 99));
        Assert.Equal(1, rule.Score(2000, 100));
    }
}

public class AlarmGateTests
{
    [Fact]
    public void An_alarm_is_a_score_of_one_half_and_silences_the_gate()
    {
        var gate = new AlarmGate();
        Assert.True(gate.Score(6, 1000, 1000, out bool alarm, out bool muted) >= 0.5f);
        Assert.True(alarm && !muted);
        for (int row = 1001; row < 1030; row++)
        {
            Assert.Equal(0, gate.Score(100, row, row, out alarm, out muted));
            Assert.True(muted && !alarm);
        }

        Assert.True(gate.Score(100, 1030, 1030, out alarm, out muted) > 0.5f);
        Assert.True(alarm && !muted);
    }

    [Fact]
    public void A_new_stream_raises_no_alarm()
    {
        var gate = new AlarmGate();
        for (int row = 0; row < 64; row++)
        {
            Assert.Equal(0, gate.Score(100, row, row, out bool alarm, out bool muted));
            Assert.True(muted && !alarm);
        }

        Assert.True(gate.Score(100, 64, 64, out bool first, out _) > 0.5f);
        Assert.True(first);
    }

    [Fact]
    public void Just_below_the_line_is_no_alarm_and_stays_below_one_half()
    {
        var gate = new AlarmGate();
        float score = gate.Score(6 - 1e-12, 1000, 1000, out bool alarm, out _);
        Assert.False(alarm);
        Assert.True(score < 0.5f);
        Assert.Equal(0, new AlarmGate().Score(2, 1000, 1000, out _, out _));
    }

    [Fact]
    public void Alarms_raise_the_bar_for_a_while()
    {
        var gate = new AlarmGate();
        gate.Score(6, 1000, 1000, out _, out _);
        gate.Score(6.1, 1100, 1100, out bool soon, out _);
        Assert.False(soon);
        for (int row = 1101; row < 20_000; row++)
            gate.Score(0, row, row, out _, out _);
        gate.Score(6.1, 20_000, 20_000, out bool late, out _);
        Assert.True(late);
    }
}

public class IntervalTests
{
    [Theory, InlineData(1), InlineData(1e-6), InlineData(100)]
    public void Nine_errors_of_ten_fall_inside(double scale)
    {
        var interval = new Interval();
        var random = new Random(1);
        int inside = 0;
        for (int i = 0; i < 20_000; i++)
        {
            float error = (float)(scale * (random.NextDouble() + random.NextDouble() * random.NextDouble() - 0.7));
            if (i >= 500 && error >= interval.Low && error <= interval.High)
                inside++;
            interval.Learn(error, i);
        }

        Assert.InRange(inside / 19_500.0, 0.89, 0.91);
    }
}

public class WindowMeanTests
{
    [Fact]
    public void A_stream_that_starts_flat_is_judged_once_it_moves()
    {
        var mean = new WindowMean();
        float[] window = new float[10];
        var random = new Random(1);
        for (int age = 0; age < 200; age++)
            Assert.Equal(0, mean.Score(0, window, age));
        float largest = 0;
        for (int age = 200; age < 400; age++)
            largest = Math.Max(largest, Math.Abs(mean.Score((float)random.NextDouble(), window, age)));
        Assert.True(largest > 1);
    }

    [Fact]
    public void A_window_mean_far_from_all_before_stands_out()
    {
        var mean = new WindowMean();
        float[] window = new float[10];
        var random = new Random(1);
        for (int age = 0; age < 1000; age++)
            Assert.InRange(mean.Score((float)random.NextDouble() - 0.5f, window, age), -6f, 6f);
        float score = 0;
        for (int age = 1000; age < 1010; age++)
            score = mean.Score(1, window, age);
        Assert.True(score > 5);
    }
}
