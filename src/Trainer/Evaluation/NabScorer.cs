namespace StreamRnn.Trainer.Evaluation;

/// <summary>Weights of a detection, a false alarm and a miss; the benchmark has three application profiles.</summary>
public sealed record NabProfile(string Name, double Detection, double FalseAlarm, double Miss)
{
    public static NabProfile Standard { get; } = new("standard", 1, 0.11, 1);

    public static NabProfile LowFalsePositives { get; } = new("low FP", 1, 0.22, 1);

    public static NabProfile LowFalseNegatives { get; } = new("low FN", 1, 0.11, 2);
}

/// <summary>A normalised score, 0 for a detector that never alarms and 100 for one that alarms at every window's first row only.</summary>
/// <param name="Threshold">At which scores are alarms; infinite where no alarm at all is best.</param>
/// <param name="Detected">Windows with an alarm.</param>
/// <param name="FalseAlarms">Alarm rows outside the windows.</param>
public readonly record struct NabScore(double Score, double Threshold, int Detected, int FalseAlarms);

/// <summary>The three scores at the best threshold of each, and the standard one at the detector's own alarm line.</summary>
public sealed record NabResult(NabScore Standard, NabScore LowFalsePositives, NabScore LowFalseNegatives, NabScore AtFixedLine);

/// <summary>
/// Scores a detector's outputs by the rules of the Numenta Anomaly Benchmark (Lavin and Ahmad, arXiv:1510.03336): each window pays for
/// its earliest alarm, every alarm outside costs by its distance behind the window before it, and one threshold per profile holds for the
/// whole corpus. It is found exactly, among all distinct scores.
/// </summary>
public static class NabScorer
{
    /// <summary>Our alarm line.</summary>
    public const double FixedLine = 0.5;

    /// <param name="corpus">The recordings and their windows.</param>
    /// <param name="scores">For each recording of the corpus, in its order, the scores of its rows in [0, 1].</param>
    public static NabResult Score(NabCorpus corpus, IReadOnlyList<double[]> scores)
    {
        Row[] rows = Rows(corpus, scores);
        return new NabResult(Best(rows, corpus, NabProfile.Standard), Best(rows, corpus, NabProfile.LowFalsePositives),
            Best(rows, corpus, NabProfile.LowFalseNegatives), AtLine(rows, corpus, NabProfile.Standard, FixedLine));
    }

    /// <summary>The score at a given threshold.</summary>
    public static NabScore At(NabCorpus corpus, IReadOnlyList<double[]> scores, NabProfile profile, double threshold) =>
        AtLine(Rows(corpus, scores), corpus, profile, threshold);

    /// <summary>2 / (1 + e^5x) - 1: 0 at a window's end, towards 1 before it and -1 behind it.</summary>
    private static double Sigmoid(double x) => x > 3 ? -1 : 2 / (1 + Math.Exp(5 * x)) - 1;

    /// <summary>Every scored row of the corpus, highest score first.</summary>
    private static Row[] Rows(NabCorpus corpus, IReadOnlyList<double[]> scores)
    {
        if (scores.Count != corpus.Recordings.Count)
            throw new ArgumentException($"{scores.Count} outputs for {corpus.Recordings.Count} recordings.", nameof(scores));
        List<Row> rows = [];
        int windowsBefore = 0;
        for (int i = 0; i < scores.Count; i++)
        {
            NabRecording recording = corpus.Recordings[i];
            if (scores[i].Length != recording.Values.Length)
                throw new ArgumentException($"{recording.Name}: {scores[i].Length} scores for {recording.Values.Length} rows.", nameof(scores));
            AddRows(recording, scores[i], windowsBefore, rows);
            windowsBefore += recording.Windows.Length;
        }

        Row[] sorted = [.. rows];
        Array.Sort(sorted, (a, b) => b.Score.CompareTo(a.Score));
        return sorted;
    }

    private static void AddRows(NabRecording recording, double[] scores, int windowsBefore, List<Row> rows)
    {
        int window = -1;   // the latest that has begun
        for (int i = 0; i < scores.Length; i++)
        {
            while (window + 1 < recording.Windows.Length && i >= recording.Windows[window + 1].First)
                window++;
            if (i < recording.Probation)
                continue;
            if (window < 0)
            {
                rows.Add(new Row(scores[i], -1, -1));
                continue;
            }

            (int first, int last) = recording.Windows[window];
            double width = last - first + 1;
            rows.Add(i <= last
                ? new Row(scores[i], windowsBefore + window, Sigmoid(-(last - i + 1) / width) / Sigmoid(-1))
                : new Row(scores[i], -1, Sigmoid((i - last) / (width - 1))));
        }
    }

    /// <summary>Lowers the threshold past one distinct score after the other and keeps the best; the higher one of equals.</summary>
    private static NabScore Best(Row[] rows, NabCorpus corpus, NabProfile profile)
    {
        var tally = new Tally(corpus.WindowCount, profile);
        NabScore best = tally.At(double.PositiveInfinity);
        for (int i = 0; i < rows.Length; i++)
        {
            tally.Add(rows[i]);
            bool lastOfScore = i + 1 == rows.Length || rows[i + 1].Score != rows[i].Score;
            if (lastOfScore && tally.At(rows[i].Score) is var here && here.Score > best.Score)
                best = here;
        }

        return best;
    }

    private static NabScore AtLine(Row[] rows, NabCorpus corpus, NabProfile profile, double threshold)
    {
        var tally = new Tally(corpus.WindowCount, profile);
        foreach (Row row in rows)
        {
            if (row.Score >= threshold)
                tally.Add(row);
        }

        return tally.At(threshold);
    }

    /// <param name="Window">Number in the corpus, -1 outside.</param>
    /// <param name="Worth">Gain of an alarm inside a window, loss of one outside.</param>
    private readonly record struct Row(double Score, int Window, double Worth);

    /// <summary>The raw score of a growing set of alarms.</summary>
    private sealed class Tally(int windowCount, NabProfile profile)
    {
        private readonly double[] _gains = new double[windowCount];
        private double _gain, _loss;
        private int _detected, _falseAlarms;

        public void Add(Row row)
        {
            if (row.Window < 0)
            {
                _loss += row.Worth;
                _falseAlarms++;
            }
            else if (row.Worth > _gains[row.Window])
            {
                if (_gains[row.Window] == 0)
                    _detected++;
                _gain += row.Worth - _gains[row.Window];
                _gains[row.Window] = row.Worth;
            }
        }

        public NabScore At(double threshold)
        {
            double raw = profile.Detection * _gain + profile.FalseAlarm * _loss - profile.Miss * (windowCount - _detected);
            double none = -profile.Miss * windowCount;
            double perfect = profile.Detection * windowCount;
            return new NabScore(100 * (raw - none) / (perfect - none), threshold, _detected, _falseAlarms);
        }
    }
}
