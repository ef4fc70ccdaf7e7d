using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;

namespace StreamRnn.Cells.Tests;

/// <summary>Sequences that PyTorch computed fix gate order, variant and parameter names; see tests/Golden/torch/README.md.</summary>
public class TorchReferenceTests
{
    // PyTorch's own single precision is up to 1.1e-7 from its double precision on these cases, ours up to 1.7e-7; 1.5e-6 and 1.1e-6 where
    // weights and inputs are so large that the gates saturate.
    private const double Tolerance = 4e-7;

    public static TheoryData<string, int> Cases()
    {
        var cases = new TheoryData<string, int>();
        foreach (string path in Directory.GetFiles(Golden.Folder("torch"), "*layer*.safetensors").Where(path => !path.Contains("bidir", StringComparison.Ordinal)))
            foreach (int lane in (int[])[16, 8, 4])
                cases.Add(Path.GetFileName(path), lane);
        return cases;
    }

    [Theory, MemberData(nameof(Cases))]
    public void A_sequence_gives_the_outputs_and_the_state_that_PyTorch_gives(string file, int lane)
    {
        var reference = new SafeTensors(file, File.ReadAllBytes(Path.Combine(Golden.Folder("torch"), file)));
        string[] weights = [.. reference.Tensors.Keys.Where(name => name.StartsWith("weight", StringComparison.Ordinal) || name.StartsWith("bias", StringComparison.Ordinal))];
        var state = new StateDict(new SafeTensors(file, SafeTensors.Format(new Dictionary<string, string>(), weights.Select(name =>
            (name, reference.Tensors[name].Dimensions, (ReadOnlyMemory<float>)reference.Floats(reference.Tensors[name]))))));
        ModelShape shape = state.Layout.Shape;
        SequenceModel model = SequenceModel.Create(shape, state.Block, lane);

        float[] input = reference.Floats(reference.Tensors["input"]);
        double[] output = reference.Doubles(reference.Tensors["expected_f64.output"]), hn = reference.Doubles(reference.Tensors["expected_f64.hn"]);
        int batch = reference.Tensors["input"].Dimensions[1], steps = reference.Tensors["input"].Dimensions[0];
        var slab = new StateSlab(model.StateFloats);
        int[] rows = [.. Enumerable.Range(0, batch).Select(_ => slab.Add())];
        foreach ((string name, int variable) in (ReadOnlySpan<(string, int)>)[("h0", 0), ("c0", 1)])
        {
            if (reference.Tensors.TryGetValue(name, out Tensor? initial))
                Visit(shape, batch, (row, at, from) => slab[row][at + variable * shape.PaddedHidden] = reference.Floats(initial)[from]);
        }

        StepScratch scratch = model.CreateScratch(batch);
        double worst = 0;
        for (int t = 0; t < steps; t++)
        {
            model.Step(input.AsSpan(t * batch * shape.Inputs, batch * shape.Inputs), slab, rows, [], scratch);
            for (int b = 0; b < batch; b++)
                for (int j = 0; j < shape.Hidden; j++)
                    worst = Math.Max(worst, Math.Abs(slab[b][model.TopHiddenOffset + j] - output[(t * batch + b) * shape.Hidden + j]));
        }

        Visit(shape, batch, (row, at, from) => worst = Math.Max(worst, Math.Abs(slab[row][at] - hn[from])));
        if (shape.StateVariables == 2)
        {
            double[] cn = reference.Doubles(reference.Tensors["expected_f64.cn"]);
            Visit(shape, batch, (row, at, from) => worst = Math.Max(worst, Math.Abs(slab[row][at + shape.PaddedHidden] - cn[from])));
        }

        bool saturated = file.Contains("saturated", StringComparison.Ordinal);
        Assert.True(worst <= (saturated ? 10 : 1) * Tolerance, $"{file}: largest error {worst:g3}");
    }

    [Fact]
    public void A_state_dict_with_a_head_loads_as_PyTorch_saved_it()
    {
        ModelFile file = ModelFile.Load(Path.Combine(Golden.Folder("torch"), "lstm_etth1_ot.safetensors"));
        Assert.Equal(new ModelShape(CellKind.Lstm, 1, 32, 1, 1), file.Shape);
        Assert.Equal("[17.1282616982271]", file.Metadata["norm_mean"]);
        Assert.False(file.HasGoldenVectors);
    }

    /// <summary>Every h of every layer: row, place in the state row, place in a tensor [layers, batch, hidden].</summary>
    private static void Visit(ModelShape shape, int batch, Action<int, int, int> visit)
    {
        for (int layer = 0; layer < shape.Layers; layer++)
            for (int b = 0; b < batch; b++)
                for (int j = 0; j < shape.Hidden; j++)
                    visit(b, layer * shape.StateVariables * shape.PaddedHidden + j, (layer * batch + b) * shape.Hidden + j);
    }
}
