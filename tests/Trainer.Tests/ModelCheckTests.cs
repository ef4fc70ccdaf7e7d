using System.Globalization;
using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;
using StreamRnn.Trainer.Verification;

namespace StreamRnn.Trainer.Tests;

public sealed class ModelCheckTests : IDisposable
{
    private const string Case = "lstm_2layer.safetensors";
    private const string Trace = "train_lstm_mse_adam.safetensors";

    private static readonly string TracesFolder = Path.Combine(ReferenceFile.Folder, "..", "traces");

    private readonly string _folder = Directory.CreateTempSubdirectory("check").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string> References() =>
        [.. Directory.GetFiles(ReferenceFile.Folder).Select(path => Path.GetFileName(path)!).Where(name => name.Contains("layer") || name.StartsWith("train_", StringComparison.Ordinal))];

    public static TheoryData<string> Traces() => [.. Directory.GetFiles(TracesFolder, "*.safetensors").Select(path => Path.GetFileName(path)!)];

    [Theory, MemberData(nameof(Traces))]
    public void A_trace_in_double_precision_comes_out_with_and_without_biases_and_where_it_is_ill_conditioned(string name)
    {
        CheckResult result = ModelCheck.Check(Path.Combine(TracesFolder, name), data: null);
        Assert.All(result.Quantities, quantity => Assert.True(quantity.Holds, $"{quantity.Name}: {quantity.AbsoluteError:g3}, allowed {quantity.Tolerance:g3}"));
    }

    [Theory]
    [InlineData("loss_f64", 0, 1e-4)]
    [InlineData("loss_f64", 15, 3e-2)]
    [InlineData("grad_norm_before_clip_f64", 0, 1e-4)]
    [InlineData("grad_norm_before_clip_f64", 29, 0.1)]
    [InlineData("final_f64.head.bias", 0, 3e-2)]
    public void Ill_conditioning_makes_no_room_for_a_truth_that_was_tampered_with(string truth, int at, double change)
    {
        ReferenceFile file = ReferenceFile.Read("../traces/train_gru_rmsprop.safetensors");
        file.Doubles(truth)[at] += change;
        Assert.False(ModelCheck.Check(file.Write(_folder, "a.safetensors"), data: null).Holds);
    }

    [Theory, MemberData(nameof(References))]
    public void What_PyTorch_computed_comes_out_within_the_stated_tolerance(string name)
    {
        CheckResult result = ModelCheck.Check(Path.Combine(ReferenceFile.Folder, name), data: null);
        Assert.All(result.Quantities, quantity => Assert.True(quantity.Holds, $"{quantity.Name}: {quantity.AbsoluteError:g3}, allowed {quantity.Tolerance:g3}"));
        Assert.True(result.Holds);
    }

    [Fact]
    public void Every_output_state_and_gradient_of_a_case_is_compared_and_streaming_gives_the_bits_of_the_window()
    {
        CheckResult result = ModelCheck.Check(Path.Combine(ReferenceFile.Folder, Case), data: null);
        string[] weights = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_ih_l1", "weight_hh_l1", "bias_ih_l1", "bias_hh_l1"];
        Assert.Equal(
            [
                "output, stepped", "hn, stepped", "cn, stepped", "output, window", "hn, window", "cn, window", "window beside stepped", "loss",
                .. weights.Concat(["input", "h0", "c0"]).Select(name => $"gradient of {name}"),
            ],
            result.Quantities.Select(quantity => quantity.Name));
        Assert.Equal(0, result.Quantities.Single(quantity => quantity.Name == "window beside stepped").AbsoluteError);
    }

    [Theory]
    [InlineData(Case)]
    [InlineData("gru_2layer_bidir.safetensors")]
    [InlineData("rnn_tanh_1layer_nobias.safetensors")]
    public void A_case_without_metadata_and_without_an_index_beside_it_is_recognised_by_its_tensors(string name)
    {
        ReferenceFile file = ReferenceFile.Read(name);
        file.Metadata.Clear();
        Assert.True(ModelCheck.Check(file.Write(_folder, "a.safetensors"), data: null).Holds);
    }

