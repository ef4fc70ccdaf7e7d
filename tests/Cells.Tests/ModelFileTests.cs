using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Nodes;
using StreamRnn.Cells.Files;
using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;

namespace StreamRnn.Cells.Tests;

public class ModelFileTests
{
    private static readonly CellCase Gru = new(CellKind.Gru, 2, 20, 2, 1);

    public static TheoryData<CellCase> All => CellCase.All;

    [Theory, MemberData(nameof(All))]
    public void What_is_saved_is_loaded(CellCase cell)
    {
        float[] parameters = cell.Parameters();
        byte[] bytes = ModelFile.Format(cell.Shape, parameters, new Dictionary<string, string> { ["features"] = "value, gap" });
        ModelFile file = ModelFile.Parse("folder/pump.safetensors", bytes);

        Assert.Equal(cell.Shape, file.Shape);
        Assert.Equal(parameters, file.Parameters.ToArray());
        Assert.Equal("value, gap", file.Metadata["features"]);
        Assert.True(file.HasGoldenVectors);
        Assert.Matches("^pump@[0-9a-f]{4}$", file.Label);
        Assert.StartsWith(file.Label[5..], file.Hash, StringComparison.Ordinal);
        Assert.Equal(cell.Run(cell.Model(), [1, 2], steps: 5), cell.Run(file.Model, [1, 2], steps: 5));
    }

