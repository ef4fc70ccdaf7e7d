using System.Runtime.InteropServices;
using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;
using StreamRnn.Cells.Training;

namespace StreamRnn.Cells.Tests;

/// <summary>What a window gives depends on its own values alone. These tests say equal, not close.</summary>
public class WindowTests
{
    public static TheoryData<CellCase> Streaming => CellCase.All;

    public static TheoryData<WindowCase> All => WindowCase.All;

    [Theory, MemberData(nameof(Streaming))]
    public void A_window_gives_each_row_the_bits_that_its_events_give_one_by_one(CellCase cell)
    {
        const int Steps = 7;
        SequenceModel model = cell.Model();
        foreach (int rows in (int[])[1, 2, 5, 16, 37])
        {
            int[][] streamed = cell.Run(model, [.. Enumerable.Range(0, rows)], Steps);
            var batch = new WindowBatch(cell.Shape, rows, Steps, OutputsAt.EveryStep);
            for (int t = 0; t < Steps; t++)
            {
                for (int b = 0; b < rows; b++)
                {
                    if (cell.Vocabulary > 0)
                        batch.Tokens[t * rows + b] = (int)cell.Input(b, t)[0];
                    else
                        cell.Input(b, t).CopyTo(batch.Inputs[((t * rows + b) * cell.Inputs)..]);
                }
            }

            using WindowNetwork network = WindowNetwork.Create(cell.Shape, rows, Steps, threads: 2);
            network.SetParameters(cell.Parameters());
            network.Forward(batch);
            for (int b = 0; b < rows; b++)
                Assert.True(Windowed(cell, network, batch, b).SequenceEqual(streamed[b]), $"{cell}: row {b} of {rows}");
        }
    }

    [Theory, MemberData(nameof(All))]
    public void Steps_beyond_a_rows_length_change_nothing(WindowCase window)
    {
        WindowBatch batch = window.Batch(maxSteps: window.Steps + 3);
        float[][] expected = window.Run(batch: batch);
        WindowBatch padded = window.Batch(maxSteps: window.Steps + 3);
        Pad(batch, padded, 3);
        float[][] found = window.Run(batch: padded);

        int outputs = batch.Outputs.Length;
        AssertSame(expected[0], found[0][..outputs], window, "outputs");
        Assert.All(found[0][outputs..], value => Assert.Equal(0f, value));
        AssertSame(expected[1], found[1], window, "final state");
        AssertSame(expected[2], found[2], window, "gradient");
        AssertSame(expected[3], found[3][..expected[3].Length], window, "input gradients");
        AssertSame(expected[4], found[4], window, "initial gradients");
    }

    [Theory, MemberData(nameof(All))]
    public void Neither_threads_nor_the_vector_width_change_a_bit(WindowCase window)
    {
        float[][] expected = window.Run();
        foreach ((int threads, int lane) in ((int, int)[])[(2, 16), (3, 16), (1, 8), (2, 4)])
        {
            float[][] found = window.Run(threads, lane);
            for (int i = 0; i < expected.Length; i++)
                AssertSame(expected[i], found[i], window, $"{threads} threads, lanes of {lane}, array {i}");
        }
    }

    [Theory, MemberData(nameof(All))]
    public void A_training_step_allocates_nothing_after_the_first(WindowCase window)
    {
        WindowBatch batch = window.Batch();
        float[] parameters = window.Parameters(), gradient = new float[parameters.Length];
        using WindowNetwork network = WindowNetwork.Create(window.Shape, batch.Rows, batch.Steps);
        void Step()
        {
            network.SetParameters(parameters);
            network.Forward(batch);
            network.Backward(batch, gradient);
        }

        Step();
        long least = long.MaxValue;   // a collection that another test starts may be charged to this thread
        for (int round = 0; round < 5 && least > 0; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 10; i++)
                Step();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(0, least);
    }

    /// <summary>Those whose second half does not need the first as it is: neither backwards, nor by lengths or masks of the whole.</summary>
    public static TheoryData<WindowCase> Divisible =>
        [.. WindowCase.Cases.Where(window => !window.Shape.Bidirectional && window.Kind is not ("stacked, lengths" or "dropout"))];

    [Theory, MemberData(nameof(Divisible))]
    public void A_window_cut_in_two_gives_the_same_when_the_state_is_carried(WindowCase window)
    {
        WindowBatch whole = window.Batch(), parts = new(window.Shape, whole.Rows, whole.Steps, whole.At);
        using WindowNetwork network = WindowNetwork.Create(window.Shape, whole.Rows, whole.Steps);
        network.SetParameters(window.Parameters());
        network.Forward(whole);

        int first = 2;
        parts.Resize(whole.Rows, first);
        whole.Initial.CopyTo(parts.Initial);
        Copy(whole, 0, parts);
        network.Forward(parts);
        float[] final = parts.Final.ToArray();
        parts.Resize(whole.Rows, whole.Steps - first);
        final.CopyTo(parts.Initial);
        Copy(whole, first, parts);
        network.Forward(parts);
        AssertSame(whole.Final.ToArray(), parts.Final.ToArray(), window, "final state");
        parts.CarryState();
        AssertSame(whole.Final.ToArray(), parts.Initial.ToArray(), window, "carried state");
    }

    [Fact]
    public void Input_gradients_may_be_asked_for_after_the_way_forward()
    {
        var window = new WindowCase(CellKind.Lstm, "plain");
        WindowBatch batch = window.Batch();
        float[][] expected = window.Run(batch: batch);
        batch.WantsInputGradients = false;
        using WindowNetwork network = WindowNetwork.Create(window.Shape, batch.Rows, batch.Steps);
        float[] gradient = new float[network.Layout.Length];
        network.SetParameters(window.Parameters());
        network.Forward(batch);
        network.Backward(batch, gradient);
        AssertSame(expected[2], gradient, window, "gradient");
        batch.WantsInputGradients = true;
        network.Backward(batch, gradient);
        AssertSame(expected[3], batch.InputGradients.ToArray(), window, "input gradients");
    }

