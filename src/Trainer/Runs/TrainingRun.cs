using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using StreamRnn.Cells.Files;
using StreamRnn.Detection;
using StreamRnn.Trainer.Evaluation;
using StreamRnn.Trainer.Fit;
using StreamRnn.Trainer.Recipes;

namespace StreamRnn.Trainer.Runs;

/// <summary>A model that was trained, how, and how well it does.</summary>
/// <param name="File">The bytes of the model file; the same for the same data, settings and seed.</param>
/// <param name="BestEpoch">The one that was kept; 0 where no epoch was better than the start.</param>
/// <param name="Reports">On the test rows of each series, for each horizon; the forecasts beside.</param>
/// <param name="Seconds">Wall clock.</param>
public sealed record TrainedModel(byte[] File, Preparation Preparation, IReadOnlyList<EpochRecord> History, int BestEpoch, double BestValidation,
    IReadOnlyList<TestReport> Reports, double Seconds)
{
    /// <summary>Describes which epoch was kept.</summary>
    public string Kept => KeptOf(BestEpoch, History.Count, Preparation);

    internal static string KeptOf(int bestEpoch, int epochs, Preparation preparation) =>
        bestEpoch > 0 ? $"epoch {bestEpoch} of {epochs} kept" : $"no epoch was better than {preparation.Start}";
}

/// <summary>Accuracy of the forecasts of one series for one horizon on its test rows.</summary>
public sealed record TestReport(Series Series, int Horizon, SeriesForecast Forecast, ForecastReport Report);

/// <summary>One run from prepared data to a model: trains, keeps a checkpoint after every epoch, measures on the test rows once at the end.</summary>
/// <param name="threads">Never changes a bit.</param>
/// <param name="baselineLags">Lags of the autoregression that the model is compared with.</param>
public sealed class TrainingRun(Preparation preparation, int threads, int baselineLags = 48)
{
    private const int GoldenValues = 24;

    /// <summary>Path of the run's checkpoint; null keeps none.</summary>
    public string? CheckpointPath { get; init; }

    /// <summary>Goes on from the checkpoint, if there is one.</summary>
    public bool Resume { get; init; }

    /// <param name="afterEpoch">Called after each epoch.</param>
    public TrainedModel Run(Action<TrainingLoop> afterEpoch, CancellationToken stop)
    {
        long startedAt = Stopwatch.GetTimestamp();
        using TrainingLoop loop = preparation.CreateLoop(threads);
        string fingerprint = Fingerprint();
        if (Resume && CheckpointPath is not null && File.Exists(CheckpointPath))
            loop.Restore(Checkpoint.Load(CheckpointPath), fingerprint);
        loop.Run(_ =>
        {
            if (CheckpointPath is not null)
                loop.Save(fingerprint).Save(CheckpointPath);
            afterEpoch(loop);
        }, stop);

        byte[] file = Format(loop);
        List<TestReport> reports = [];
        for (int i = 0; i < preparation.Series.Count; i++)
            reports.AddRange(Measure(preparation.Series[i], preparation.Splits[i], file));
        return new TrainedModel(file, preparation, [.. loop.History], loop.BestEpoch, loop.BestValidation, reports,
            Stopwatch.GetElapsedTime(startedAt).TotalSeconds);
    }

    /// <summary>Formats the model file, with forecasts of some training rows where its encoder has constants.</summary>
    private byte[] Format(TrainingLoop loop)
    {
        Dictionary<string, string> metadata = Metadata(loop);
        byte[] bytes = ModelFile.Format(preparation.Shape, loop.Best, metadata);
        if (metadata.GetValueOrDefault(ForecasterFile.EncoderKey) != ForecasterFile.Stream)
            return bytes;
        ModelFile file = ModelFile.Parse("trained", bytes);
        StreamEncoder encoder = ForecasterFile.EncoderOf(file);
        (Series series, RowRange training) = (preparation.Series[0], preparation.Splits[0].Training);
        metadata[GoldenForecasts.Key] = GoldenForecasts.Record(ForecasterFile.Create(file), series.Times[training.Start], encoder.Constants.Interval,
            series.Values[training.Start..Math.Min(training.Start + GoldenValues, training.End)], encoder.RingLength);
        return ModelFile.Format(preparation.Shape, loop.Best, metadata);
    }

    private IEnumerable<TestReport> Measure(Series series, TimeSplit split, byte[] file)
    {
        if (split.Test.Count == 0)
            yield break;
        foreach ((int horizon, SeriesForecast forecast) in preparation.Forecast(series, file))
        {
            yield return new TestReport(series, horizon, forecast, ForecastReport.Of(series.Times, series.Values, [forecast],
                new ReportOptions { From = split.Test.Start, To = split.Test.End, Horizon = horizon, Lags = baselineLags }));
        }
    }

    /// <summary>The recipe's own words, and where the model comes from. Nothing of the machine or the day, so that a seed gives the same file.</summary>
    private Dictionary<string, string> Metadata(TrainingLoop loop)
    {
        EpochRecord? best = loop.BestEpoch > 0 ? loop.History[loop.BestEpoch - 1] : null;
        return new(preparation.Metadata)
        {
            ["recipe"] = preparation.RecipeName,
            ["settings"] = JsonSerializer.Serialize(preparation.Settings.ToText()),
            [LearnedRows.Key] = LearnedRows.Describe(preparation.Series, preparation.Splits),
            ["training"] = TrainedModel.KeptOf(loop.BestEpoch, loop.History.Count, preparation)
                + (best is null ? "" : Invariant($", loss {best.Loss:g6}"))
                + (double.IsFinite(loop.BestValidation) ? Invariant($", validation {loop.BestValidation:g6}") : "")
                + $", seed {preparation.Settings.Seed}",
        };
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>Hashes everything that decides the result.</summary>
    private string Fingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Series series in preparation.Series)
        {
            hash.AppendData(MemoryMarshal.AsBytes<long>(series.Times));
            hash.AppendData(MemoryMarshal.AsBytes<double>(series.Values));
        }
        hash.AppendData(Encoding.UTF8.GetBytes(preparation.RecipeName + JsonSerializer.Serialize(preparation.Settings.ToText())));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
