using System.Globalization;
using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;

namespace StreamRnn.Cells.Files;

/// <summary>Finds the parameters of a network among the tensors of a PyTorch state dict, and its shape with them.</summary>
internal sealed class StateDict
{
    private const string Anchor = "weight_ih_l0", ActivationsKey = "dense_activations", HeadKey = "head";
    private readonly SafeTensors _file;

    /// <summary>Prefix of <c>weight_ih_l0</c>: <c>rnn.</c> in our own files.</summary>
    private readonly string _prefix;

    /// <summary>Name before <c>.weight</c> of the embedding; null without an embedding.</summary>
    private readonly string? _embedding;

    /// <summary>
    /// Prefixes of <c>.weight</c> of the dense layers, in the order in which they follow the recurrent one; the last is the head.
    /// </summary>
    private readonly string[] _dense;

    public StateDict(SafeTensors file)
    {
        _file = file;
        string[] anchors = [.. file.Tensors.Keys.Where(name => name.EndsWith(Anchor, StringComparison.Ordinal))];
        if (anchors.Length != 1)
        {
            throw file.Refuse(anchors.Length == 0
                ? $"no recurrent layer: a tensor named rnn.{Anchor} is expected, as torch.nn.LSTM, GRU or RNN call theirs"
                : $"{anchors.Length} recurrent modules ({string.Join(", ", anchors)}): save the one to be stepped alone");
        }

        _prefix = anchors[0][..^Anchor.Length];
        (_embedding, _dense) = FindOthers();
        Layout = new ParameterLayout(ReadShape());
        CheckNames();
        Block = new float[Layout.Length];
        foreach (Parameter parameter in Layout.Parameters)
            Read(parameter);
    }

    public ParameterLayout Layout { get; }

    public float[] Block { get; }

    private bool HasBias => _file.Tensors.ContainsKey($"{_prefix}bias_ih_l0");

    /// <summary>The name of a cell in metadata.</summary>
    public static string CellName(CellKind cell) => cell switch
    {
        CellKind.Lstm => "lstm",
        CellKind.Gru => "gru",
        CellKind.GruResetBefore => "gru_reset_before",
        _ => "rnn_tanh",
    };

    /// <summary>Metadata of the shape that the matrices do not show.</summary>
    public static IEnumerable<(string Key, string Value)> Describe(ModelShape shape)
    {
        yield return ("architecture", shape.ToString());
        yield return ("cell", CellName(shape.Cell));
        yield return ("input_size", Text(shape.Inputs));
        yield return ("hidden_size", Text(shape.Hidden));
        yield return ("num_layers", Text(shape.Layers));
        if (shape.Bidirectional)
            yield return ("bidirectional", "true");
        if (shape.Vocabulary > 0)
            yield return ("vocabulary", Text(shape.Vocabulary));
        if (shape.Dense.Count > 0)
            yield return (ActivationsKey, string.Join(",", shape.Dense.Select(dense => dense.Activation.ToString().ToLowerInvariant())));
        if (shape.Head != HeadKind.Linear)
            yield return (HeadKey, shape.Head.ToString().ToLowerInvariant());
    }

    private bool IsRecurrent(string name) =>
        name.StartsWith(_prefix + "weight_", StringComparison.Ordinal) || name.StartsWith(_prefix + "bias_", StringComparison.Ordinal);

    private (string? Embedding, string[] Dense) FindOthers()
    {
        string[] others = [.. _file.Tensors.Keys.Where(name => !IsRecurrent(name) && name.EndsWith(".weight", StringComparison.Ordinal))
            .Select(name => name[..^".weight".Length])];
        string[] embeddings = [.. others.Where(name => name.Contains("emb", StringComparison.OrdinalIgnoreCase))];
        if (embeddings.Length > 1)
            throw _file.Refuse($"{embeddings.Length} embeddings ({string.Join(", ", embeddings)}), one at most is expected");

        // dense.0, dense.1, ..., dense.10, head; fc1, fc2; layers.0, layers.3.
        return (embeddings.FirstOrDefault(), [.. others.Except(embeddings).OrderBy(name => name == "head").ThenBy(name => name.Length)
            .ThenBy(name => name, StringComparer.Ordinal)]);
    }

    private ModelShape ReadShape()
    {
        (int rows, int inputs) = Matrix(_prefix + Anchor);
        (int recurrentRows, int hidden) = Matrix(_prefix + "weight_hh_l0");
        CellKind threeGates = _file.Metadata.GetValueOrDefault("cell") == CellName(CellKind.GruResetBefore) ? CellKind.GruResetBefore : CellKind.Gru;
        CellKind? inferred = rows != recurrentRows || rows % hidden != 0 ? null
            : (rows / hidden) switch { 1 => CellKind.Rnn, 3 => threeGates, 4 => CellKind.Lstm, _ => null };
        if (inferred is not CellKind cell)
            throw _file.Refuse($"{_prefix}{Anchor} has {rows} rows and {_prefix}weight_hh_l0 is [{recurrentRows}, {hidden}]: both need 1 (RNN), "
                + $"3 (GRU) or 4 (LSTM) times {hidden} rows");

        int layers = 1;
        while (_file.Tensors.ContainsKey($"{_prefix}weight_ih_l{layers}"))
            layers++;
        var shape = new ModelShape(cell, inputs, hidden, layers, _dense.Length == 0 ? 0 : Matrix(_dense[^1] + ".weight").Rows)
        {
            Bidirectional = _file.Tensors.ContainsKey($"{_prefix}{Anchor}_reverse"),
            Vocabulary = _embedding is null ? 0 : Matrix(_embedding + ".weight").Rows,
            Dense = ReadDense(),
            Head = _file.Metadata.TryGetValue(HeadKey, out string? head) ? Named<HeadKind>(HeadKey, head) : HeadKind.Linear,
        };
        foreach ((string key, string value) in Describe(shape))
            CheckMetadata(key, value);
        return shape;
    }