    [Fact]
    public void Every_layers_output_is_available()
    {
        var window = new WindowCase(CellKind.Gru, "stacked, lengths");
        WindowBatch batch = window.Batch();
        using WindowNetwork network = WindowNetwork.Create(window.Shape, batch.Rows, batch.Steps);
        network.SetParameters(window.Parameters());
        network.Forward(batch);
        float[] output = new float[batch.Steps * batch.Rows * window.Shape.Hidden];
        for (int layer = 0; layer < window.Shape.Layers; layer++)
        {
            network.CopyLayerOutput(layer, output);
            for (int row = 0; row < batch.Rows; row++)
            {
                for (int t = 0; t < batch.Steps; t++)
                {
                    Span<float> h = output.AsSpan((t * batch.Rows + row) * window.Shape.Hidden, window.Shape.Hidden);
                    if (t >= batch.Lengths[row])
                        Assert.All(h.ToArray(), value => Assert.Equal(0f, value));
                    else if (t == batch.Lengths[row] - 1)
                        Assert.Equal(batch.Final.Slice((layer * batch.Rows + row) * window.Shape.Hidden, window.Shape.Hidden).ToArray(), h.ToArray());
                }
            }
        }
    }

    [Fact]
    public void What_does_not_fit_the_network_is_refused()
    {
        var window = new WindowCase(CellKind.Lstm, "tokens, dense");
        WindowBatch batch = window.Batch();
        using WindowNetwork network = WindowNetwork.Create(window.Shape, batch.Rows, batch.Steps);
        Assert.Throws<ArgumentException>("block", () => network.SetParameters(new float[3]));
        Assert.Throws<ArgumentException>("batch", () => network.Backward(batch, new float[network.Layout.Length]));
        batch.Tokens[3] = 7;
        Assert.Contains("Token 7", Assert.Throws<ArgumentException>("batch", () => network.Forward(batch)).Message, StringComparison.Ordinal);
        batch.Tokens[3] = 6;
        batch.Lengths[1] = 0;
        Assert.Contains("length 0", Assert.Throws<ArgumentException>("batch", () => network.Forward(batch)).Message, StringComparison.Ordinal);
        batch.Lengths[1] = 1;
        batch.Dropout = new DropoutSettings(Recurrent: 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => network.Forward(batch));
        batch.Dropout = default;
        network.Forward(batch);
        Assert.Throws<ArgumentException>("gradient", () => network.Backward(batch, new float[3]));
        batch.Resize(batch.Rows - 1, batch.Steps);
        Assert.Throws<ArgumentException>("batch", () => network.Backward(batch, new float[network.Layout.Length]));
        batch.Resize(batch.Rows + 1, batch.Steps);
        Assert.Throws<ArgumentException>("batch", () => network.Forward(new WindowBatch(window.Shape, 6, batch.Steps, OutputsAt.LastStep)));
        Assert.Throws<ArgumentException>("batch", () => network.Forward(new WindowCase(CellKind.Gru, "plain").Batch()));
        Assert.Throws<ArgumentOutOfRangeException>("rows", () => batch.Resize(batch.Rows + 1, 1));
    }

    /// <summary>The outputs of every step and the final state of a row, as <see cref="CellCase.Run"/> has them.</summary>
    private static int[] Windowed(CellCase cell, WindowNetwork network, WindowBatch batch, int row)
    {
        ModelShape shape = cell.Shape;
        List<float> seen = [];
        for (int t = 0; t < batch.Steps && shape.Outputs > 0; t++)
            seen.AddRange(batch.Outputs.Slice((t * batch.Rows + row) * shape.Outputs, shape.Outputs));
        for (int i = 0; i < shape.Layers * shape.StateVariables; i++)
        {
            seen.AddRange(batch.Final.Slice((i * batch.Rows + row) * shape.Hidden, shape.Hidden));
            seen.AddRange(new float[shape.PaddedHidden - shape.Hidden]);
        }

        return MemoryMarshal.Cast<float, int>(CollectionsMarshal.AsSpan(seen)).ToArray();
    }

    /// <summary>The same rows, followed by steps of rubbish.</summary>
    private static void Pad(WindowBatch batch, WindowBatch padded, int steps)
    {
        int[] lengths = batch.Lengths.ToArray();
        padded.Resize(batch.Rows, batch.Steps + steps);
        lengths.CopyTo(padded.Lengths);
        padded.Inputs.Fill(float.NaN);
        batch.Inputs.CopyTo(padded.Inputs);
        padded.Tokens.Clear();
        batch.Tokens.CopyTo(padded.Tokens);
        batch.Initial.CopyTo(padded.Initial);
        padded.OutputGradients.Fill(float.NaN);
        batch.OutputGradients.CopyTo(padded.OutputGradients);
        batch.FinalGradients.CopyTo(padded.FinalGradients);
    }

    private static void Copy(WindowBatch from, int firstStep, WindowBatch to)
    {
        from.Inputs.Slice(firstStep * to.Rows * to.Shape.Inputs * Math.Sign(from.Inputs.Length), to.Inputs.Length).CopyTo(to.Inputs);
        from.Tokens.Slice(firstStep * to.Rows * Math.Sign(from.Tokens.Length), to.Tokens.Length).CopyTo(to.Tokens);
    }

    private static void AssertSame(float[] expected, float[] found, WindowCase window, string what)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(expected[i] == found[i], $"{window}, {what}[{i}]: {expected[i]:r} and {found[i]:r}");
    }
}
