using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Training;

namespace StreamRnn.Cells.Tests;

public class DropoutTests
{
    [Fact]
    public void As_many_values_are_dropped_as_the_rate_says_and_the_mean_stays()
    {
        foreach (float rate in (float[])[0.1f, 0.5f, 0.8f])
        {
            float[] mask = Mask(rate, seed: 1, row: 0, step: 0, units: 100_000);
            double deviation = Math.Sqrt(rate * (1 - rate) / mask.Length);
            Assert.InRange(mask.Count(value => value == 0) / (double)mask.Length, rate - 4 * deviation, rate + 4 * deviation);
            Assert.InRange(mask.Average(), 1 - 4 * deviation / (1 - rate), 1 + 4 * deviation / (1 - rate));
            Assert.All(mask.Where(value => value != 0), value => Assert.Equal(1 / (1 - rate), value));
        }
    }

    [Fact]
    public void Seeds_rows_and_steps_have_masks_of_their_own()
    {
        float[][] masks = [Mask(0.5f, 1, 0, 0), Mask(0.5f, 2, 0, 0), Mask(0.5f, 1, 1, 0), Mask(0.5f, 1, 0, 1)];
        for (int a = 0; a < masks.Length; a++)
            for (int b = 0; b < a; b++)
                Assert.InRange(masks[a].Zip(masks[b]).Count(pair => pair.First == pair.Second), 400, 600);
    }

    /// <summary>U is the only thing that reads h, and reads one unit: whoever loses it at one step loses it at all.</summary>
    [Fact]
    public void Recurrent_dropout_draws_once_for_all_steps()
    {
        var shape = new ModelShape(CellKind.Rnn, 1, 1, 1, 0);
        const int Rows = 64, Steps = 10;
        var batch = new WindowBatch(shape, Rows, Steps, OutputsAt.EveryStep) { Dropout = new DropoutSettings(Recurrent: 0.5f, Seed: 3) };
        batch.Initial.Fill(0.5f);
        using WindowNetwork network = WindowNetwork.Create(shape, Rows, Steps);
        network.SetParameters([0f, 0.9f, 0f, 0f]);   // h' = tanh(0.9 mask h)
        network.Forward(batch);
        int dropped = 0;
        for (int row = 0; row < Rows; row++)
        {
            int zeros = 0;
            for (int t = 0; t < Steps; t++)
                zeros += batch.Outputs[t * Rows + row] == 0 ? 1 : 0;
            Assert.True(zeros is 0 or Steps, $"row {row}: {zeros} of {Steps}");
            dropped += zeros / Steps;
        }

        Assert.InRange(dropped, 16, 48);
    }

    [Fact]
    public void Without_rates_there_is_none()
    {
        var window = new WindowCase(CellKind.Lstm, "dropout");
        WindowBatch a = window.Batch(), b = window.Batch();
        (a.Dropout, b.Dropout) = (default, new DropoutSettings(Seed: 5));
        Assert.Equal(window.Run(batch: a)[0], window.Run(batch: b)[0]);
        Assert.NotEqual(window.Run(batch: a)[0], window.Run()[0]);
    }

    private static unsafe float[] Mask(float rate, ulong seed, int row, int step, int units = 1000)
    {
        float[] mask = new float[units];
        Array.Fill(mask, 1f);
        fixed (float* start = mask)
            Dropout.Apply(start, units, rate, seed, place: 0, row, step);
        return mask;
    }
}
