using System.Globalization;
using StreamRnn.Cells.Files;
using StreamRnn.Cells.Sequence;

namespace StreamRnn.Detection;

/// <summary>
/// Builds the forecaster that a model file asks for in its metadata:
/// <list type="bullet">
/// <item><c>forecaster</c>: <c>detector</c> (forecasts, intervals and anomaly scores; the default) or <c>bare</c> (forecasts alone, from the
/// network's own head).</item>
/// <item><c>encoder</c>: how values become inputs, and outputs forecasts. <c>asinh</c> (the default): z = asinh((x - mean) / scale) with
/// running mean and scale; a network with two inputs gets the difference to the z before as its second. <c>zscore</c> (the default where there
/// is a <c>norm_mean</c>): (x - norm_mean) / norm_std, with a head for the next one. <c>stream</c>: <see cref="StreamEncoder"/>, with its constants
/// under <c>stream</c>.</item>
/// </list>
/// Where the encoder is asinh, a network without a head is forecast from by adaptive heads on its hidden state; one with a head makes the one-step forecast itself, its
/// first output being the next z.
/// </summary>
public static class ForecasterFile
{
    public const string ForecasterKey = "forecaster";
    public const string Detector = "detector";
    public const string Bare = "bare";
    public const string EncoderKey = "encoder";
    public const string Asinh = "asinh";
    public const string ZScore = "zscore";
    public const string Stream = "stream";

    /// <summary>Metadata value of a model that takes windows only.</summary>
    public const string Window = "window";

    /// <summary>Metadata with the constants of the stream encoder.</summary>
    public const string StreamKey = "stream";
    public const string MeanKey = "norm_mean";
    public const string DeviationKey = "norm_std";

    /// <exception cref="InvalidDataException">The file is no model, asks for something this build does not have, or does not forecast what it recorded.</exception>
    public static Forecaster Load(string path) => Create(ModelFile.Load(path));

    /// <inheritdoc cref="Load"/>
    public static Forecaster Create(ModelFile file)
    {
        if (file.Shape.Vocabulary > 0)
            throw new InvalidDataException($"model {file.Name}: {file.Shape} reads tokens, and a stream has values; name a model that was trained on values.");
        if (file.Metadata.GetValueOrDefault(EncoderKey) == Window)
            throw new InvalidDataException($"model {file.Name}: it forecasts from whole windows and does not step with events; for the worker, train with --recipe stream.");
        SequenceModel model = Streamed(file);
        string encoder = file.Metadata.ContainsKey(MeanKey) ? Require(file, EncoderKey, ZScore, Asinh, Stream) : Require(file, EncoderKey, Asinh, ZScore, Stream);
        bool bare = Require(file, ForecasterKey, Detector, Bare) == Bare;
        if (bare && encoder != Asinh)
            throw new InvalidDataException($"model {file.Name}: a bare forecaster reads its own z alone, and metadata {EncoderKey} is '{encoder}'; write it with {ForecasterKey} '{Detector}'.");
        Forecaster forecaster = encoder switch
        {
            ZScore => new DetectorForecaster(file.Label, model, new ZScoreEncoder(Number(file, MeanKey), Number(file, DeviationKey))) { Hash = file.Hash },
            Stream => new DetectorForecaster(file.Label, model, EncoderOf(file)) { Hash = file.Hash },
            _ => bare ? new BareForecaster(file.Label, model) { Hash = file.Hash } : new DetectorForecaster(file.Label, model) { Hash = file.Hash },
        };
        GoldenForecasts.Replay(file, forecaster);
        return forecaster;
    }

    /// <summary>The file says how streams are encoded for it: it was written to run in the worker.</summary>
    public static bool IsForWorker(ModelFile file) => file.Metadata.TryGetValue(EncoderKey, out string? encoder) && encoder != Window;

    private static SequenceModel Streamed(ModelFile file)
    {
        try
        {
            return file.Model;
        }
        catch (NotSupportedException e)
        {
            throw new InvalidDataException($"model {e.Message}.", e);
        }
    }

    /// <summary>The encoder of a model of the stream recipe.</summary>
    /// <exception cref="InvalidDataException">Its constants are missing or damaged.</exception>
    public static StreamEncoder EncoderOf(ModelFile file) =>
        file.Metadata.TryGetValue(StreamKey, out string? constants)
            ? new StreamEncoder(StreamEncoding.Parse(file.Name, constants))
            : throw new InvalidDataException($"model {file.Name}: metadata {EncoderKey} is '{Stream}' and there is no {StreamKey} with its constants; train it again.");

    /// <summary>A number, alone or as the one element of a list.</summary>
    private static double Number(ModelFile file, string key)
    {
        string text = file.Metadata.GetValueOrDefault(key, "");
        return double.TryParse(text.Trim('[', ']', ' '), NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number)
            && (key != DeviationKey || number > 0)
            ? number
            : throw new InvalidDataException($"model {file.Name}: metadata {key} is '{text}', the {ZScore} encoder takes one number{(key == DeviationKey ? " above 0" : "")}; "
                + "a model of several columns is not streamed.");
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
