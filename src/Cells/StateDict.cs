using System.Globalization;

namespace StreamRnn.Cells;

/// <summary>Finds the parameters of a network among the tensors of a PyTorch state dict, and its shape with them.</summary>
internal sealed class StateDict
{
    private const string Anchor = "weight_ih_l0";
    private readonly SafeTensors _file;

    /// <summary>What stands before <c>weight_ih_l0</c>: <c>rnn.</c> in our own files.</summary>
    private readonly string _prefix;

    /// <summary>What stands before <c>.weight</c> of the linear layer; null where there is none.</summary>
    private readonly string? _head;

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
        _head = FindHead();
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
    public static string CellName(CellKind cell) => cell switch { CellKind.Lstm => "lstm", CellKind.Gru => "gru", _ => "rnn_tanh" };

    private bool IsRecurrent(string name) =>
        name.StartsWith(_prefix + "weight_", StringComparison.Ordinal) || name.StartsWith(_prefix + "bias_", StringComparison.Ordinal);

    private string? FindHead()
    {
        string[] others = [.. _file.Tensors.Keys.Where(name => !IsRecurrent(name))];
        string[] weights = [.. others.Where(name => name.EndsWith(".weight", StringComparison.Ordinal))];
        if (weights.Length > 1)
            throw _file.Refuse($"{weights.Length} layers besides the recurrent one ({string.Join(", ", weights)}), one linear head at most is expected");
        return weights.Length == 1 ? weights[0][..^".weight".Length] : null;
    }

    private ModelShape ReadShape()
    {
        (int rows, int inputs) = Matrix(_prefix + Anchor);
        (int recurrentRows, int hidden) = Matrix(_prefix + "weight_hh_l0");
        CellKind? inferred = rows != recurrentRows || rows % hidden != 0 ? null
            : (rows / hidden) switch { 1 => CellKind.Rnn, 3 => CellKind.Gru, 4 => CellKind.Lstm, _ => null };
        if (inferred is not CellKind cell)
            throw _file.Refuse($"{_prefix}{Anchor} has {rows} rows and {_prefix}weight_hh_l0 is [{recurrentRows}, {hidden}]: both need 1 (RNN), "
                + $"3 (GRU) or 4 (LSTM) times {hidden} rows");

        string[] reversed = [.. _file.Tensors.Keys.Where(name => name.EndsWith("_reverse", StringComparison.Ordinal))];
        if (reversed.Length > 0)
            throw _file.Refuse($"{reversed[0]} makes the network bidirectional: it needs the future and cannot step with events; train it with bidirectional=False");

        int layers = 1;
        while (_file.Tensors.ContainsKey($"{_prefix}weight_ih_l{layers}"))
            layers++;
        int outputs = _head is null ? 0 : Matrix(_head + ".weight").Rows;
        CheckMetadata("cell", CellName(cell));
        CheckMetadata("input_size", inputs.ToString(CultureInfo.InvariantCulture));
        CheckMetadata("hidden_size", hidden.ToString(CultureInfo.InvariantCulture));
        CheckMetadata("num_layers", layers.ToString(CultureInfo.InvariantCulture));
        return new ModelShape(cell, inputs, hidden, layers, outputs);
    }

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
        if (_file.Metadata.TryGetValue(key, out string? found) && found != expected)
            throw _file.Refuse($"metadata {key} is {found}, the matrices say {expected}; one of them belongs to another model");
    }

    private void CheckNames()
    {
        HashSet<string> known = [.. Layout.Parameters.Select(parameter => NameInFile(parameter.Name))];
        string? unknown = _file.Tensors.Keys.FirstOrDefault(name => !known.Contains(name));
        if (unknown is not null)
            throw _file.Refuse($"tensor {unknown} is unknown; {Layout.Shape} has {string.Join(", ", known)}");
    }

    private string NameInFile(string name) =>
        name.StartsWith("rnn.", StringComparison.Ordinal) ? _prefix + name["rnn.".Length..] : _head + name["head".Length..];

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
