using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace StreamRnn.Cells.Files;

/// <summary>A tensor of a file: where it lies, counted from the end of the header, and what it is.</summary>
public sealed record Tensor(string Name, string Type, IReadOnlyList<int> Dimensions, int Start, int End)
{
    public override string ToString() => $"{Type} [{string.Join(", ", Dimensions)}]";
}

/// <summary>
/// The safetensors container (github.com/huggingface/safetensors, section Format).
/// <code>
///   0      8          8 + N                            end
///   | N    | header   | data                           |
///   | u64  | JSON     | raw little-endian, row-major   |
/// </code>
/// The header maps names to dtype, shape and data_offsets [begin, end), and <c>__metadata__</c> to text. The tensors cover the data
/// without gaps or overlaps.
/// </summary>
public sealed class SafeTensors
{
    private const int PrefixBytes = 8;

    /// <summary>The format's own bound: 100 MB.</summary>
    private const int MaxHeaderBytes = 100_000_000;

    private readonly string _file;
    private readonly byte[] _bytes;
    private readonly int _dataStart;
    private readonly Dictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);

    /// <param name="file">Name of the file in error messages.</param>
    /// <param name="bytes">The whole file; kept.</param>
    /// <exception cref="InvalidDataException">Names the file, the place, what was found and what to do.</exception>
    public SafeTensors(string file, byte[] bytes)
    {
        (_file, _bytes) = (file, bytes);
        if (bytes.Length < PrefixBytes)
            throw Refuse($"the file has {bytes.Length} bytes, its header length alone takes {PrefixBytes}; was the copy interrupted?");

        ulong headerBytes = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        if (headerBytes > MaxHeaderBytes)
            throw Refuse($"the header claims {headerBytes} bytes, at most {MaxHeaderBytes} are allowed; this is not a safetensors file");
        if ((int)headerBytes > bytes.Length - PrefixBytes)
            throw Refuse($"the header claims {headerBytes} bytes, the file ends after {bytes.Length - PrefixBytes} of them; was the copy interrupted?");

        _dataStart = PrefixBytes + (int)headerBytes;
        ReadHeader(bytes.AsMemory(PrefixBytes, (int)headerBytes));
        CheckCoverage();
    }

    public IReadOnlyDictionary<string, Tensor> Tensors => _tensors;

    /// <summary>The <c>__metadata__</c> of the header.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    /// <summary>The values of an F32 tensor.</summary>
    public float[] Floats(Tensor tensor) => Values<float>(tensor, "F32");

    /// <summary>The values of an F64 tensor.</summary>
    public double[] Doubles(Tensor tensor) => Values<double>(tensor, "F64");

    /// <summary>The values of an F64, F32, I64 or I32 tensor.</summary>
    public double[] Numbers(Tensor tensor) => tensor.Type switch
    {
        "F32" => Array.ConvertAll(Values<float>(tensor, "F32"), value => (double)value),
        "I64" => Array.ConvertAll(Values<long>(tensor, "I64"), value => (double)value),
        "I32" => Array.ConvertAll(Values<int>(tensor, "I32"), value => (double)value),
        _ => Doubles(tensor),
    };

    /// <summary>A file of F32 tensors, in the given order. The header is padded so that the data start on 8 bytes.</summary>
    public static byte[] Format(IReadOnlyDictionary<string, string> metadata,
        IEnumerable<(string Name, IReadOnlyList<int> Dimensions, ReadOnlyMemory<float> Values)> tensors)
    {
        using var header = new MemoryStream();
        using var data = new MemoryStream();
        using (var json = new Utf8JsonWriter(header))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            foreach ((string key, string value) in metadata)
                json.WriteString(key, value);
            json.WriteEndObject();
            foreach ((string name, IReadOnlyList<int> dimensions, ReadOnlyMemory<float> values) in tensors)
            {
                json.WriteStartObject(name);
                json.WriteString("dtype", "F32");
                WriteNumbers(json, "shape", dimensions);
                long start = data.Length;
                data.Write(MemoryMarshal.AsBytes(values.Span));
                WriteNumbers(json, "data_offsets", [(int)start, checked((int)data.Length)]);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (header.Length % PrefixBytes != 0)
            header.WriteByte((byte)' ');

        byte[] file = new byte[checked(PrefixBytes + (int)header.Length + (int)data.Length)];
        BinaryPrimitives.WriteUInt64LittleEndian(file, (ulong)header.Length);
        header.ToArray().CopyTo(file, PrefixBytes);
        data.ToArray().CopyTo(file, PrefixBytes + (int)header.Length);
        return file;
    }

    internal InvalidDataException Refuse(string what) => new($"{_file}: {what}{(what.EndsWith('?') ? "" : ".")}");

    private static void WriteNumbers(Utf8JsonWriter json, string name, IReadOnlyList<int> numbers)
    {
        json.WriteStartArray(name);
        foreach (int number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }

    private T[] Values<T>(Tensor tensor, string type) where T : struct
    {
        if (tensor.Type != type)
            throw Refuse($"{tensor.Name} is {tensor}, {type} is expected; convert the model before saving it, in PyTorch with model.float()");
        return MemoryMarshal.Cast<byte, T>(_bytes.AsSpan(_dataStart + tensor.Start, tensor.End - tensor.Start)).ToArray();
    }

    private void ReadHeader(ReadOnlyMemory<byte> header)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(header, new JsonDocumentOptions { AllowDuplicateProperties = false });
            foreach (JsonProperty entry in json.RootElement.EnumerateObject())
            {
                if (entry.Name != "__metadata__")
                    _tensors.Add(entry.Name, ReadTensor(entry.Name, entry.Value));
                else
                    foreach (JsonProperty text in entry.Value.EnumerateObject())
                        _metadata.Add(text.Name, text.Value.GetString() ?? "");
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new InvalidDataException($"{_file}: the header is not that of a safetensors file: {e.Message.TrimEnd('.')}.", e);
        }
    }

    private Tensor ReadTensor(string name, JsonElement entry)
    {
        string type = entry.GetProperty("dtype").GetString() ?? "";
        int[] dimensions = [.. entry.GetProperty("shape").EnumerateArray().Select(n => n.GetInt32())];
        long[] offsets = [.. entry.GetProperty("data_offsets").EnumerateArray().Select(n => n.GetInt64())];
        int dataBytes = _bytes.Length - _dataStart;
        if (offsets.Length != 2 || offsets[0] < 0 || offsets[1] < offsets[0])
            throw Refuse($"{name} lies at [{string.Join(", ", offsets)}), which is no range; the file is damaged");
        if (offsets[1] > dataBytes)
            throw Refuse($"{name} ends at byte {offsets[1]} of the data, the file ends after {dataBytes}; was the copy interrupted?");

        var tensor = new Tensor(name, type, dimensions, (int)offsets[0], (int)offsets[1]);
        int elementBytes = type switch { "F64" or "I64" or "U64" => 8, "F32" or "I32" or "U32" => 4, "F16" or "BF16" or "I16" or "U16" => 2, _ => 1 };
        decimal expected = dimensions.Aggregate((decimal)elementBytes, (product, dimension) => product * dimension);
        if (dimensions.Any(dimension => dimension < 0) || expected != tensor.End - tensor.Start)
            throw Refuse($"{name} is {tensor}, which takes {expected} bytes, and has {tensor.End - tensor.Start}; the file is damaged");
        return tensor;
    }

    private void CheckCoverage()
    {
        int covered = 0;
        foreach (Tensor tensor in _tensors.Values.OrderBy(tensor => tensor.Start).ThenBy(tensor => tensor.End))
        {
            if (tensor.Start != covered)
                throw Refuse($"{tensor.Name} starts at byte {tensor.Start} of the data, the tensor before it ends at {covered}: "
                    + $"{(tensor.Start < covered ? "they overlap" : "there is a gap")}; the file is damaged");
            covered = tensor.End;
        }

        if (covered != _bytes.Length - _dataStart)
            throw Refuse($"the tensors end at byte {covered} of the data, the file at {_bytes.Length - _dataStart}; "
                + "something was appended, or the header belongs to another file");
    }
}
