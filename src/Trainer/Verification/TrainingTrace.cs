using System.Globalization;
using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Training;
using StreamRnn.Trainer.Fit;

namespace StreamRnn.Trainer.Verification;

/// <summary>
/// A reference run of an optimiser over one full batch: <c>init.*</c> parameters, <c>input</c> and <c>target</c> ([T, B, ...] values, or token
/// ids), and what an established framework saw: <c>loss</c> and <c>grad_norm_before_clip</c> of each step, <c>final.*</c> parameters, with
/// their <c>_f64</c> twins as the truth. The loss is the mean squared error over all elements or the mean cross-entropy; gradients are clipped
/// by their total norm. Everything is held to 1e-5 of its largest entry, final parameters to 10 times the framework's own error where that
/// is more, and all of it to 10 times what single precision leaves open where the run is that ill-conditioned.
/// </summary>
/// <remarks>
/// RMSprop's first step is 10 learning rates in the direction of the sign of each gradient, so a gradient near zero is stepped either way. How
/// much that matters is measured and not taken from the file, whose truth may be wrong: the trace is run again with parameters that the
/// network sees one rounding off at every step, and each step is allowed ten times the spread around it.
/// </remarks>
internal sealed class TrainingTrace
{
    private const double Tolerance = 1e-5;
    private const double OwnErrors = 10;
    private const double LargestOwnError = 1e-5;   // so that a truth that was tampered with does not make room for itself
    private const int Probes = 4;
    private const double LargestSpread = 1e-3;     // of the largest entry; beyond ten of these a trace says nothing
    private const int NearSteps = 3;               // the spread of one step may be small by chance
    private const float Rounding = 1.1920929e-7f;  // 2^-23

    private readonly TensorSet _file;
    private readonly ModelFile _model;
    private readonly bool _isTokens;
    private readonly int _count;
    private readonly List<Quantity> _quantities = [];

    private TrainingTrace(TensorSet file)
    {
        _file = file;
        _model = ReadModel();
        if (_model.Shape.Outputs == 0)
            throw file.Refuse("init.head.weight is missing: a training trace has a linear head; was the file written completely?");
        _isTokens = _model.Shape.Vocabulary > 0;
        double[] truth = Truth("loss").Values;
        _count = truth.Length;
        if (file.Number("steps") is double steps && steps != truth.Length)
            throw file.Refuse($"metadata steps is {steps}, and there are {truth.Length} losses; one of them belongs to another trace");
    }

    public static bool IsOne(TensorSet file) => file.HasAny("init.");

    public static CheckResult Check(TensorSet file)
    {
        var trace = new TrainingTrace(file);
        OptimiserSettings settings = trace.Settings();
        Course course = trace.Run(settings);
        Course[] probes = [.. Enumerable.Range(1, Probes).Select(seed => trace.Run(settings, new Random(seed)))];
        trace.Compare("loss", course, probes, one => one.Losses);
        if (file.Has("grad_norm_before_clip_f64") || file.Has("grad_norm_before_clip"))
            trace.Compare("grad_norm_before_clip", course, probes, one => one.Norms);
        trace.CompareParameters(course, probes);
        return new CheckResult(file.File, "training trace", string.Create(CultureInfo.InvariantCulture,
            $"{trace._model.Shape}, {trace._count} steps of {settings.Kind} at {settings.LearningRate}"), trace._quantities);
    }

    private ModelFile ReadModel()
    {
        string[] names = [.. _file.Names.Where(name => name.StartsWith("init.", StringComparison.Ordinal))];
        Dictionary<string, string> facts = [];
        if (_file.Facts.TryGetValue("cell", out string? cell))
            facts["cell"] = CellCase.Cell(cell);
        return ModelFile.Parse(_file.File, SafeTensors.Format(facts, names.Select(name =>
            (name["init.".Length..], _file[name].Dimensions, (ReadOnlyMemory<float>)_file[name].Floats))));
    }

