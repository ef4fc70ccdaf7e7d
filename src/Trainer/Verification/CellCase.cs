using System.Text.RegularExpressions;
using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;
using StreamRnn.Cells.Training;

namespace StreamRnn.Trainer.Verification;

/// <summary>
/// A reference case of a recurrent layer stack: weights, input and initial state with the outputs, final states and gradients that an
/// established framework gave for them. All time-major; T steps, B rows, D directions, H units.
/// <list type="bullet">
/// <item><c>weight_ih_l0</c>, ... as PyTorch names them; <c>input</c> [T, B, I]; <c>h0</c>, <c>c0</c> [layers * D, B, H].</item>
/// <item><c>expected_f64.output</c> [T, B, D * H], <c>.hn</c>, <c>.cn</c>, <c>.loss</c> [1] and <c>.grad.NAME</c> of every weight and of
/// input, h0 and c0: the truth. <c>expected.*</c> is the framework's own single precision.</item>
/// <item>loss = sum of output * <c>loss_weight.output</c> + hn * <c>loss_weight.hn</c> + cn * <c>loss_weight.cn</c>.</item>
/// </list>
/// Outputs and states are held to max(1e-6, 10 times the framework's own error), the loss to 1e-5 of itself or of 1, gradients to 1e-5 of
/// their largest entry; a case with saturated gates to 10 times that.
/// </summary>
internal sealed partial class CellCase
{
    private const double Tolerance = 1e-6;
    private const double GradientTolerance = 1e-5;

    /// <summary>
    /// Single precision leaves this share of the largest gradient of a case in every other one: behind saturated gates the gradient of h0 may be
    /// 1e-11 of that of a weight, and the framework's own then has two right digits.
    /// </summary>
    private const double GradientNoise = 1e-8;

    /// <summary>
    /// A single precision path may be as far off as ten of the framework's own. Those are 1.9e-7 at most, 1.5e-6 behind saturated gates: a truth
    /// that was tampered with makes no more room for itself than that.
    /// </summary>
    private const double OwnErrors = 10;
    private const double LargestOwnError = 2e-7, LargestSaturatedError = 2e-6;

    private readonly TensorSet _file;
    private readonly string[] _weights;
    private readonly ModelFile _model;
    private readonly int _steps, _rows;
    private readonly double _looser;
    private readonly string _truth;
    private readonly List<Quantity> _quantities = [];

    private CellCase(TensorSet file)
    {
        _file = file;
        _weights = [.. file.Names.Where(name => WeightName().IsMatch(name))];
        _model = ReadModel();
        IReadOnlyList<int> input = file["input"].Dimensions;
        if (input.Count != 3 || input.Contains(0) || input[2] != Shape.Inputs)
            throw file.Refuse($"input is [{string.Join(", ", input)}], [T, B, {Shape.Inputs}] is expected for {Shape}");
        (_steps, _rows) = (input[0], input[1]);
        RequireFact("seq_len", _steps);
        RequireFact("batch", _rows);
        _truth = file.HasAny("expected_f64.") ? "expected_f64." : "expected.";
        bool saturated = file.File.Contains("saturated", StringComparison.OrdinalIgnoreCase) || (file.Number("weight_scale") > 1 && file.Number("input_scale") > 1);
        _looser = saturated ? 10 : 1;
    }

    private ModelShape Shape => _model.Shape;

    private double LargestGradient => field > 0 ? field : field = _file.Names.Where(name => name.StartsWith($"{_truth}grad.", StringComparison.Ordinal))
        .Max(name => Quantity.Largest(_file[name].Values));

    private int States => Shape.Layers * Shape.Directions;

    public static bool IsOne(TensorSet file) => file.HasAny("expected_f64.") || file.HasAny("expected.");

    public static CheckResult Check(TensorSet file)
    {
        var reference = new CellCase(file);
        float[]? stepped = reference._model.CanStep ? reference.Step() : null;
        reference.RunWindow(stepped);
        return new CheckResult(file.File, "reference case", $"{reference.Shape}, {reference._steps} steps of {reference._rows} rows"
            + (reference._looser > 1 ? ", saturated" : "") + (reference._truth == "expected." ? ", no expected_f64: held to single precision" : ""), reference._quantities);
    }

    [GeneratedRegex(@"^(\w+\.)?(weight|bias)_[ih]h_l\d+(_reverse)?$")]
    private static partial Regex WeightName();

