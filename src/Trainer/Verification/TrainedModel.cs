using System.Globalization;
using System.Text.Json;
using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;
using StreamRnn.Detection;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Recordings;

namespace StreamRnn.Trainer.Verification;

/// <summary>
/// A model trained elsewhere, with what it forecast there for the rows of a recording: <c>NAME.safetensors</c> with the columns it reads
/// (<c>inputs</c>, <c>target</c>) and their <c>norm_mean</c> and <c>norm_std</c> in its metadata, and beside it <c>NAME_expected.safetensors</c> or
/// <c>NAME_expected.csv</c>: <c>prediction_norm_f64</c> of each row, made after reading it, from zero state on; <c>prediction_raw_f64</c> in the
/// target's unit; <c>state_h_after_N</c>, <c>state_c_after_N</c> [layers, H]. Held to 1e-5 on the normalised value.
/// </summary>
internal sealed class TrainedModel
{
    private const double Tolerance = 1e-5;
    private const string Expected = "_expected";

    private readonly TensorSet _file;
    private readonly ModelFile _model;
    private readonly string[] _inputs;
    private readonly double[] _means, _deviations;
    private readonly int _target;
    private readonly List<Quantity> _quantities = [];

    private TrainedModel(TensorSet file)
    {
        _file = file;
        _model = ModelFile.Load(file.Path);
        ModelShape shape = _model.Shape;
        if (!_model.CanStep || shape.Outputs == 0 || shape.Vocabulary > 0)
            throw file.Refuse($"{shape} forecasts no value event by event; a recurrent network in one direction with a linear head is expected");
        _inputs = Texts("inputs");
        (_means, _deviations) = (List("norm_mean"), List("norm_std"));
        if (_inputs.Length != shape.Inputs || _means.Length < _inputs.Length || _deviations.Length != _means.Length)
            throw file.Refuse($"inputs names {_inputs.Length} columns, norm_mean {_means.Length}, norm_std {_deviations.Length}, and the network reads {shape.Inputs}");
        int bad = Array.FindIndex(_deviations, deviation => deviation <= 0);
        if (bad >= 0)
            throw file.Refuse($"norm_std[{bad}] is {_deviations[bad].ToString(CultureInfo.InvariantCulture)}, a positive number is expected");
        _target = file.Facts.TryGetValue("target", out string? target) ? Array.IndexOf(_inputs, target) : 0;
        if (_target < 0 && _means.Length == _inputs.Length + 1)
            _target = _inputs.Length;   // it is not read, and its scale stands last
    }

    /// <summary>Paths of forecasts made elsewhere; empty where there is no such file.</summary>
    public static IEnumerable<string> ExpectedFiles(string model) =>
        ((string[])[".safetensors", ".csv"]).Select(ending => Path.ChangeExtension(model, null) + Expected + ending).Where(File.Exists);

    /// <summary>True for a file of forecasts, false for a model.</summary>
    public static bool IsExpected(string path) => Path.GetFileNameWithoutExtension(path).EndsWith(Expected, StringComparison.Ordinal);

    /// <param name="data">The recording.</param>
    public static CheckResult Check(TensorSet file, string? data)
    {
        if (data is null)
            throw file.Refuse("its forecasts are for the rows of a recording; name it with --data CSV");
        var model = new TrainedModel(file);
        int rows = 0;
        foreach (string path in ExpectedFiles(file.Path))
        {
            if (path.EndsWith(".csv", StringComparison.Ordinal))
                rows = Math.Max(rows, model.CheckCsv(path, data));
            else
                rows = Math.Max(rows, model.CheckTensors(new TensorSet(path), data));
        }

        return new CheckResult(file.File, "trained model", string.Create(CultureInfo.InvariantCulture, $"{model._model.Shape}, {rows} rows of {Path.GetFileName(data)}"), model._quantities);
    }

