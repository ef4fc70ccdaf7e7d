using System.Globalization;
using System.Text.RegularExpressions;

namespace StreamRnn.Trainer.Fit;

/// <summary>Training rows recorded in the model file, so an evaluation on them can be refused.</summary>
public static partial class LearnedRows
{
    public const string Key = "data";

    /// <summary>Describes the rows in one sentence per series, which <see cref="FirstUnseen"/> reads back.</summary>
    internal static string Describe(IEnumerable<Series> series, IEnumerable<TimeSplit> splits) => string.Join("; ", series.Zip(splits, (one, split) =>
        $"{one.Name}: training rows {split.Training}, validation {split.Validation}, test {split.Test}, {split.Purge} rows left out before each border"));

    /// <summary>The first row of a recording that neither training nor its choices have seen.</summary>
    /// <param name="metadata">Of the model file.</param>
    /// <param name="recording">The file's name without its ending; with <c>.COLUMN</c> at the end where it is one of several.</param>
    /// <returns>Null where the model was not trained on it, or does not say.</returns>
    public static int? FirstUnseen(IReadOnlyDictionary<string, string> metadata, string recording)
    {
        foreach (Match match in Sentence().Matches(metadata.GetValueOrDefault(Key, "")))
        {
            string file = match.Groups["file"].Value;
            if (recording == file || recording == $"{file}.{match.Groups["column"].Value}")
                return int.Parse(match.Groups["test"].Value, CultureInfo.InvariantCulture);
        }

        return null;
    }

    [GeneratedRegex(@"(?:^|; )(?<file>[^;]*?)\.csv(?:\.gz)?, (?<column>[^;]*?): training rows [^;]*, test \[(?<test>\d+), ")]
    private static partial Regex Sentence();
}