    private ModelFile ReadModel()
    {
        Dictionary<string, string> facts = [];
        foreach (string key in (string[])["cell", "input_size", "hidden_size", "num_layers", "bidirectional"])
        {
            if (_file.Facts.TryGetValue(key, out string? value))
                facts[key] = key == "cell" ? Cell(value) : value;
        }

        if (_file.Facts.TryGetValue("bias", out string? bias) && bool.TryParse(bias, out bool hasBias)
            && hasBias != Array.Exists(_weights, name => name.Contains("bias", StringComparison.Ordinal)))
        {
            throw _file.Refuse($"metadata bias is {bias}, and the file has {(hasBias ? "no" : "")} biases; one of them belongs to another case");
        }

        return ModelFile.Parse(_file.File, SafeTensors.Format(facts, _weights.Select(name =>
            (name, _file[name].Dimensions, (ReadOnlyMemory<float>)_file[name].Floats))));
    }

    /// <summary>Frameworks say RNN where the files of ours say which.</summary>
    internal static string Cell(string name) => name.ToLowerInvariant() switch { "rnn" or "rnn_tanh" => "rnn_tanh", string other => other };

    private void RequireFact(string key, int found)
    {
        if (_file.Number(key) is double stated && stated != found)
            throw _file.Refuse($"metadata {key} is {stated}, the input says {found}; one of them belongs to another case");
    }

    /// <summary>Event by event, as the worker steps.</summary>
    /// <returns>[T, B, H].</returns>
    private float[] Step()
    {
        SequenceModel model = _model.Model;
        float[] input = _file["input"].Floats;
        var slab = new StateSlab(model.StateFloats);
        int[] rows = [.. Enumerable.Range(0, _rows).Select(_ => slab.Add())];
        SetState(slab, Initial("h0", 0), 0);
        SetState(slab, Initial("c0", 1), 1);

        StepScratch scratch = model.CreateScratch(_rows);
        float[] output = new float[_steps * _rows * Shape.Hidden];
        float[] y = new float[_rows * Shape.Outputs];
        for (int t = 0; t < _steps; t++)
        {
            model.Step(input.AsSpan(t * _rows * Shape.Inputs, _rows * Shape.Inputs), slab, rows, y, scratch);
            for (int b = 0; b < _rows; b++)
                slab[b].Slice(model.TopHiddenOffset, Shape.Hidden).CopyTo(output.AsSpan((t * _rows + b) * Shape.Hidden));
        }

        CompareState("output", "stepped", output, _steps, _rows, Shape.Hidden);
        foreach ((string name, int variable) in ((string, int)[])[("hn", 0), ("cn", 1)])
        {
            float[] final = new float[States * _rows * Shape.Hidden];
            int at = 0;
            if (variable >= Shape.StateVariables)
                continue;
            for (int layer = 0; layer < States; layer++)
                for (int b = 0; b < _rows; b++, at += Shape.Hidden)
                    slab[b].Slice((layer * Shape.StateVariables + variable) * Shape.PaddedHidden, Shape.Hidden).CopyTo(final.AsSpan(at));
            CompareState(name, "stepped", final, States, _rows, Shape.Hidden);
        }

        return output;
    }

    private void SetState(StateSlab slab, double[]? values, int variable)
    {
        for (int i = 0; i < values?.Length; i++)
        {
            (int block, int unit) = Math.DivRem(i, Shape.Hidden);
            slab[block % _rows][(block / _rows * Shape.StateVariables + variable) * Shape.PaddedHidden + unit] = (float)values[i];
        }
    }

    /// <summary>[layers * D, B, H]; null where it is not in the file, which is zero, or the cell has no such state.</summary>
    private double[]? Initial(string name, int variable) =>
        variable < Shape.StateVariables && _file.Has(name) ? _file.Values(name, States, _rows, Shape.Hidden) : null;

