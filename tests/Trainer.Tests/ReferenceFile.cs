using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;

namespace StreamRnn.Trainer.Tests;

/// <summary>A safetensors file taken apart, so that tests can damage it and write it again.</summary>
internal sealed class ReferenceFile
{
    public static readonly string Folder = Path.Combine(Here(), "..", "Golden", "torch");

    public Dictionary<string, string> Metadata { get; } = [];

    /// <summary>Type, dimensions and raw little-endian values.</summary>
    public Dictionary<string, (string Type, int[] Dimensions, byte[] Data)> Tensors { get; } = [];

    public static ReferenceFile Read(string name)
    {
        byte[] bytes = File.ReadAllBytes(Path.Combine(Folder, name));
        int header = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        ReferenceFile file = new();
        foreach ((string key, JsonNode? entry) in JsonNode.Parse(bytes.AsSpan(8, header))!.AsObject())
        {
            if (key == "__metadata__")
            {
                foreach ((string name2, JsonNode? text) in entry!.AsObject())
                    file.Metadata[name2] = (string)text!;
                continue;
            }

            (int start, int end) = ((int)entry!["data_offsets"]![0]!, (int)entry["data_offsets"]![1]!);
            file.Tensors[key] = ((string)entry["dtype"]!, [.. entry["shape"]!.AsArray().Select(n => (int)n!)], bytes[(8 + header + start)..(8 + header + end)]);
        }

        return file;
    }

    public Span<float> Floats(string name) => MemoryMarshal.Cast<byte, float>(Tensors[name].Data.AsSpan());

    public Span<double> Doubles(string name) => MemoryMarshal.Cast<byte, double>(Tensors[name].Data.AsSpan());

    public void Set(string name, int[] dimensions, ReadOnlySpan<float> values) => Tensors[name] = ("F32", dimensions, MemoryMarshal.AsBytes(values).ToArray());

    public void Set(string name, int[] dimensions, ReadOnlySpan<double> values) => Tensors[name] = ("F64", dimensions, MemoryMarshal.AsBytes(values).ToArray());

    public string Write(string folder, string name)
    {
        JsonObject header = new() { ["__metadata__"] = new JsonObject(Metadata.Select(entry => KeyValuePair.Create(entry.Key, (JsonNode?)entry.Value))) };
        int at = 0;
        foreach ((string key, (string type, int[] dimensions, byte[] data)) in Tensors)
        {
            header[key] = new JsonObject
            {
                ["dtype"] = type,
                ["shape"] = new JsonArray([.. dimensions.Select(n => (JsonNode)n)]),
                ["data_offsets"] = new JsonArray(at, at += data.Length),
            };
        }

        byte[] json = System.Text.Encoding.UTF8.GetBytes(header.ToJsonString());
        byte[] length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)json.Length);
        string path = Path.Combine(folder, name);
        File.WriteAllBytes(path, [.. length, .. json, .. Tensors.Values.SelectMany(tensor => tensor.Data)]);
        return path;
    }

    private static string Here([CallerFilePath] string here = "") => Path.GetDirectoryName(here)!;
}