    [Theory]
    [InlineData("weight_ih_l0")]
    [InlineData("weight_hh_l1")]
    [InlineData("bias_hh_l0")]
    public void Swapped_gates_do_not_hold(string weight)
    {
        ReferenceFile file = ReferenceFile.Read(Case);
        Span<float> values = file.Floats(weight);
        int gate = values.Length / 4;
        for (int i = 0; i < gate; i++)
            (values[i], values[gate + i]) = (values[gate + i], values[i]);   // input and forget
        Assert.False(ModelCheck.Check(file.Write(_folder, Case), data: null).Holds);
    }

    [Theory]
    [InlineData("output")]
    [InlineData("cn")]
    [InlineData("loss")]
    [InlineData("grad.weight_ih_l0")]
    [InlineData("grad.h0")]
    public void A_truth_that_was_tampered_with_makes_no_room_for_itself(string truth)
    {
        ReferenceFile file = ReferenceFile.Read(Case);
        file.Doubles("expected_f64." + truth)[0] += 1e-3;
        CheckResult result = ModelCheck.Check(file.Write(_folder, Case), data: null);
        Assert.Contains(result.Quantities, quantity => !quantity.Holds);
    }

    [Theory]
    [InlineData("lstm_1layer_tiny.safetensors", "output")]
    [InlineData("lstm_1layer_tiny.safetensors", "hn")]
    [InlineData("lstm_1layer_tiny.safetensors", "cn")]
    [InlineData("gru_2layer.safetensors", "output")]
    public void A_slight_change_of_the_truth_is_found_without_an_index_that_states_the_error(string name, string truth)
    {
        foreach (double change in (double[])[5e-6, -5e-6])
        {
            ReferenceFile file = ReferenceFile.Read(name);
            file.Doubles("expected_f64." + truth)[1] += change;
            Assert.False(ModelCheck.Check(file.Write(_folder, name), data: null).Holds);
        }
    }

    [Theory, MemberData(nameof(References))]
    public void A_case_comes_out_without_the_index_too(string name)
    {
        string alone = Path.Combine(_folder, name);
        File.Copy(Path.Combine(ReferenceFile.Folder, name), alone);
        if (name.StartsWith("train_", StringComparison.Ordinal))
            File.Copy(Path.Combine(ReferenceFile.Folder, "training_traces.json"), Path.Combine(_folder, "training_traces.json"));
        Assert.True(ModelCheck.Check(alone, data: null).Holds);
    }

    [Theory]
    [InlineData("weight_hh_l0", "weight_hh_l0")]
    [InlineData("input", "input[0]")]
    [InlineData("h0", "h0[0]")]
    public void What_is_no_number_is_refused_by_name_and_place(string tensor, string place)
    {
        ReferenceFile file = ReferenceFile.Read(Case);
        file.Floats(tensor)[0] = float.NaN;
        string message = Assert.Throws<InvalidDataException>(() => ModelCheck.Check(file.Write(_folder, Case), data: null)).Message;
        Assert.StartsWith(Case, message);
        Assert.Contains(place, message);
        Assert.Contains("NaN", message);
    }

    [Fact]
    public void A_truth_that_is_no_number_is_refused()
    {
        ReferenceFile file = ReferenceFile.Read(Case);
        file.Doubles("expected_f64.grad.h0")[3] = double.PositiveInfinity;
        Assert.Contains("expected_f64.grad.h0[3]", Assert.Throws<InvalidDataException>(() => ModelCheck.Check(file.Write(_folder, Case), data: null)).Message);
    }

    [Theory]
    [InlineData("expected_f64.hn")]
    [InlineData("expected_f64.grad.bias_hh_l1")]
    [InlineData("expected_f64.grad.input")]
    [InlineData("expected_f64.loss")]
    [InlineData("loss_weight.output")]
    [InlineData("input")]
    [InlineData("weight_hh_l0")]
    public void What_is_missing_is_named(string tensor)
    {
        ReferenceFile file = ReferenceFile.Read(Case);
        file.Tensors.Remove(tensor);
        Assert.Contains(tensor, Assert.Throws<InvalidDataException>(() => ModelCheck.Check(file.Write(_folder, Case), data: null)).Message);
    }

