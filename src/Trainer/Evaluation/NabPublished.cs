namespace StreamRnn.Trainer.Evaluation;

/// <summary>Scores of other detectors, from the table in the benchmark's own README.</summary>
public sealed record NabPublished(string Detector, double Standard, double LowFalsePositives, double LowFalseNegatives)
{
    /// <summary>Best first.</summary>
    public static IReadOnlyList<NabPublished> Table { get; } =
    [
        new("Perfect", 100, 100, 100),
        new("ARTime", 74.9, 65.1, 80.4),
        new("Numenta HTM", 70.1, 63.1, 74.3),
        new("CAD OSE", 69.9, 67.0, 73.2),
        new("earthgecko Skyline", 58.2, 46.2, 63.9),
        new("KNN CAD", 58.0, 43.4, 64.8),
        new("Relative Entropy", 54.6, 47.6, 58.8),
        new("Random Cut Forest", 51.7, 38.4, 59.7),
        new("Twitter ADVec", 47.1, 33.6, 53.5),
        new("Windowed Gaussian", 39.6, 20.9, 47.4),
        new("Etsy Skyline", 35.7, 27.1, 44.5),
        new("Bayesian Changepoint", 17.7, 3.2, 32.2),
        new("EXPoSE", 16.4, 3.2, 26.9),
        new("Random", 11.0, 1.2, 19.5),
        new("Null", 0, 0, 0),
    ];
}
