using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;

namespace StreamRnn.Cells.Tests;

/// <summary>A stream's numbers depend on its own values alone. These tests say equal, not close.</summary>
public class SameBitsTests
{
    public static TheoryData<CellCase> All => CellCase.All;

    public static TheoryData<CellCase> OneWidth => [.. CellCase.Cases.Where(cell => cell.Hidden == 20)];

    public static TheoryData<CellCase> OtherWidths => [.. CellCase.Cases.Where(cell => cell.Hidden != 20)];

    [Theory, MemberData(nameof(OneWidth))]
    public void A_micro_batch_gives_each_stream_the_bits_it_gets_alone(CellCase cell) => CheckEveryBatch(cell);

    [Theory, MemberData(nameof(OtherWidths)), Trait("speed", "slow")]
    public void A_micro_batch_of_any_width_gives_each_stream_the_bits_it_gets_alone(CellCase cell) => CheckEveryBatch(cell);

    private static void CheckEveryBatch(CellCase cell)
    {
        SequenceModel model = cell.Model();
        int[][] alone = [.. Enumerable.Range(0, 70).Select(stream => cell.Run(model, [stream], steps: 3)[0])];
        for (int batch = 1; batch <= 70; batch++)
        {
            int[] streams = [.. Enumerable.Range(0, batch)];
            new Random(batch).Shuffle(streams);
            int[][] together = cell.Run(model, streams, steps: 3);
            for (int b = 0; b < batch; b++)
                Assert.True(alone[streams[b]].AsSpan().SequenceEqual(together[b]), $"{cell}: batch of {batch}, place {b}");
        }
    }

    [Theory, MemberData(nameof(All))]
    public void Every_lane_gives_the_same_bits(CellCase cell)
    {
        int[] streams = [.. Enumerable.Range(0, 10)];
        int[][] widest = cell.Run(cell.Model(16), streams, steps: 20);
        Assert.Equal(widest, cell.Run(cell.Model(8), streams, steps: 20));
        Assert.Equal(widest, cell.Run(cell.Model(4), streams, steps: 20));
    }

    [Theory, MemberData(nameof(All))]
    public void Saving_and_restoring_in_mid_sequence_changes_nothing(CellCase cell)
    {
        int[][] uninterrupted = cell.Run(cell.Model(), [3], steps: 20);
        int[][] restored = cell.Run(cell.Model(), [3], steps: 20, slab =>
        {
            float[] saved = slab[0].ToArray();
            slab[0].Fill(float.NaN);
            saved.CopyTo(slab[0]);
        });
        Assert.Equal(uninterrupted, restored);
    }

    [Theory, MemberData(nameof(All))]
    public void A_new_model_takes_up_the_state_of_an_old_one(CellCase cell)
    {
        int[][] uninterrupted = cell.Run(cell.Model(), [3], steps: 20);

        (SequenceModel first, SequenceModel second) = (cell.Model(), cell.Model());
        var slab = new StateSlab(first.StateFloats);
        int row = slab.Add();
        float[] y = new float[cell.Outputs];
        for (int t = 0; t < 20; t++)
        {
            SequenceModel model = t < 7 ? first : second;
            model.Step(cell.Input(3, t), slab, [row], y, model.CreateScratch(1));
        }

        Assert.Equal(uninterrupted[0][^first.StateFloats..], slab[row][..first.StateFloats].ToArray().Select(BitConverter.SingleToInt32Bits));
    }

    [Theory, MemberData(nameof(All))]
    public void Zero_units_change_nothing_and_stay_zero(CellCase cell)
    {
        ModelShape padded = cell.ShapeOf(cell.Hidden + 21);
        SequenceModel plain = cell.Model(), wide = SequenceModel.Create(padded, Embed(cell, padded));
        int[] a = cell.Run(plain, [5], steps: 30)[0], b = cell.Run(wide, [5], steps: 30)[0];

        int outputs = 30 * cell.Outputs;
        Assert.Equal(a[..outputs], b[..outputs]);
        for (int block = 0; block < cell.Layers * plain.Shape.StateVariables; block++)
        {
            int[] narrow = a[(outputs + block * plain.Shape.PaddedHidden)..][..plain.Shape.PaddedHidden];
            int[] broad = b[(outputs + block * padded.PaddedHidden)..][..padded.PaddedHidden];
            Assert.Equal(narrow[..cell.Hidden], broad[..cell.Hidden]);
            Assert.All(narrow[cell.Hidden..].Concat(broad[cell.Hidden..]), bits => Assert.Equal(0, bits));
        }
    }

    /// <summary>The same parameters among zeros, for more units per layer.</summary>
    private static float[] Embed(CellCase cell, ModelShape padded)
    {
        ParameterLayout from = new(cell.Shape), to = new(padded);
        float[] source = cell.Parameters(), target = new float[to.Length];
        foreach ((Parameter small, Parameter large) in from.Parameters.Zip(to.Parameters))
        {
            int blocks = small.Name.StartsWith("rnn.", StringComparison.Ordinal) ? cell.Shape.Gates : 1;
            (int smallRows, int largeRows) = (small.Slot.Rows / blocks, large.Slot.Rows / blocks);
            for (int row = 0; row < small.Slot.Rows; row++)
                for (int column = 0; column < small.Slot.Columns; column++)
                    large.Slot.In(target.AsSpan())[(row / smallRows * largeRows + row % smallRows) * large.Slot.Columns + column] =
                        small.Slot.In(source.AsSpan())[row * small.Slot.Columns + column];
        }

        return target;
    }
}
