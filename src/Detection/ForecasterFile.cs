using StreamRnn.Cells;

namespace StreamRnn.Detection;

/// <summary>
/// Builds the forecaster that a model file asks for in its metadata:
/// <list type="bullet">
/// <item><c>forecaster</c>: <c>detector</c> (forecasts, intervals and anomaly scores; the default) or <c>bare</c> (forecasts alone, from the
/// network's own head).</item>
/// <item><c>encoder</c>: how values become inputs. <c>asinh</c> (the default and so far the only one): z = asinh((x - mean) / scale) with
/// running mean and scale; a network with two inputs gets the difference to the z before as its second.</item>
/// </list>
/// A network without a head is forecast from by adaptive heads on its hidden state; one with a head makes the one-step forecast itself, its
/// first output being the next z.
/// </summary>
public static class ForecasterFile
{
    public const string ForecasterKey = "forecaster";
    public const string Detector = "detector";
    public const string Bare = "bare";
    public const string EncoderKey = "encoder";
    public const string Asinh = "asinh";

    /// <exception cref="InvalidDataException">The file is no model, or asks for something this build does not have.</exception>
    public static Forecaster Load(string path) => Create(ModelFile.Load(path));

    /// <inheritdoc cref="Load"/>
    public static Forecaster Create(ModelFile file)
    {
        Require(file, EncoderKey, Asinh);
        return Require(file, ForecasterKey, Detector, Bare) == Bare
            ? new BareForecaster(file.Label, file.Model)
            : new DetectorForecaster(file.Label, file.Model);
    }

    private static string Require(ModelFile file, string key, params string[] known)
    {
        string found = file.Metadata.GetValueOrDefault(key, known[0]);
        return known.Contains(found)
            ? found
            : throw new InvalidDataException(
                $"model {file.Name}: metadata {key} is '{found}', this build knows {string.Join(" and ", known)}; was it written by a newer one?");
    }
}