    [Theory]
    [InlineData("h0", "[2, 3, 7] is expected")]
    [InlineData("expected_f64.output", "[9, 3, 7] is expected")]
    [InlineData("expected_f64.grad.weight_ih_l1", "[28, 7] is expected")]
    [InlineData("input", "[T, B, 5] is expected")]
    [InlineData("weight_hh_l1", "is expected")]
    public void Wrong_dimensions_are_named_beside_the_right_ones(string tensor, string expected)
    {
        ReferenceFile file = ReferenceFile.Read(Case);
        (string type, int[] dimensions, byte[] data) = file.Tensors[tensor];
        file.Tensors[tensor] = (type, [dimensions.Aggregate((a, b) => a * b)], data);
        string message = Assert.Throws<InvalidDataException>(() => ModelCheck.Check(file.Write(_folder, Case), data: null)).Message;
        Assert.Contains(tensor, message);
        Assert.Contains(expected, message);
    }

    [Theory]
    [InlineData("hidden_size", "8")]
    [InlineData("cell", "gru")]
    [InlineData("batch", "4")]
    [InlineData("bias", "False")]
    public void Metadata_that_contradicts_the_tensors_is_refused(string key, string value)
    {
        ReferenceFile file = ReferenceFile.Read(Case);
        file.Metadata[key] = value;
        Assert.Contains(key, Assert.Throws<InvalidDataException>(() => ModelCheck.Check(file.Write(_folder, Case), data: null)).Message);
    }

    [Fact]
    public void A_file_cut_short_is_refused_wherever_it_was_cut()
    {
        byte[] bytes = File.ReadAllBytes(Path.Combine(ReferenceFile.Folder, Case));
        string path = Path.Combine(_folder, Case);
        foreach (int length in (int[])[0, 7, 100, 4000, bytes.Length / 2, bytes.Length - 1])
        {
            File.WriteAllBytes(path, bytes[..length]);
            Assert.StartsWith(Case, Assert.Throws<InvalidDataException>(() => ModelCheck.Check(path, data: null)).Message);
        }
    }

    [Fact]
    public void Facts_are_taken_from_the_index_beside_a_file_that_does_not_state_them()
    {
        ReferenceFile file = ReferenceFile.Read(Trace);
        file.Metadata.Clear();
        string path = file.Write(_folder, Trace);
        Assert.Contains("optimizer", Assert.Throws<InvalidDataException>(() => ModelCheck.Check(path, data: null)).Message);

        File.Copy(Path.Combine(ReferenceFile.Folder, "training_traces.json"), Path.Combine(_folder, "training_traces.json"));
        Assert.True(ModelCheck.Check(path, data: null).Holds);
    }

    [Theory]
    [InlineData("loss_f64")]
    [InlineData("grad_norm_before_clip_f64")]
    [InlineData("final_f64.head.bias")]
    public void A_trace_whose_truth_was_tampered_with_does_not_hold(string truth)
    {
        ReferenceFile file = ReferenceFile.Read(Trace);
        file.Doubles(truth)[^1] += 1e-3;
        Assert.False(ModelCheck.Check(file.Write(_folder, Trace), data: null).Holds);
    }

    [Theory]
    [InlineData("optimizer", "adamax")]
    [InlineData("clip_norm", "tight")]
    [InlineData("steps", "29")]
    [InlineData("kind", "hinge")]
    public void A_trace_with_settings_unknown_here_is_refused(string key, string value)
    {
        ReferenceFile file = ReferenceFile.Read(Trace);
        file.Metadata[key] = value;
        Assert.Contains(key, Assert.Throws<InvalidDataException>(() => ModelCheck.Check(file.Write(_folder, Trace), data: null)).Message);
    }

    [Fact]
    public void A_trace_of_another_optimiser_does_not_hold()
    {
        ReferenceFile file = ReferenceFile.Read(Trace);
        file.Metadata["optimizer"] = "rmsprop";
        Assert.False(ModelCheck.Check(file.Write(_folder, Trace), data: null).Holds);
    }