    [Fact]
    public void A_file_on_disk_is_replaced_whole()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory().FullName, "pump.safetensors");
        File.WriteAllText(path, "old");
        ModelFile.Save(path, Gru.Shape, Gru.Parameters(), new Dictionary<string, string>());
        Assert.Equal(Gru.Parameters(), ModelFile.Load(path).Parameters.ToArray());
        Assert.Equal([path], Directory.GetFiles(Path.GetDirectoryName(path)!));
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    [Fact]
    public void Swapped_gates_are_found_by_the_golden_vectors() => Refuses(Edit(data: (tensors, data) =>
    {
        (int start, int end) = tensors["rnn.weight_hh_l0"];
        byte[] r = data[start..(start + (end - start) / 3)], z = data[(start + (end - start) / 3)..(start + (end - start) / 3 * 2)];
        z.CopyTo(data, start);
        r.CopyTo(data, start + r.Length);
    }), "golden vectors, step 1, output 0", "is recorded", "is computed", "swapped gates");

    [Fact]
    public void A_changed_last_bit_is_found_by_the_golden_vectors() =>
        Refuses(Edit(data: (tensors, data) => data[tensors["rnn.weight_ih_l0"].Start] ^= 4), "golden vectors");

    [Fact]
    public void A_parameter_that_is_no_number_is_refused() => Refuses(
        Edit(data: (tensors, data) => BinaryPrimitives.WriteSingleLittleEndian(data.AsSpan(tensors["rnn.weight_hh_l1"].Start + 4 * 43), float.NaN)),
        "rnn.weight_hh_l1[2, 3] is NaN", "earlier checkpoint");

    [Fact]
    public void Every_shorter_file_is_refused()
    {
        byte[] bytes = Bytes();
        for (int length = 0; length < bytes.Length; length += length < 64 ? 1 : 97)
            Refuses(bytes[..length], length < 8 ? "header length" : "");
        Refuses(bytes[..^1], "the file ends after", "was the copy interrupted?");
    }

    [Fact]
    public void A_longer_file_is_refused() => Refuses([.. Bytes(), 0], "something was appended");

    [Fact]
    public void A_header_that_is_too_long_is_refused()
    {
        byte[] bytes = Bytes();
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, ulong.MaxValue);
        Refuses(bytes, "18446744073709551615", "not a safetensors file");
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)bytes.Length);
        Refuses(bytes, "the header claims");
    }

    [Fact]
    public void A_header_that_is_no_JSON_is_refused()
    {
        byte[] bytes = Bytes();
        bytes[8] = (byte)'[';
        Refuses(bytes, "the header is not that of a safetensors file");
    }

    [Fact]
    public void Overlapping_tensors_are_refused() =>
        Refuses(Edit(header => header["rnn.bias_hh_l0"]!["data_offsets"] = header["rnn.bias_ih_l0"]!["data_offsets"]!.DeepClone()), "they overlap");

    [Fact]
    public void An_offset_beyond_the_end_is_refused() =>
        Refuses(Edit(header => header["head.bias"]!["data_offsets"] = new JsonArray(1_000_000, 1_000_004)), "head.bias ends at byte 1000004");

    [Fact]
    public void An_offset_below_zero_is_refused() =>
        Refuses(Edit(header => header["head.bias"]!["data_offsets"] = new JsonArray(-4, 0)), "head.bias lies at [-4, 0)");

    [Fact]
    public void A_shape_that_does_not_fit_its_bytes_is_refused() =>
        Refuses(Edit(header => header["head.weight"]!["shape"] = new JsonArray(1, 21)), "head.weight is F32 [1, 21]", "84 bytes");

    [Fact]
    public void A_shape_that_overflows_is_refused() =>
        Refuses(Edit(header => header["head.weight"]!["shape"] = new JsonArray(int.MaxValue, int.MaxValue)), "head.weight");

    [Fact]
    public void A_shape_that_does_not_fit_the_network_is_refused() =>
        Refuses(Edit(header => header["rnn.weight_ih_l1"]!["shape"] = new JsonArray(20, 60)), "rnn.weight_ih_l1 is F32 [20, 60], [60, 20] is expected");

    [Fact]
    public void Another_type_is_refused() => Refuses(Edit(header =>
    {
        header["head.weight"]!["dtype"] = "BF16";
        header["head.weight"]!["shape"] = new JsonArray(1, 40);
        header["head.bias"]!["dtype"] = "I32";
    }), "[1, 40]");

    [Fact]
    public void A_bias_of_integers_is_refused() =>
        Refuses(Edit(header => header["rnn.bias_ih_l0"]!["dtype"] = "I32"), "rnn.bias_ih_l0 is I32 [60], F32 is expected", "model.float()");

    [Fact]
    public void A_missing_tensor_is_refused() =>
        Refuses(Without("rnn.weight_hh_l1"), "tensor rnn.weight_hh_l1 is missing, [60, 20] is expected");

    [Fact]
    public void A_missing_bias_beside_others_is_refused() => Refuses(Without("rnn.bias_hh_l1"), "tensor rnn.bias_hh_l1 is missing");

    [Fact]
    public void An_unknown_tensor_is_refused() =>
        Refuses(Renamed("head.bias", "head.scale"), "tensor head.scale is unknown");

    [Fact]
    public void A_file_without_a_recurrent_layer_is_refused() =>
        Refuses(SafeTensors.Format(new Dictionary<string, string>(), []), "no recurrent layer", "rnn.weight_ih_l0");

    [Fact]
    public void Metadata_of_another_model_are_refused() =>
        Refuses(Edit(header => header["__metadata__"]!["cell"] = "lstm"), "metadata cell is lstm, the matrices say gru");

    [Fact]
    public void Golden_vectors_that_are_no_numbers_are_refused() =>
        Refuses(Edit(header => header["__metadata__"]!["golden_outputs"] = "[1, x]"), "metadata golden_outputs is no JSON array of numbers");

    [Fact]
    public void Random_damage_is_refused_or_harmless_but_never_another_kind_of_failure()
    {
        byte[] bytes = Bytes();
        for (int seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            byte[] damaged = [.. bytes];
            for (int i = random.Next(1, 4); i > 0; i--)
                damaged[random.Next(random.Next(2) == 0 ? 900 : damaged.Length)] = (byte)random.Next(256);
            Exception? e = Record.Exception(() => ModelFile.Parse("pump.safetensors", damaged));
            Assert.True(e is null or InvalidDataException, $"seed {seed}: {e}");
        }
    }

    [Fact]
    public void A_state_dict_of_any_prefix_loads_without_golden_vectors()
    {
        byte[] bytes = Rewritten(name => name.Replace("rnn.", "model.gru.", StringComparison.Ordinal).Replace("head.", "model.fc.", StringComparison.Ordinal));
        ModelFile file = ModelFile.Parse("user.safetensors", bytes);
        Assert.Equal(Gru.Shape, file.Shape);
        Assert.Equal(Gru.Parameters(), file.Parameters.ToArray());
        Assert.False(file.HasGoldenVectors);
    }

    [Fact]
    public void A_network_without_biases_has_biases_of_zero()
    {
        ModelFile file = ModelFile.Parse("user.safetensors", Rewritten(name => name.Contains("bias", StringComparison.Ordinal) ? null : name));
        var layout = new ParameterLayout(file.Shape);
        Assert.All(layout.Layer(1).RecurrentBias.In(file.Parameters.Span).ToArray(), value => Assert.Equal(0f, value));
        Assert.All(layout.HeadBias.In(file.Parameters.Span).ToArray(), value => Assert.Equal(0f, value));
    }

    [Fact]
    public void Every_shape_is_read_from_the_names_and_the_metadata()
    {
        foreach (ModelShape shape in Shapes)
            Assert.Equal(shape, ModelFile.Parse("user.safetensors", WithoutGoldenVectors(shape)).Shape);
    }

    [Fact]
    public void A_bidirectional_network_loads_and_says_that_it_cannot_step()
    {
        ModelFile file = ModelFile.Parse("pump.safetensors", WithoutGoldenVectors(Shapes[0]));
        Assert.False(file.CanStep);
        Assert.Contains("bidirectional", Assert.Throws<NotSupportedException>(() => file.Model).Message, StringComparison.Ordinal);
        Assert.Throws<NotSupportedException>(() => SequenceModel.Create(file.Shape, file.Parameters.Span));
    }

    [Fact]
    public void A_network_that_takes_windows_only_replays_its_golden_vectors_as_one()
    {
        float[] parameters = [.. Enumerable.Range(0, new ParameterLayout(Shapes[0]).Length).Select(i => (i % 23 - 11) / 20f)];
        byte[] bytes = ModelFile.Format(Shapes[0], parameters, new Dictionary<string, string>());
        ModelFile file = ModelFile.Parse("pump.safetensors", bytes);
        Assert.True(file.HasGoldenVectors);
        Assert.Equal(Shapes[0], file.Shape);
        Assert.Equal(parameters, file.Parameters.ToArray());
        Refuses(Edit(bytes, data: (tensors, data) => data[tensors["rnn.weight_hh_l1_reverse"].Start + 6] ^= 1), "golden vectors");
    }

    [Fact]
    public void Dense_layers_without_their_activations_are_refused() =>
        Refuses(WithoutGoldenVectors(Shapes[1], metadata => metadata.Remove("dense_activations")), "dense.0, dense.1, head", "dense_activations", "relu");

    [Fact]
    public void An_unknown_head_is_refused() =>
        Refuses(WithoutGoldenVectors(Shapes[1], metadata => metadata["head"] = "7"), "metadata head says '7'", "softmax");

    private static readonly ModelShape[] Shapes =
    [
        new(CellKind.Lstm, 2, 5, 2, 3) { Bidirectional = true },
        new(CellKind.Gru, 4, 6, 1, 11)
        {
            Vocabulary = 9, Head = HeadKind.Softmax, Dense = [new(7, DenseActivation.Relu), new(5, DenseActivation.None)],
        },
        new(CellKind.GruResetBefore, 1, 6, 3),
    ];

    /// <summary>The parameters, all zero, and what a file says about their shape.</summary>
    private static byte[] WithoutGoldenVectors(ModelShape shape, Action<Dictionary<string, string>>? change = null)
    {
        Dictionary<string, string> metadata = StateDict.Describe(shape).ToDictionary(entry => entry.Key, entry => entry.Value);
        change?.Invoke(metadata);
        return SafeTensors.Format(metadata, new ParameterLayout(shape).Parameters.Select(parameter =>
            (parameter.Name, parameter.Dimensions, (ReadOnlyMemory<float>)new float[parameter.Slot.Length])));
    }

    private static byte[] Bytes() => ModelFile.Format(Gru.Shape, Gru.Parameters(), new Dictionary<string, string>());

    private static void Refuses(byte[] bytes, params string[] said)
    {
        string message = Assert.Throws<InvalidDataException>(() => ModelFile.Parse("models/pump.safetensors", bytes)).Message;
        Assert.StartsWith("pump.safetensors: ", message, StringComparison.Ordinal);
        Assert.All(said, words => Assert.Contains(words, message, StringComparison.Ordinal));
    }

    private static byte[] Edit(Action<JsonObject>? header = null, Action<Dictionary<string, (int Start, int End)>, byte[]>? data = null) => Edit(Bytes(), header, data);

    private static byte[] Edit(byte[] bytes, Action<JsonObject>? header = null, Action<Dictionary<string, (int Start, int End)>, byte[]>? data = null)
    {
        int headerBytes = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        JsonObject json = JsonNode.Parse(bytes.AsSpan(8, headerBytes))!.AsObject();
        byte[] body = bytes[(8 + headerBytes)..];
        data?.Invoke(new SafeTensors("", bytes).Tensors.ToDictionary(t => t.Key, t => (t.Value.Start, t.Value.End)), body);
        header?.Invoke(json);
        byte[] edited = JsonSerializer.SerializeToUtf8Bytes(json);
        byte[] length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)edited.Length);
        return [.. length, .. edited, .. body];
    }

    private static byte[] Without(string tensor) => Rewritten(name => name == tensor ? null : name);

    private static byte[] Renamed(string tensor, string to) => Rewritten(name => name == tensor ? to : name);

    /// <summary>The tensors alone, under other names or left out.</summary>
    private static byte[] Rewritten(Func<string, string?> rename)
    {
        var file = new SafeTensors("", Bytes());
        return SafeTensors.Format(new Dictionary<string, string>(), file.Tensors.Values.Where(tensor => rename(tensor.Name) is not null)
            .Select(tensor => (rename(tensor.Name)!, tensor.Dimensions, (ReadOnlyMemory<float>)file.Floats(tensor))));
    }
}
