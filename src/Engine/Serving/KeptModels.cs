using System.Security.Cryptography;
using StreamRnn.Cells.Files;
using StreamRnn.Detection;
using StreamRnn.Engine.Storage;
using StreamRnn.Engine.Streams;

namespace StreamRnn.Engine.Serving;

/// <summary>
/// The model files of a data directory, <c>model-SHA256.safetensors</c>: those that its states were stepped with, so that steps can be made
/// again when the configuration names others already.
/// </summary>
/// <param name="present">Models named by the configuration; null where nothing continues to step.</param>
public sealed class KeptModels(IDataFiles files, ModelCatalog? present)
{
    private const string Prefix = "model-";
    private const string Suffix = ".safetensors";
    private const string UnfinishedName = "model.tmp";

    private readonly Dictionary<(string Hash, string Name), Forecaster> _loaded = [];

    /// <summary>Keeps the models of the configuration; when it returns they are on the disk.</summary>
    public void Keep()
    {
        foreach ((Forecaster model, string file) in present!.Files)
        {
            string name = FileName(model.Hash);
            if (files.List().Contains(name) && HashOf(files.Read(name)) == model.Hash)
                continue;
            byte[] bytes = File.ReadAllBytes(file);
            if (HashOf(bytes) != model.Hash)
                throw new CommandFailedException($"{file} was changed while the worker started; start it again");
            using (IDataFile kept = files.Create(UnfinishedName))
            {
                kept.Append(bytes);
                kept.Flush();
            }
            files.Rename(UnfinishedName, name);
            files.FlushNames();
        }
    }

    /// <summary>A model of a set-up, whose outputs show the name it had then.</summary>
    /// <exception cref="CommandFailedException">It is not to be had, or this build makes other rows of it; says what to do.</exception>
    public Forecaster Load(PlannedModel wanted)
    {
        Forecaster model = Find(wanted);
        return model.RowFloats == wanted.RowFloats
            ? model
            : throw new CommandFailedException($"the data directory holds {wanted.RowFloats} numbers a stream of {wanted.Name}, this build steps {model.RowFloats}: "
                + "another build wrote it; start that one, or give this worker a data directory of its own, where every stream begins anew");
    }

    /// <summary>Removes the models that only other set-ups need.</summary>
    public void RemoveAllBut(ServingPlan plan)
    {
        foreach (string name in files.List().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal) && name.EndsWith(Suffix, StringComparison.Ordinal)))
        {
            if (!plan.Models.Any(model => FileName(model.Sha256) == name))
                files.Delete(name);
        }
    }

    private Forecaster Find(PlannedModel wanted)
    {
        Forecaster? named = present?.ByPattern.Select(entry => entry.Model).Append(present.Standard).FirstOrDefault(model => model.Hash == wanted.Sha256 && model.Name == wanted.Name);
        if (named is not null)
            return named;
        if (_loaded.TryGetValue((wanted.Sha256, wanted.Name), out Forecaster? loaded))
            return loaded;
        string file = FileName(wanted.Sha256);
        byte[] bytes = files.List().Contains(file) ? files.Read(file) : throw new CommandFailedException(
            $"the data directory holds states of {wanted.Name} and its model file {file} is not there: put it back, or start once more with that model "
            + "and stop in order; or give this worker a data directory of its own, where every stream begins anew");
        if (HashOf(bytes) != wanted.Sha256)
            throw new CommandFailedException($"{file} in the data directory is damaged: put the file of {wanted.Name} there again (SHA-256 {wanted.Sha256})");
        return _loaded[(wanted.Sha256, wanted.Name)] = ForecasterFile.Create(ModelFile.Parse(wanted.Name[..wanted.Name.LastIndexOf('@')] + Suffix, bytes));
    }

    private static string FileName(string hash) => Prefix + hash + Suffix;

    private static string HashOf(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
