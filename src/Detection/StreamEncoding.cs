using System.Text.Json;

namespace StreamRnn.Detection;

/// <summary>
/// The constants of a <see cref="StreamEncoder"/>, all fitted on training rows; kept in the model file's metadata. Values are taken as they are or
/// by their logarithm, and their changes are measured in <see cref="Change"/>, which is the deviation of the change from one row to the next.
/// </summary>
public sealed record StreamEncoding
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web);

    /// <summary>
    /// Not 0: values are taken by their logarithm, and this is the smallest that is; below it they are taken as lying on a line. For series whose
    /// changes grow with their level.
    /// </summary>
    public double LogarithmFrom { get; init; }

    /// <summary>Mean of the values.</summary>
    public required double Center { get; init; }

    /// <summary>Standard deviation of the values.</summary>
    public required double Scale { get; init; }

    /// <summary>Standard deviation of the changes from one row to the next.</summary>
    public required double Change { get; init; }

    /// <summary>The usual distance of two rows, nanoseconds.</summary>
    public required long Interval { get; init; }

    /// <summary>Latest changes that the highway reads.</summary>
    public required int Lags { get; init; }

    /// <summary>Distances in rows at which the stream may repeat itself, such as a day or a week.</summary>
    public required int[] Taps { get; init; }

    /// <summary>Harmonics of the time of day.</summary>
    public int DayHarmonics { get; init; }

    /// <summary>Harmonics of the time of week.</summary>
    public int WeekHarmonics { get; init; }

    /// <summary>Harmonics of the time of year.</summary>
    public int YearHarmonics { get; init; }

    /// <summary>Rows ahead of each forecast; the first is 1.</summary>
    public required int[] Horizons { get; init; }

    /// <summary>Quantile levels of the network's outputs per horizon; empty where it gives a mean and a log-variance.</summary>
    public required double[] Levels { get; init; }

    /// <summary>[horizons, features + 1] weights of the linear forecast of the change, the bias last.</summary>
    public double[] Highway { get; init; } = [];

    /// <summary>[horizons] deviation of what the highway leaves over.</summary>
    public double[] Residual { get; init; } = [];

    /// <summary>[young features + 1] weights of the one-step forecast while the memory is not full yet.</summary>
    public double[] Young { get; init; } = [];

    /// <summary>Deviation of what the young forecast leaves over.</summary>
    public double YoungResidual { get; init; } = 1;

    public string ToJson() => JsonSerializer.Serialize(this, Options);

    /// <exception cref="InvalidDataException">It is not what <see cref="ToJson"/> writes.</exception>
    public static StreamEncoding Parse(string model, string json)
    {
        try
        {
            return JsonSerializer.Deserialize<StreamEncoding>(json, Options) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"model {model}: the constants of its encoder cannot be read ({e.Message.TrimEnd('.')}); train it again.", e);
        }
    }
}