    /// <summary>The rule by name, with the settings the reference uses unless the file states others.</summary>
    private OptimiserSettings Settings()
    {
        string name = _file.Fact("optimizer", "add it to the metadata: adam, adamw, sgd, sgd_momentum or rmsprop").ToLowerInvariant();
        OptimiserSettings settings = name switch
        {
            "adam" => new(OptimiserKind.Adam) { LearningRate = 0.01 },
            "adamw" => new(OptimiserKind.AdamW) { LearningRate = 0.01, WeightDecay = 0.01 },
            "sgd" => new(OptimiserKind.Sgd) { LearningRate = 0.05 },
            "sgd_momentum" => new(OptimiserKind.Sgd) { LearningRate = 0.02, Momentum = 0.9 },
            "rmsprop" => new(OptimiserKind.RmsProp) { LearningRate = 0.005 },
            _ => throw _file.Refuse($"metadata optimizer is '{name}'; known are adam, adamw, sgd, sgd_momentum and rmsprop"),
        };
        return settings with
        {
            LearningRate = _file.Number("lr") ?? settings.LearningRate,
            Momentum = _file.Number("momentum") ?? settings.Momentum,
            WeightDecay = _file.Number("weight_decay") ?? settings.WeightDecay,
            Alpha = _file.Number("alpha") ?? settings.Alpha,
            Epsilon = _file.Number("eps") ?? settings.Epsilon,
        };
    }

    /// <param name="noise">If given, the network sees every parameter one rounding up or down at every step.</param>
    private Course Run(OptimiserSettings settings, Random? noise = null)
    {
        ModelShape shape = _model.Shape;
        IReadOnlyList<int> input = _file["input"].Dimensions;
        (int rank, string expected) = _isTokens ? (2, "[T, B]") : (3, $"[T, B, {shape.Inputs}]");
        if (input.Count != rank || input.Contains(0) || (!_isTokens && input[2] != shape.Inputs))
            throw _file.Refuse($"input is [{string.Join(", ", input)}], {expected} is expected for {shape}");
        (int steps, int rows) = (input[0], input[1]);

        var batch = new WindowBatch(shape, rows, steps, OutputsAt.EveryStep);
        if (_isTokens)
            Tokens("input", shape.Vocabulary).CopyTo(batch.Tokens);
        else
            _file["input"].Floats.CopyTo(batch.Inputs);
        (Loss loss, float[] targets) = Targets(steps, rows);
        double clip = _file.Number("clip_norm") ?? throw _file.Refuse("neither its metadata nor training_traces.json beside it says clip_norm; add it, 0 for none");

        float[] parameters = _model.Parameters.ToArray(), gradient = new float[parameters.Length];
        var optimiser = new Optimiser(settings, parameters.Length);
        using WindowNetwork network = WindowNetwork.Create(shape, rows, steps);
        Slot[] untrained = [.. network.Layout.Parameters.Where(parameter => !IsTrained(parameter)).Select(parameter => parameter.Slot)];
        (double[] losses, double[] norms) = (new double[_count], new double[_count]);
        for (int step = 0; step < _count; step++)
        {
            network.SetParameters(noise is null ? parameters : Array.ConvertAll(parameters, value => value * (1 + (noise.Next(2) * 2 - 1) * Rounding)));
            network.Forward(batch);
            losses[step] = loss.Evaluate(batch.Outputs, targets, batch.OutputGradients).Mean;
            network.Backward(batch, gradient);
            foreach (Slot slot in untrained)
                slot.In(gradient.AsSpan()).Clear();
            norms[step] = Gradient.Norm(gradient);
            if (clip > 0)
                Gradient.ClipByNorm(gradient, norms[step], clip);
            optimiser.Step(parameters, gradient, settings.LearningRate);
        }

        return new Course(losses, norms, parameters);
    }

    /// <summary>A bias that the trace begins without (bias=False) is zero and stays it: it has no part in the gradient.</summary>
    private bool IsTrained(Parameter parameter)
    {
        string name = parameter.Name[parameter.Name.IndexOf('.', StringComparison.Ordinal)..];
        return !name.Contains("bias", StringComparison.Ordinal)
            || _file.Names.Any(one => one.StartsWith("init.", StringComparison.Ordinal) && one.EndsWith(name, StringComparison.Ordinal));
    }