    /// <summary>All steps forward and back, as the trainer runs them.</summary>
    /// <param name="stepped">Outputs of stepping; the window must give the same bits.</param>
    private void RunWindow(float[]? stepped)
    {
        using WindowNetwork network = WindowNetwork.Create(Shape, _rows, _steps);
        network.SetParameters(_model.Parameters.Span);
        bool hasGradients = _file.HasAny(_truth + "grad.");
        var batch = new WindowBatch(Shape, _rows, _steps, OutputsAt.EveryStep) { WantsInputGradients = hasGradients };
        _file["input"].Floats.CopyTo(batch.Inputs);
        Fill(batch.Initial, Initial("h0", 0), 0);
        Fill(batch.Initial, Initial("c0", 1), 1);
        network.Forward(batch);

        float[] output = batch.Outputs.ToArray(), final = batch.Final.ToArray();
        CompareState("output", "window", output, _steps, _rows, Shape.Directions * Shape.Hidden);
        CompareState("hn", "window", Pick(final, 0), States, _rows, Shape.Hidden);
        if (Shape.StateVariables > 1)
            CompareState("cn", "window", Pick(final, 1), States, _rows, Shape.Hidden);
        if (stepped is not null)
            _quantities.Add(Quantity.Compare("window beside stepped", Wide(output), Wide(stepped), tolerance: 0));
        if (!hasGradients)
            return;

        CompareLoss(output, final);
        Array.ConvertAll(_file.Values("loss_weight.output", _steps, _rows, Shape.Directions * Shape.Hidden), value => (float)value).CopyTo(batch.OutputGradients);
        Fill(batch.FinalGradients, LossWeight("hn", 0), 0);
        Fill(batch.FinalGradients, LossWeight("cn", 1), 1);
        float[] gradient = new float[network.Layout.Length];
        network.Backward(batch, gradient);

        foreach (Parameter parameter in network.Layout.Parameters)
        {
            string name = parameter.Name["rnn.".Length..];
            string? inFile = Array.Find(_weights, weight => weight == name || weight.EndsWith("." + name, StringComparison.Ordinal));
            if (inFile is not null)
                CompareGradient(inFile, parameter.Slot.In(gradient).ToArray(), [.. parameter.Dimensions]);
        }

        CompareGradient("input", batch.InputGradients.ToArray(), _steps, _rows, Shape.Inputs);
        float[] initial = batch.InitialGradients.ToArray();
        if (_file.Has($"{_truth}grad.h0") || Initial("h0", 0) is not null)
            CompareGradient("h0", Pick(initial, 0), States, _rows, Shape.Hidden);
        if (Shape.StateVariables > 1 && (_file.Has($"{_truth}grad.c0") || Initial("c0", 1) is not null))
            CompareGradient("c0", Pick(initial, 1), States, _rows, Shape.Hidden);
    }

    private double[]? LossWeight(string name, int variable) =>
        variable < Shape.StateVariables && _file.Has($"loss_weight.{name}") ? _file.Values($"loss_weight.{name}", States, _rows, Shape.Hidden) : null;

    private void CompareLoss(float[] output, float[] final)
    {
        double loss = Sum(output, _file["loss_weight.output"].Values) + Sum(Pick(final, 0), LossWeight("hn", 0))
            + (Shape.StateVariables > 1 ? Sum(Pick(final, 1), LossWeight("cn", 1)) : 0);
        double[] truth = _file.Values(_truth + "loss", 1);
        _quantities.Add(Quantity.Compare("loss", [loss], truth, _looser * GradientTolerance * Math.Max(1, Math.Abs(truth[0]))));

        static double Sum(float[] values, double[]? weights)
        {
            double sum = 0;
            for (int i = 0; i < weights?.Length; i++)
                sum += values[i] * weights[i];
            return sum;
        }
    }

    private void CompareState(string name, string how, float[] found, params ReadOnlySpan<int> dimensions) =>
        _quantities.Add(Quantity.Compare($"{name}, {how}", Wide(found), _file.Values(_truth + name, dimensions), StateTolerance(name)));

    private double StateTolerance(string name)
    {
        double largest = _file.Number($"torch_f32_vs_f64_max_abs.{name}") ?? (_looser > 1 ? LargestSaturatedError : LargestOwnError);
        return _looser * Math.Max(Tolerance, OwnErrors * Math.Min(largest, OwnError(name)));
    }

    private void CompareGradient(string name, float[] found, params ReadOnlySpan<int> dimensions)
    {
        double[] truth = _file.Values($"{_truth}grad.{name}", dimensions);
        double tolerance = _looser * Math.Max(GradientTolerance * Quantity.Largest(truth), GradientNoise * LargestGradient);
        _quantities.Add(Quantity.Compare($"gradient of {name}", Wide(found), truth, tolerance));
    }

    /// <summary>
    /// Distance of the framework's single precision from its double; 0 where the file does not hold both. Bounded, so that a falsified
    /// truth cannot widen its own tolerance.
    /// </summary>
    private double OwnError(string name)
    {
        if (_truth == "expected." || !_file.Has("expected." + name))
            return 0;
        Numbers truth = _file[_truth + name];
        return Math.Min(LargestSaturatedError, Quantity.LargestDifference(_file.Values("expected." + name, [.. truth.Dimensions]), truth.Values));
    }

    /// <summary>Copies one state variable from [layers * D, B, H] into [layers * D, variables, B, H].</summary>
    private void Fill(Span<float> states, double[]? values, int variable)
    {
        int block = _rows * Shape.Hidden;
        for (int i = 0; i < values?.Length; i++)
            states[(i / block * Shape.StateVariables + variable) * block + i % block] = (float)values[i];
    }

    /// <summary>The reverse.</summary>
    private float[] Pick(float[] states, int variable)
    {
        int block = _rows * Shape.Hidden;
        float[] picked = new float[States * block];
        for (int state = 0; state < States; state++)
            states.AsSpan((state * Shape.StateVariables + variable) * block, block).CopyTo(picked.AsSpan(state * block));
        return picked;
    }

    internal static double[] Wide(float[] values) => Array.ConvertAll(values, value => (double)value);
}