    private int CheckTensors(TensorSet expected, string data)
    {
        double[] norm = expected[expected.Has("prediction_norm_f64") ? "prediction_norm_f64" : "prediction_norm"].Values;
        if (norm.Length == 0)
            throw expected.Refuse("there are no forecasts in it; was it written completely?");
        double[][] rows = Read(data, norm.Length);
        Run run = Step(rows);
        Compare("prediction_norm", run.Forecasts, norm, Tolerance);
        if (_target >= 0 && expected.Has("prediction_raw_f64"))
        {
            CompareRaw("prediction_raw", run.Forecasts, expected.Values("prediction_raw_f64", norm.Length));
            CompareWorker(rows, expected.Values("prediction_raw_f64", norm.Length));
        }

        ModelShape shape = _model.Shape;
        foreach ((string variable, int index) in ((string, int)[])[("h", 0), ("c", 1)])
        {
            string name = $"state_{variable}_after_{norm.Length}";
            if (index < shape.StateVariables && expected.Has(name))
                Compare(name, run.State(shape, index), expected.Values(name, shape.Layers, shape.Hidden), Tolerance);
        }

        return norm.Length;
    }

    private int CheckCsv(string path, string data)
    {
        Dictionary<string, double[]> columns = ReadColumns(path);
        if (!columns.TryGetValue("prediction_norm_f64", out double[]? norm) && !columns.TryGetValue("prediction_norm", out norm))
            throw new InvalidDataException($"{Path.GetFileName(path)}: there is no column prediction_norm_f64 or prediction_norm; its columns are {string.Join(", ", columns.Keys)}.");
        double[] rows = columns.TryGetValue("row", out double[]? numbers) ? numbers : [.. Enumerable.Range(0, norm.Length).Select(row => (double)row)];
        if (rows.Length == 0 || rows.Min() < 0 || rows.Any(row => row != Math.Floor(row)))
            throw new InvalidDataException($"{Path.GetFileName(path)}: whole rows from 0 on are expected in it; was it written completely?");
        Run run = Step(Read(data, (int)rows.Max() + 1));
        double[] found = [.. rows.Select(row => run.Forecasts[(int)row])];
        Compare("prediction_norm, of the csv", found, norm, Tolerance);
        if (_target >= 0 && columns.TryGetValue("prediction_raw_f64", out double[]? raw))
            CompareRaw("prediction_raw, of the csv", found, raw);
        return (int)rows.Max() + 1;
    }

    /// <summary>Every column of numbers, by name.</summary>
    private static Dictionary<string, double[]> ReadColumns(string path)
    {
        using CsvRecording csv = CsvRecording.Open(path);
        List<double>[] columns = [.. csv.ValueColumns.Select(_ => new List<double>())];
        while (csv.TryRead())
        {
            for (int column = 0; column < columns.Length; column++)
            {
                if (csv.TryGetValue(column, out double value) != TickFault.None)
                    throw new InvalidDataException($"{Path.GetFileName(path)}: line {csv.Line}: {csv.ValueColumns[column]} is no number; take a fresh copy of the file.");
                columns[column].Add(value);
            }
        }

        return csv.ValueColumns.Zip(columns).ToDictionary(pair => pair.First, pair => pair.Second.ToArray());
    }

    /// <summary>The first rows of the recording, [row][input].</summary>
    private double[][] Read(string data, int count)
    {
        List<double[]> rows = [];
        using CsvRecording recording = CsvRecording.Open(data, new RecordingOptions { ValueColumns = _inputs });
        while (rows.Count < count && recording.TryRead())
        {
            double[] row = new double[_inputs.Length];
            for (int input = 0; input < row.Length; input++)
            {
                TickFault fault = recording.TryGetValue(input, out row[input]);
                if (fault is not (TickFault.None or TickFault.MalformedTime))
                    throw new InvalidDataException($"{data}: line {recording.Line}: {_inputs[input]} is no number, and the forecasts of {_file.File} need every row; is it the recording they were made from?");
            }

            rows.Add(row);
        }

        return rows.Count == count ? [.. rows]
            : throw new InvalidDataException($"{data}: it has {rows.Count} rows, the forecasts of {_file.File} are for {count}; is it the recording they were made from?");
    }

