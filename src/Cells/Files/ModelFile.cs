using System.Security.Cryptography;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;

namespace StreamRnn.Cells.Files;

/// <summary>
/// A model on disk: a safetensors file with the parameters of a PyTorch state dict (<c>rnn.weight_ih_l0</c>, ..., <c>head.bias</c>) and, in
/// its metadata, the architecture, golden vectors and whatever else the writer had to say. State dicts saved elsewhere load too: the
/// shape is read from the matrices, the recurrent module may have any name or none, and so may the one linear layer after it.
/// </summary>
public sealed class ModelFile
{
    private readonly SequenceModel? _model;

    private ModelFile(string file, byte[] bytes)
    {
        var tensors = new SafeTensors(Path.GetFileName(file), bytes);
        var parameters = new StateDict(tensors);
        Name = Path.GetFileNameWithoutExtension(file);
        Hash = Convert.ToHexStringLower(SHA256.HashData(bytes));
        Metadata = tensors.Metadata;
        Parameters = parameters.Block;
        Shape = parameters.Layout.Shape;
        _model = SequenceModel.WhyNoSteps(Shape) is null ? SequenceModel.Create(Shape, parameters.Block) : null;

        GoldenVectors? golden = GoldenVectors.Read(tensors);
        HasGoldenVectors = golden is not null;
        if (golden?.FirstDifference(Shape, parameters.Block) is string difference)
            throw tensors.Refuse($"{difference}; the parameters are not those the file was written with (swapped gates, an edited "
                + "matrix), so take a fresh copy or write the model again");
    }

    /// <summary>The file's name without folder and extension.</summary>
    public string Name { get; }

    /// <summary>SHA-256 of the file's bytes, in lower-case hexadecimal.</summary>
    public string Hash { get; }

    /// <summary>Label in outputs: <c>default@3f2a</c>.</summary>
    public string Label => $"{Name}@{Hash[..4]}";

    public ModelShape Shape { get; }

    /// <summary>One block in the order of <see cref="ParameterLayout"/>.</summary>
    public ReadOnlyMemory<float> Parameters { get; }

    /// <summary>Everything in <c>__metadata__</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The file carries golden vectors, and the model reproduced them.</summary>
    public bool HasGoldenVectors { get; }

    /// <summary>Ready to step.</summary>
    /// <exception cref="NotSupportedException">The network takes windows only: it is bidirectional.</exception>
    public SequenceModel Model => _model ?? throw new NotSupportedException($"{Name}: {SequenceModel.WhyNoSteps(Shape)}");

    /// <summary>The network can step with events.</summary>
    public bool CanStep => _model is not null;

    /// <exception cref="InvalidDataException">There is no such file, or it is not a model this build computes as it was written; says where and what to do.</exception>
    public static ModelFile Load(string path) => File.Exists(path) ? new(path, File.ReadAllBytes(path))
        : throw new InvalidDataException($"{Missing(path)}.");

    /// <summary>Message for a path without a file.</summary>
    public static string Missing(string path) => $"{path} does not exist; a model file (.safetensors) is expected, so check the path or write one with 'streamrnn train'";

    /// <param name="name">What the file is called.</param>
    /// <param name="bytes">Its content; not to be changed afterwards.</param>
    /// <inheritdoc cref="Load"/>
    public static ModelFile Parse(string name, byte[] bytes) => new(name, bytes);

    /// <summary>The bytes of a model file, golden vectors included.</summary>
    /// <param name="shape">Shape of the parameters.</param>
    /// <param name="parameters">A block in the order of <see cref="ParameterLayout"/>.</param>
    /// <param name="metadata">Further metadata; architecture and golden vectors are added.</param>
    public static byte[] Format(ModelShape shape, ReadOnlySpan<float> parameters, IReadOnlyDictionary<string, string> metadata)
    {
        var all = new Dictionary<string, string>(metadata);
        foreach ((string key, string value) in StateDict.Describe(shape))
            all[key] = value;
        GoldenVectors.Of(shape, parameters).Write(all);

        ReadOnlyMemory<float> block = parameters.ToArray();
        return SafeTensors.Format(all, new ParameterLayout(shape).Parameters.Select(parameter =>
            (parameter.Name, parameter.Dimensions, block.Slice(parameter.Slot.Offset, parameter.Slot.Length))));
    }

    /// <summary>Writes aside, flushes and renames: a reader sees the old file or the new one, never a part.</summary>
    /// <inheritdoc cref="Format"/>
    public static void Save(string path, ModelShape shape, ReadOnlySpan<float> parameters, IReadOnlyDictionary<string, string> metadata)
    {
        string aside = path + ".tmp";
        using (FileStream stream = File.Create(aside))
        {
            stream.Write(Format(shape, parameters, metadata));
            stream.Flush(flushToDisk: true);
        }

        File.Move(aside, path, overwrite: true);
    }
}