    private (Loss Loss, float[] Targets) Targets(int steps, int rows)
    {
        int outputs = _model.Shape.Outputs;
        bool isClasses = _file.Facts.TryGetValue("kind", out string? kind) ? kind.ToLowerInvariant() switch
        {
            "ce" or "cross_entropy" => true,
            "mse" => false,
            _ => throw _file.Refuse($"metadata kind is '{kind}'; known are mse and ce"),
        } : _file["target"].Dimensions.Count == 2;
        if (isClasses)
        {
            _file.Values("target", steps, rows);
            return (new CrossEntropyLoss(outputs), Array.ConvertAll(Tokens("target", outputs), token => (float)token));
        }

        return (Loss.MeanSquared, Array.ConvertAll(_file.Values("target", steps, rows, outputs), value => (float)value));
    }

    private int[] Tokens(string name, int count)
    {
        double[] values = _file[name].Values;
        int bad = Array.FindIndex(values, value => value < 0 || value >= count || value != Math.Floor(value));
        return bad < 0 ? Array.ConvertAll(values, value => (int)value)
            : throw _file.Refuse($"{name}[{bad}] is {values[bad].ToString(CultureInfo.InvariantCulture)}, a whole number from 0 to {count - 1} is expected");
    }

    private void CompareParameters(Course course, Course[] probes)
    {
        string prefix = _file.HasAny("final_f64.") ? "final_f64." : "final.";
        foreach (Parameter parameter in new ParameterLayout(_model.Shape).Parameters)
        {
            if (!_file.Has($"init.{parameter.Name}"))
                continue;   // bias=False
            double[] truth = _file.Values(prefix + parameter.Name, [.. parameter.Dimensions]);
            double own = prefix == "final_f64." && _file.Has($"final.{parameter.Name}")
                ? Quantity.LargestDifference(_file.Values($"final.{parameter.Name}", [.. parameter.Dimensions]), truth) : 0;
            double[] found = Final(course, parameter);
            double spread = probes.Max(probe => Quantity.LargestDifference(Final(probe, parameter), found));
            _quantities.Add(Quantity.Compare($"final {parameter.Name}", found, truth,
                Math.Max(Tolerance * Quantity.Largest(truth), OwnErrors * Math.Max(Math.Min(own, LargestOwnError), Math.Min(spread, LargestSpread * Quantity.Largest(truth))))));
        }
    }

    private static double[] Final(Course course, Parameter parameter) => CellCase.Wide(parameter.Slot.In(course.Parameters).ToArray());

    private void Compare(string name, Course course, Course[] probes, Func<Course, double[]> of)
    {
        double[] found = of(course), truth = Truth(name).Values;
        if (truth.Length != found.Length)
            throw _file.Refuse($"{name} has {truth.Length} steps and loss {found.Length}; was the file written completely?");
        double largest = Quantity.Largest(truth);
        double[] spread = [.. found.Select((value, step) => probes.Max(probe => Math.Abs(of(probe)[step] - value)))];
        double[] tolerances = [.. found.Select((_, step) =>
            Math.Max(Tolerance * largest, OwnErrors * Math.Min(spread[Math.Max(step - NearSteps, 0)..Math.Min(step + NearSteps + 1, spread.Length)].Max(), LargestSpread * largest)))];
        _quantities.Add(Quantity.Compare(name, found, truth, tolerances));
    }

    private Numbers Truth(string name)
    {
        Numbers truth = _file[_file.Has(name + "_f64") ? name + "_f64" : name];
        return truth.Values.Length > 0 ? truth : throw _file.Refuse($"{name} is empty; was the file written completely?");
    }

    /// <param name="Losses">Of each step.</param>
    /// <param name="Norms">Of each step's gradient before clipping.</param>
    /// <param name="Parameters">After the last step.</param>
    private sealed record Course(double[] Losses, double[] Norms, float[] Parameters);
}
