using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Training;

namespace StreamRnn.Cells.Tests;

/// <summary>The way forward and back against central differences of the textbook formulas in double precision.</summary>
public class GradientTests
{
    // Measured: outputs up to 3.5e-7, gradients up to 1.4e-6 of the largest entry of their kind.
    private const double OutputTolerance = 1e-6, GradientTolerance = 5e-6;

    private const double Step = 1e-5;   // the differences' own error is about its square

    public static TheoryData<WindowCase> Small => [.. WindowCase.Cases.Where(window => !IsLarge(window))];

    public static TheoryData<WindowCase> Large => [.. WindowCase.Cases.Where(IsLarge)];

    private static bool IsLarge(WindowCase window) => window.Kind is "plain" or "one lane" or "dropout";

    [Theory, MemberData(nameof(Small))]
    public void Outputs_final_state_and_every_gradient_are_those_of_the_textbook(WindowCase window) => Check(window);

    [Theory, MemberData(nameof(Large)), Trait("speed", "slow")]
    public void So_they_are_for_long_windows_and_wide_layers(WindowCase window) => Check(window);

    private static void Check(WindowCase window)
    {
        WindowBatch batch = window.Batch();
        float[][] found = window.Run(batch: batch);
        var reference = new ReferenceWindow(window.Shape, batch);
        double[] parameters = Doubles(window.Parameters()), inputs = Doubles(batch.Inputs), initial = Doubles(batch.Initial);
        double[] outputWeights = Doubles(batch.OutputGradients), finalWeights = Doubles(batch.FinalGradients);
        double Loss()
        {
            (double[] outputs, double[] final) = reference.Run(parameters, inputs, initial);
            return outputs.Zip(outputWeights, (y, w) => y * w).Sum() + final.Zip(finalWeights, (s, w) => s * w).Sum();
        }

        (double[] expectedOutputs, double[] expectedFinal) = reference.Run(parameters, inputs, initial);
        Assert.True(Error(expectedOutputs, found[0]) <= OutputTolerance, $"{window}: outputs differ by {Error(expectedOutputs, found[0]):g3}");
        Assert.True(Error(expectedFinal, found[1]) <= OutputTolerance, $"{window}: the final state differs by {Error(expectedFinal, found[1]):g3}");
        double[] expected = Differences(parameters, Loss);
        foreach (Parameter parameter in new ParameterLayout(window.Shape).Parameters)
            CheckGradient(window, parameter.Name, expected.AsSpan(parameter.Slot.Offset, parameter.Slot.Length).ToArray(), parameter.Slot.In(found[2].AsSpan()).ToArray());
        CheckGradient(window, "inputs", Differences(inputs, Loss), found[3]);
        CheckGradient(window, "initial state", Differences(initial, Loss), found[4]);
    }

    private static void CheckGradient(WindowCase window, string name, double[] expected, float[] found)
    {
        double largest = expected.Select(Math.Abs).DefaultIfEmpty().Max(), error = Error(expected, found);
        Assert.True(error <= GradientTolerance * Math.Max(largest, 0.1), $"{window}: dL/d{name} differs by {error:g3}, its largest entry is {largest:g3}");
    }

    private static double[] Differences(double[] variables, Func<double> loss) => [.. variables.Select((value, i) =>
    {
        variables[i] = value + Step;
        double above = loss();
        variables[i] = value - Step;
        double below = loss();
        variables[i] = value;
        return (above - below) / (2 * Step);
    })];

    private static double Error(double[] expected, float[] found)
    {
        Assert.Equal(expected.Length, found.Length);
        return expected.Zip(found, (e, f) => Math.Abs(e - f)).DefaultIfEmpty().Max();
    }

    private static double[] Doubles(ReadOnlySpan<float> values) => [.. values.ToArray().Select(value => (double)value)];
}
