using System.Globalization;
using System.Text.Json;

namespace StreamRnn.Detection;

/// <summary>
/// The constants of a <see cref="StreamEncoder"/>, all fitted on training rows; kept in the model file's metadata. Values are taken as they are or
/// by their logarithm, and their changes are measured in <see cref="Change"/>, which is the deviation of the change from one row to the next.
/// </summary>
public sealed record StreamEncoding
{
    private const int MostLags = 1000, MostHarmonics = 16;
    private const int LeastTap = 4, FarthestTap = 4096, MostTaps = 16;   // a stream's memory is 16 bytes for each row that the farthest goes back
    private const int FarthestHorizon = 1024, MostHorizons = 64, MostLevels = 99;
    private const long LongestInterval = 3_200_000_000_000_000_000;      // a hundred years
    private const double LargestMeasure = 1e150;                         // its square is a number

    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web);

    /// <summary>
    /// Smallest value whose logarithm is taken; below it the scale is linear. 0 takes no logarithms. For series whose changes grow with
    /// their level.
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

    /// <param name="model">The file's name, as messages say it.</param>
    /// <exception cref="InvalidDataException">It is not what <see cref="ToJson"/> writes, or a constant cannot be meant; says which.</exception>
    public static StreamEncoding Parse(string model, string json)
    {
        try
        {
            StreamEncoding constants = JsonSerializer.Deserialize<StreamEncoding>(json, Options) ?? throw new JsonException("it is null");
            return constants.FirstFault() is not string fault ? constants
                : throw new InvalidDataException($"model {model}: {ForecasterFile.StreamKey}.{fault}; the constants of its encoder are damaged, so take a fresh copy or train it again.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"model {model}: the constants of its encoder cannot be read ({e.Message.TrimEnd('.')}); train it again.", e);
        }
    }

    /// <summary>The first constant that cannot be meant, with what it is and what is expected; null where there is none.</summary>
    private string? FirstFault()
    {
        string? fault = Number("logarithmFrom", LogarithmFrom, LogarithmFrom >= 0, "0 or more")
            ?? Number("center", Center, Math.Abs(Center) <= LargestMeasure, "a number of a series")
            ?? Number("scale", Scale, Scale > 0, "a number above 0")
            ?? Number("change", Change, Change > 0, "a number above 0")
            ?? Whole("interval", Interval, 1, LongestInterval)
            ?? Whole("lags", Lags, 1, MostLags)
            ?? Whole("dayHarmonics", DayHarmonics, 0, MostHarmonics)
            ?? Whole("weekHarmonics", WeekHarmonics, 0, MostHarmonics)
            ?? Whole("yearHarmonics", YearHarmonics, 0, MostHarmonics)
            ?? List("taps", Taps, 0, MostTaps, tap => tap is >= LeastTap and <= FarthestTap, $"whole numbers from {LeastTap} to {FarthestTap}")
            ?? List("horizons", Horizons, 1, MostHorizons, horizon => horizon is >= 1 and <= FarthestHorizon, $"whole numbers from 1 to {FarthestHorizon}")
            ?? (Horizons[0] == 1 && IsRising(Horizons) ? null : Found("horizons", string.Join(", ", Horizons), "rising numbers, the first 1"))
            ?? List("levels", Levels, 0, MostLevels, level => level is > 0 and < 1, "numbers between 0 and 1")
            ?? (Levels.Length is 0 or > 2 && IsRising(Levels) ? null : Found("levels", Text(Levels), "none, or at least three rising ones"))
            ?? Number("youngResidual", YoungResidual, YoungResidual > 0, "a number above 0")
            ?? List("residual", Residual, Horizons.Length, Horizons.Length, deviation => deviation > 0 && IsFloat(deviation), "numbers above 0, one per horizon");
        if (fault is not null)
            return fault;
        StreamEncoder encoder = new(this with { Highway = [], Young = [] });
        int weights = Horizons.Length * (encoder.FeatureCount + 1);
        return List("highway", Highway, weights, weights, IsFloat, $"weights of {encoder.FeatureCount} features and a bias for each of {Horizons.Length} horizons")
            ?? List("young", Young, encoder.YoungCount + 1, encoder.YoungCount + 1, IsFloat, $"weights of {encoder.YoungCount} features and a bias");
    }

    private static bool IsFloat(double number) => float.IsFinite((float)number);

    private static bool IsRising<T>(T[] numbers) where T : IComparable<T> => numbers.Zip(numbers.Skip(1)).All(pair => pair.First.CompareTo(pair.Second) < 0);

    private static string? Number(string key, double found, bool holds, string expected) =>
        holds && Math.Abs(found) <= LargestMeasure ? null : Found(key, Text(found), expected);

    private static string? Whole(string key, long found, long least, long most) =>
        found >= least && found <= most ? null : Found(key, Text(found), string.Create(CultureInfo.InvariantCulture, $"a whole number from {least} to {most}"));

    private static string? List<T>(string key, T[]? found, int least, int most, Predicate<T> holds, string expected) where T : IFormattable
    {
        if (found is null)
            return Found(key, "null", expected);
        if (found.Length < least || found.Length > most)
            return Found(key, $"{found.Length} numbers", least == most ? $"{most}: {expected}" : $"{least} to {most}: {expected}");
        int bad = Array.FindIndex(found, number => !holds(number));
        return bad < 0 ? null : Found($"{key}[{bad}]", Text(found[bad]), expected);
    }

    private static string Found(string key, string found, string expected) => $"{key} is {found}, expected is {expected}";

    private static string Text(IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture);

    private static string Text(double[] numbers) => string.Join(", ", numbers.Select(number => Text(number)));
}