    [Fact]
    public void A_model_of_ours_is_held_to_its_golden_vectors()
    {
        ModelShape shape = new(CellKind.Gru, 2, 5, outputs: 1);
        byte[] bytes = ModelFile.Format(shape, Parameters(shape), new Dictionary<string, string>());
        string path = Path.Combine(_folder, "m.safetensors");
        File.WriteAllBytes(path, bytes);
        Assert.Equal(16 + 5, Assert.Single(ModelCheck.Check(path, data: null).Quantities).Count);

        bytes[^1] ^= 0x40;   // the exponent of the head's bias
        File.WriteAllBytes(path, bytes);
        Assert.Contains("golden vectors", Assert.Throws<InvalidDataException>(() => ModelCheck.Check(path, data: null)).Message);
    }

    [Fact]
    public void A_model_with_nothing_to_hold_it_against_is_refused()
    {
        string message = Assert.Throws<InvalidDataException>(() => ModelCheck.Check(Path.Combine(ReferenceFile.Folder, "lstm_etth1_ot.safetensors"), data: null)).Message;
        Assert.Contains("nothing to hold it against", message);
    }

    [Fact]
    public void A_model_trained_elsewhere_is_held_to_what_it_forecast_there()
    {
        string data = TrainedElsewhere(rows: 40, out string model);
        CheckResult result = ModelCheck.Check(model, data);
        Assert.True(result.Holds);
        Assert.Equal(["prediction_norm", "prediction_raw", "prediction_raw, of the worker", "state_h_after_40", "state_c_after_40"], result.Quantities.Select(quantity => quantity.Name));

        Assert.Contains("--data", Assert.Throws<InvalidDataException>(() => ModelCheck.Check(model, data: null)).Message);
        Assert.Contains("name the model itself", Assert.Throws<InvalidDataException>(() => ModelCheck.Check(Path.Combine(_folder, "m_expected.safetensors"), data)).Message);
        Assert.Equal([model], ModelCheck.Find(_folder));

        string[] rows = File.ReadAllLines(data);
        File.WriteAllLines(data, rows[..20]);
        Assert.Contains("19 rows", Assert.Throws<InvalidDataException>(() => ModelCheck.Check(model, data)).Message);
        rows[7] = "2026-01-01,7,gone";
        File.WriteAllLines(data, rows);
        Assert.Contains("line 8", Assert.Throws<InvalidDataException>(() => ModelCheck.Check(model, data)).Message);
        rows[7] = "2026-01-01,7,17.25";
        File.WriteAllLines(data, rows);
        Assert.False(ModelCheck.Check(model, data).Holds);
    }

    [Theory]
    [InlineData("row,prediction_norm_f64", false)]
    [InlineData("prediction_norm,comment", true)]
    public void Forecasts_in_a_csv_do_as_well(string header, bool valueFirst)
    {
        string data = TrainedElsewhere(rows: 20, out string model);
        string tensors = Path.Combine(_folder, "m_expected.safetensors"), csv = Path.ChangeExtension(tensors, ".csv");
        SafeTensors file = new("m", File.ReadAllBytes(tensors));
        double[] norm = file.Doubles(file.Tensors["prediction_norm_f64"]);
        File.Delete(tensors);
        File.WriteAllLines(csv, [header, .. norm.Select((value, row) => valueFirst ? FormattableString.Invariant($"{value:R},x") : FormattableString.Invariant($"{row},{value:R}"))]);

        CheckResult result = ModelCheck.Check(model, data);
        Assert.True(result.Holds);
        Assert.Equal("prediction_norm, of the csv", Assert.Single(result.Quantities).Name);

        File.WriteAllLines(csv, ["row,forecast", "0,1"]);
        Assert.Contains("prediction_norm", Assert.Throws<InvalidDataException>(() => ModelCheck.Check(model, data)).Message);
    }

    [Theory]
    [InlineData("norm_std", "[0]")]
    [InlineData("norm_mean", "about 17")]
    [InlineData("inputs", "OT,LUFL")]
    [InlineData("norm_mean", null)]
    public void Normalisation_that_cannot_be_meant_is_refused(string key, string? value)
    {
        string data = TrainedElsewhere(rows: 4, out _, (metadata) =>
        {
            if (value is null)
                metadata.Remove(key);
            else
                metadata[key] = value;
        });
        string message = Assert.Throws<InvalidDataException>(() => ModelCheck.Check(Path.Combine(_folder, "m.safetensors"), data)).Message;
        Assert.Contains(key, message);
    }

