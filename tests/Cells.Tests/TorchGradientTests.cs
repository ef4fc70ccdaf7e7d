using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Training;

namespace StreamRnn.Cells.Tests;

/// <summary>Windows that PyTorch computed, there and back: outputs, final states and the gradient of everything; see tests/Golden/torch/README.md.</summary>
public class TorchGradientTests
{
    // As asked of a single-precision path: outputs within 1e-6, gradients within 1e-5 of their largest entry, ten times as much where gates saturate.
    private const double OutputTolerance = 1e-6, GradientTolerance = 1e-5;

    public static TheoryData<string> Cases() => [.. Directory.GetFiles(Golden.Folder("torch"), "*layer*.safetensors").Select(path => Path.GetFileName(path))];

    [Theory, MemberData(nameof(Cases))]
    public void A_window_gives_the_outputs_and_the_gradients_that_PyTorch_gives(string file)
    {
        var reference = new SafeTensors(file, File.ReadAllBytes(Path.Combine(Golden.Folder("torch"), file)));
        string[] weights = [.. reference.Tensors.Keys.Where(name => name.StartsWith("weight", StringComparison.Ordinal) || name.StartsWith("bias", StringComparison.Ordinal))];
        var parameters = new StateDict(new SafeTensors(file, SafeTensors.Format(new Dictionary<string, string>(), weights.Select(name =>
            (name, reference.Tensors[name].Dimensions, (ReadOnlyMemory<float>)reference.Floats(reference.Tensors[name]))))));
        ModelShape shape = parameters.Layout.Shape;
        int steps = reference.Tensors["input"].Dimensions[0], rows = reference.Tensors["input"].Dimensions[1];
        var batch = new WindowBatch(shape, rows, steps, OutputsAt.EveryStep) { WantsInputGradients = true };
        reference.Floats(reference.Tensors["input"]).CopyTo(batch.Inputs);
        reference.Floats(reference.Tensors["loss_weight.output"]).CopyTo(batch.OutputGradients);
        CopyStates(reference, shape, "h0", "c0", batch.Initial);
        CopyStates(reference, shape, "loss_weight.hn", "loss_weight.cn", batch.FinalGradients);

        using WindowNetwork network = WindowNetwork.Create(shape, rows, steps);
        float[] gradient = new float[network.Layout.Length];
        network.SetParameters(parameters.Block);
        network.Forward(batch);
        network.Backward(batch, gradient);

        double looser = file.Contains("saturated", StringComparison.Ordinal) ? 10 : 1;
        void Check(string name, ReadOnlySpan<float> found, double tolerance, bool relative)
        {
            double[] expected = reference.Doubles(reference.Tensors[$"expected_f64.{name}"]);
            double largest = relative ? expected.Select(Math.Abs).Max() : 1, worst = 0;
            Assert.Equal(expected.Length, found.Length);
            for (int i = 0; i < expected.Length; i++)
                worst = Math.Max(worst, double.IsFinite(found[i]) ? Math.Abs(expected[i] - found[i]) / largest : double.PositiveInfinity);
            Assert.True(worst <= looser * tolerance, $"{file}, {name}: {worst:g3}");
        }

        void CheckStates(string h, string c, ReadOnlySpan<float> found, double tolerance, bool relative)
        {
            Check(h, States(found, shape, rows, 0), tolerance, relative);
            if (shape.StateVariables == 2)
                Check(c, States(found, shape, rows, 1), tolerance, relative);
        }

        Check("output", batch.Outputs, OutputTolerance, relative: false);
        CheckStates("hn", "cn", batch.Final, OutputTolerance, relative: false);
        foreach (Parameter parameter in network.Layout.Parameters.Where(parameter => reference.Tensors.ContainsKey($"expected_f64.grad.{parameter.Name[4..]}")))
            Check($"grad.{parameter.Name[4..]}", parameter.Slot.In(gradient.AsSpan()), GradientTolerance, relative: true);
        Check("grad.input", batch.InputGradients, GradientTolerance, relative: true);
        if (reference.Tensors.ContainsKey("h0"))
            CheckStates("grad.h0", "grad.c0", batch.InitialGradients, GradientTolerance, relative: true);
    }

    /// <summary>From [layers * directions, B, H] of each variable to the batch's [layers * directions, variables, B, H].</summary>
    private static void CopyStates(SafeTensors reference, ModelShape shape, string h, string c, Span<float> to)
    {
        foreach ((string name, int variable) in (ReadOnlySpan<(string, int)>)[(h, 0), (c, 1)])
        {
            if (!reference.Tensors.TryGetValue(name, out Tensor? tensor))
                continue;
            float[] values = reference.Floats(tensor);
            int size = tensor.Dimensions[1] * tensor.Dimensions[2];
            for (int i = 0; i < tensor.Dimensions[0]; i++)
                values.AsSpan(i * size, size).CopyTo(to[((i * shape.StateVariables + variable) * size)..]);
        }
    }

    private static float[] States(ReadOnlySpan<float> states, ModelShape shape, int rows, int variable)
    {
        int size = rows * shape.Hidden;
        List<float> found = [];
        for (int i = 0; i < shape.Layers * shape.Directions; i++)
            found.AddRange(states.Slice((i * shape.StateVariables + variable) * size, size));
        return [.. found];
    }
}