    /// <summary>Row by row from zero state, as the worker steps.</summary>
    private Run Step(double[][] rows)
    {
        SequenceModel model = _model.Model;
        var slab = new StateSlab(model.StateFloats);
        int row = slab.Add();
        StepScratch scratch = model.CreateScratch(1);
        float[] x = new float[model.Shape.Inputs], y = new float[model.Shape.Outputs];
        double[] forecasts = new double[rows.Length];
        for (int t = 0; t < rows.Length; t++)
        {
            for (int input = 0; input < x.Length; input++)
                x[input] = (float)((rows[t][input] - _means[input]) / _deviations[input]);
            model.Step(x, slab, [row], y, scratch);
            forecasts[t] = y[0];
        }

        return new Run(forecasts, slab[row].ToArray());
    }

    private void Compare(string name, double[] found, double[] truth, double tolerance) => _quantities.Add(Quantity.Compare(name, found, truth, tolerance));

    private void CompareRaw(string name, double[] found, double[] truth) =>
        Compare(name, Array.ConvertAll(found, z => z * _deviations[_target] + _means[_target]), truth, Tolerance * _deviations[_target]);

    /// <summary>The same rows through the forecaster that the worker runs, where it can run the model: it feeds the one value that is forecast.</summary>
    private void CompareWorker(double[][] rows, double[] truth)
    {
        if (_inputs.Length > 1 || _target != 0 || !_model.Metadata.ContainsKey(ForecasterFile.MeanKey))
            return;
        Forecaster forecaster = ForecasterFile.Create(_model);
        var slab = new StateSlab(forecaster.RowFloats);
        StepBatch batch = forecaster.CreateBatch(1);
        batch.Count = 1;
        batch.Rows[0] = slab.Add();
        forecaster.Initialise(slab[batch.Rows[0]]);
        double[] found = new double[rows.Length];
        for (int t = 0; t < rows.Length; t++)
        {
            batch.Values[0] = rows[t][0];
            batch.Times[0] = t * 3_600_000_000_000;
            forecaster.Step(slab, batch);
            found[t] = batch.Verdicts[0].Next;
        }

        Compare("prediction_raw, of the worker", found, truth, Tolerance * _deviations[_target]);
    }

    private string[] Texts(string key)
    {
        string text = _file.Fact(key, "it names the columns that the network reads").Trim();
        text = text.Trim('[', ']', '(', ')');
        return [.. text.Split(text.Contains(',') ? ',' : ' ', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(name => name.Trim('"', '\''))];
    }

    private double[] List(string key)
    {
        string text = _file.Fact(key, "it is needed to normalise what the network reads");
        try
        {
            double[] numbers = JsonSerializer.Deserialize<double[]>(text.Trim().StartsWith('[') ? text : $"[{text}]") ?? [];
            return numbers.All(double.IsFinite) ? numbers : throw new JsonException();
        }
        catch (JsonException)
        {
            throw _file.Refuse($"metadata {key} is '{text}', a list of numbers is expected");
        }
    }

    /// <param name="Forecasts">Normalised, one per row.</param>
    /// <param name="StateRow">As a slab holds it.</param>
    private sealed record Run(double[] Forecasts, float[] StateRow)
    {
        /// <summary>[layers, H] of one state variable.</summary>
        public double[] State(ModelShape shape, int variable) => [.. Enumerable.Range(0, shape.Layers * shape.Hidden).Select(i =>
            (double)StateRow[(i / shape.Hidden * shape.StateVariables + variable) * shape.PaddedHidden + i % shape.Hidden])];
    }
}