    [Fact]
    public void A_folder_without_files_and_a_file_of_another_kind_are_refused()
    {
        Assert.Contains("no .safetensors", Assert.Throws<InvalidDataException>(() => ModelCheck.Find(_folder)).Message);
        Assert.Contains("no such file", Assert.Throws<InvalidDataException>(() => ModelCheck.Find(Path.Combine(_folder, "nowhere"))).Message);
        Assert.Contains("is expected", Assert.Throws<InvalidDataException>(() => ModelCheck.Check(Path.Combine(_folder, "a.pt"), data: null)).Message);
    }

    /// <summary>A small model, a recording and the forecasts that the formulas in double precision make of it.</summary>
    private string TrainedElsewhere(int rows, out string model, Action<Dictionary<string, string>>? change = null)
    {
        ModelShape shape = new(CellKind.Lstm, 1, 4, outputs: 1);
        float[] parameters = Parameters(shape);
        ReferenceFile file = new();
        foreach (Parameter parameter in new ParameterLayout(shape).Parameters)
            file.Set(parameter.Name, [.. parameter.Dimensions], parameter.Slot.In(parameters).ToArray());
        foreach ((string key, string value) in ((string, string)[])[("cell", "lstm"), ("inputs", "OT"), ("target", "OT"), ("norm_mean", "[17.5]"), ("norm_std", "[4.25]")])
            file.Metadata[key] = value;
        change?.Invoke(file.Metadata);
        model = file.Write(_folder, "m.safetensors");

        double[] values = [.. Enumerable.Range(0, rows).Select(row => 17 + 3 * Math.Sin(row / 3.0))], norm = new double[rows];
        (double[] h, double[] c) = (new double[4], new double[4]);
        for (int t = 0; t < rows; t++)
            norm[t] = Step(parameters, (float)((values[t] - 17.5) / 4.25), h, c);
        ReferenceFile expected = new();
        expected.Set("prediction_norm_f64", [rows], norm);
        expected.Set("prediction_raw_f64", [rows], Array.ConvertAll(norm, z => z * 4.25 + 17.5));
        expected.Set($"state_h_after_{rows}", [1, 4], Array.ConvertAll(h, value => (float)value));
        expected.Set($"state_c_after_{rows}", [1, 4], Array.ConvertAll(c, value => (float)value));
        expected.Write(_folder, "m_expected.safetensors");

        string data = Path.Combine(_folder, "data.csv");
        File.WriteAllLines(data, ["date,other,OT", .. values.Select((value, row) => string.Create(CultureInfo.InvariantCulture, $"{1700000000 + 3600 * row},0,{value:R}"))]);
        return data;
    }

    /// <summary>One LSTM layer of 4 units with a head, gates i, f, g, o; the parameters as in a state dict.</summary>
    private static double Step(float[] p, float x, double[] h, double[] c)
    {
        const int H = 4;
        double[] a = new double[4 * H];
        for (int row = 0; row < a.Length; row++)
        {
            a[row] = p[row] * x + p[20 * H + row] + p[24 * H + row];
            for (int k = 0; k < H; k++)
                a[row] += p[4 * H + row * H + k] * h[k];
        }

        double y = p[^1];
        for (int j = 0; j < H; j++)
        {
            c[j] = Sigmoid(a[H + j]) * c[j] + Sigmoid(a[j]) * Math.Tanh(a[2 * H + j]);
            h[j] = Sigmoid(a[3 * H + j]) * Math.Tanh(c[j]);
            y += p[28 * H + j] * h[j];
        }

        return y;

        static double Sigmoid(double z) => 1 / (1 + Math.Exp(-z));
    }

    /// <summary>Between -0.5 and 0.5, seed 11.</summary>
    private static float[] Parameters(ModelShape shape)
    {
        Random random = new(11);
        return [.. Enumerable.Range(0, new ParameterLayout(shape).Length).Select(_ => random.NextSingle() - 0.5f)];
    }
}