    private DenseShape[] ReadDense()
    {
        int count = Math.Max(0, _dense.Length - 1);
        if (count == 0)
            return [];
        string[] activations = _file.Metadata.GetValueOrDefault(ActivationsKey, "").Split(',', StringSplitOptions.TrimEntries);
        if (activations.Length != count)
            throw _file.Refuse($"{_dense.Length} layers besides the recurrent one ({string.Join(", ", _dense)}): metadata {ActivationsKey} must name what the "
                + $"first {count} do to their sums ({string.Join(", ", Enum.GetNames<DenseActivation>()).ToLowerInvariant()}), separated by commas");
        return [.. activations.Select((activation, i) => new DenseShape(Matrix(_dense[i] + ".weight").Rows, Named<DenseActivation>(ActivationsKey, activation)))];
    }

    private T Named<T>(string key, string value) where T : struct, Enum => Enum.TryParse(value, ignoreCase: true, out T found) && Enum.IsDefined(found)
        ? found
        : throw _file.Refuse($"metadata {key} says '{value}', one of {string.Join(", ", Enum.GetNames<T>()).ToLowerInvariant()} is expected");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private (int Rows, int Columns) Matrix(string name)
    {
        if (!_file.Tensors.TryGetValue(name, out Tensor? tensor))
            throw _file.Refuse($"tensor {name} is missing; was the state dict saved completely?");
        if (tensor.Dimensions.Count != 2 || tensor.Dimensions.Any(dimension => dimension == 0))
            throw _file.Refuse($"{name} is {tensor}, a matrix is expected");
        return (tensor.Dimensions[0], tensor.Dimensions[1]);
    }

    private void CheckMetadata(string key, string expected)
    {
        if (key is not ("architecture" or ActivationsKey) && _file.Metadata.TryGetValue(key, out string? found) && !found.Equals(expected, StringComparison.OrdinalIgnoreCase))
            throw _file.Refuse($"metadata {key} is {found}, the matrices say {expected}; one of them belongs to another model");
    }

    private void CheckNames()
    {
        HashSet<string> known = [.. Layout.Parameters.Select(parameter => NameInFile(parameter.Name))];
        string? unknown = _file.Tensors.Keys.FirstOrDefault(name => !known.Contains(name));
        if (unknown is not null)
            throw _file.Refuse($"tensor {unknown} is unknown; {Layout.Shape} has {string.Join(", ", known)}");
    }

    private string NameInFile(string name)
    {
        string[] parts = name.Split('.');
        return parts[0] switch
        {
            "rnn" => _prefix + parts[1],
            "embedding" => $"{_embedding}.{parts[^1]}",
            "dense" => $"{_dense[int.Parse(parts[1], CultureInfo.InvariantCulture)]}.{parts[^1]}",
            _ => $"{_dense[^1]}.{parts[^1]}",
        };
    }

    private void Read(Parameter parameter)
    {
        string name = NameInFile(parameter.Name);
        bool isBias = parameter.Dimensions.Count == 1;
        bool biasExpected = parameter.Name.StartsWith("rnn.", StringComparison.Ordinal) ? HasBias : _file.Tensors.ContainsKey(name);
        if (isBias && !biasExpected && !_file.Tensors.ContainsKey(name))
            return;   // trained with bias=False, which is a bias of zero

        if (!_file.Tensors.TryGetValue(name, out Tensor? tensor))
            throw _file.Refuse($"tensor {name} is missing, [{string.Join(", ", parameter.Dimensions)}] is expected; was the state dict saved completely?");
        if (!tensor.Dimensions.SequenceEqual(parameter.Dimensions))
            throw _file.Refuse($"{name} is {tensor}, [{string.Join(", ", parameter.Dimensions)}] is expected for {Layout.Shape}");

        float[] values = _file.Floats(tensor);
        int bad = Array.FindIndex(values, value => !float.IsFinite(value));
        if (bad >= 0)
            throw _file.Refuse($"{name}[{(isBias ? $"{bad}" : $"{bad / parameter.Slot.Columns}, {bad % parameter.Slot.Columns}")}] is {values[bad]}, "
                + "a number is expected; the training diverged, take an earlier checkpoint");
        values.CopyTo(parameter.Slot.In(Block.AsSpan()));
    }
}
