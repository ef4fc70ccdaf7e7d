using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;

namespace StreamRnn.Detection;

/// <summary>
/// Raw values with their times and what a forecaster said after them, kept in the model file's metadata under <see cref="Key"/>. They hold what the
/// golden vectors of the network cannot see: the constants of its encoder. The same bits come out on every machine.
/// </summary>
public sealed record GoldenForecasts
{
    public const string Key = "golden_forecasts";

    private const int Kept = 4;                // rows recorded of a young stream and again of one whose memory is full
    private const int MostRows = 1 << 16;
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    /// <summary>Event time of the first row, nanoseconds since 1970 UTC.</summary>
    public required long Start { get; init; }

    /// <summary>Interval between rows, nanoseconds.</summary>
    public required long Interval { get; init; }

    /// <summary>Observed one after the other, over and over.</summary>
    public required double[] Values { get; init; }

    /// <summary>Row, forecast of the next one, and the interval around the forecast of this one, of each row recorded, in their order.</summary>
    public required double[][] Rows { get; init; }

    /// <summary>Records the forecaster's current forecasts as metadata.</summary>
    /// <param name="rowsUntilFull">Rows until a stream's memory is full.</param>
    public static string Record(Forecaster forecaster, long start, long interval, double[] values, int rowsUntilFull)
    {
        int[] rows = [.. Enumerable.Range(1, Kept), .. Enumerable.Range(Math.Max(rowsUntilFull, Kept) + 1, Kept)];
        GoldenForecasts golden = new() { Start = start, Interval = interval, Values = values, Rows = [.. rows.Select(row => new double[] { row, 0, 0, 0 })] };
        return JsonSerializer.Serialize(golden with { Rows = golden.Run(forecaster) }, Options);
    }

    /// <summary>Number of values recorded in a model's file; 0 where it has none.</summary>
    public static int Count(ModelFile file) => file.Metadata.TryGetValue(Key, out string? json) ? 3 * Parse(file.Name, json).Rows.Length : 0;

    /// <summary>Does what was recorded come out?</summary>
    /// <exception cref="InvalidDataException">No; says where and what to do.</exception>
    internal static void Replay(ModelFile file, Forecaster forecaster)
    {
        if (!file.Metadata.TryGetValue(Key, out string? json))
            return;
        GoldenForecasts golden = Parse(file.Name, json);
        double[][] found = golden.Run(forecaster);
        for (int i = 0; i < found.Length; i++)
        {
            for (int number = 1; number < found[i].Length; number++)
            {
                if (!found[i][number].Equals(golden.Rows[i][number]))
                    throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
                        $"model {file.Name}: {Key}, row {golden.Rows[i][0]}, {(number == 1 ? "next" : number == 2 ? "lower" : "upper")}: {golden.Rows[i][number]} is recorded, "
                        + $"{found[i][number]} is computed; the encoder's constants are not those the file was written with, so take a fresh copy or train it again."));
            }
        }
    }

    private static GoldenForecasts Parse(string model, string json)
    {
        try
        {
            GoldenForecasts golden = JsonSerializer.Deserialize<GoldenForecasts>(json, Options) ?? throw new JsonException("it is null");
            double before = -1;
            bool isWhole = golden.Values is { Length: > 0 } && golden.Values.All(double.IsFinite) && golden.Rows is { Length: > 0 };
            foreach (double[] row in isWhole ? golden.Rows : [])
            {
                isWhole &= row is { Length: 4 } && row[0] > before && row[0] < MostRows && row[0] == Math.Floor(row[0]);
                before = isWhole ? row[0] : MostRows;
            }
            return isWhole ? golden : throw new JsonException("values and rows of 4 numbers, the first of them rising, are expected");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"model {model}: its {Key} cannot be read ({e.Message.TrimEnd('.')}); take a fresh copy or train it again.", e);
        }
    }

    /// <summary><see cref="Rows"/>, as they come out.</summary>
    private double[][] Run(Forecaster forecaster)
    {
        var slab = new StateSlab(forecaster.RowFloats);
        StepBatch batch = forecaster.CreateBatch(1);
        (batch.Count, batch.Rows[0]) = (1, slab.Add());
        forecaster.Initialise(slab[batch.Rows[0]]);
        List<double[]> found = [];
        for (int row = 0; found.Count < Rows.Length; row++)
        {
            (batch.Times[0], batch.Values[0]) = (unchecked(Start + row * Interval), Values[row % Values.Length]);
            forecaster.Step(slab, batch);
            if (row == (int)Rows[found.Count][0])
                found.Add([row, batch.Verdicts[0].Next, batch.Verdicts[0].Lower, batch.Verdicts[0].Upper]);
        }
        return [.. found];
    }
}
