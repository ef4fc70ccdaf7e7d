using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;
using StreamRnn.Detection;
using StreamRnn.Engine.Recovery;
using StreamRnn.Engine.Tests.Stepping;

namespace StreamRnn.Engine.Tests.Recovery;

public class StepTraceTests
{
    [Theory]
    [InlineData(CellKind.Gru, "r 1, z 0, n 0.5")]
    [InlineData(CellKind.Lstm, "i 1, f 0, g 0.5, o 0.5")]
    public void A_gate_is_saturated_near_either_end_of_its_own_range(CellKind cell, string expected)
    {
        // Without weights a gate is what its bias makes of it: the first is 1, the second 1/2, and of the others half of the units are near an end.
        ModelShape shape = new(cell, inputs: 1, hidden: 16, outputs: 1);
        ParameterLayout layout = new(shape);
        float[] parameters = new float[layout.Length];
        Slot slot = layout.Layer(0).InputBias;
        Span<float> bias = parameters.AsSpan(slot.Offset, slot.Length);
        bias[..16].Fill(10);
        for (int gate = 2; gate < shape.GateNames.Length; gate++)
        {
            bool isTanh = shape.GateNames[gate] is 'g' or 'n';
            bias.Slice(gate * 16, 8).Fill(isTanh ? -1.6f : -3.0f);   // tanh -0.92, sigmoid 0.047
            bias.Slice((gate * 16) + 8, 8).Fill(isTanh ? 1.3f : 2.8f);   // 0.86, 0.943
        }
        StepTrace watch = Step(new BareForecaster("bare@0000", SequenceModel.Create(shape, parameters)), steps: 3);

        Assert.Equal(expected, string.Join(", ", watch.Gates()!.Select(gate => $"{gate.Gate} {gate.Share}")));
    }

    [Fact]
    public void The_newest_steps_are_kept_with_the_state_before_them()
    {
        ModelShape shape = new(CellKind.Gru, inputs: 1, hidden: 16, outputs: 1);
        Random random = new(16);
        float[] parameters = [.. Enumerable.Range(0, new ParameterLayout(shape).Length).Select(_ => random.NextSingle() - 0.5f)];
        BareForecaster model = new("bare@0000", SequenceModel.Create(shape, parameters));

        StepTrace all = Step(model, steps: 9, capacity: 100), some = Step(model, steps: 9, capacity: 4);

        Assert.Equal((9, false), (all.Steps.Count, all.IsCut));
        Assert.Equal(new float[16], all.HiddenBefore);
        Assert.Equal((4, true), (some.Steps.Count, some.IsCut));
        Assert.Equal(all.Steps.ElementAt(4).Hidden, some.HiddenBefore);
        Assert.Equal(all.Steps.Skip(5).Select(step => (step.Verdict.N, step.Value, step.Hidden[3])), some.Steps.Select(step => (step.Verdict.N, step.Value, step.Hidden[3])));
    }

    [Fact]
    public void A_vanilla_cell_has_a_hidden_state_and_no_gates_and_what_is_no_network_has_neither()
    {
        ModelShape shape = new(CellKind.Rnn, inputs: 1, hidden: 16, outputs: 1);
        StepTrace vanilla = Step(new BareForecaster("bare@0000", SequenceModel.Create(shape, new float[new ParameterLayout(shape).Length])), steps: 2);
        Assert.Equal(16, vanilla.Last.Hidden.Length);
        Assert.Null(vanilla.Gates());

        StepTrace chain = Step(new ChainForecaster(), steps: 2);
        Assert.Empty(chain.Last.Hidden);
        Assert.Null(chain.Gates());
    }

    private static StepTrace Step(Forecaster model, int steps, int capacity = 1)
    {
        StateSlab slab = new(model.RowFloats);
        int row = slab.Add();
        model.Initialise(slab[row]);
        StepBatch batch = model.CreateBatch(1);
        StepTrace watch = new(model, capacity);
        for (int step = 0; step < steps; step++)
        {
            (batch.Count, batch.Rows[0], batch.Times[0], batch.Values[0]) = (1, row, step, step % 5);
            watch.Before(slab[row]);
            model.Step(slab, batch);
            watch.After(batch, entry: 0, slab[row]);
        }
        return watch;
    }
}
