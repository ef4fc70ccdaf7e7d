using StreamRnn.Trainer.Evaluation;

namespace StreamRnn.Trainer.Tests;

/// <summary>The benchmark's rules on corpora small enough to score by hand.</summary>
public class NabScorerTests
{
    private const int Rows = 1000;      // 150 of them probation
    private const int First = 400, Last = 499;

    private static NabCorpus Corpus(params (int, int)[] windows) =>
        NabCorpus.Of([new NabRecording("a/b.csv", new long[Rows], new double[Rows], windows)]);

    private static double[][] Alarms(params (int Row, double Score)[] alarms)
    {
        double[] scores = new double[Rows];
        foreach ((int row, double score) in alarms)
            scores[row] = score;
        return [scores];
    }

    private static double Sigmoid(double x) => 2 / (1 + Math.Exp(5 * x)) - 1;

    [Fact]
    public void No_alarm_scores_nothing_and_the_first_row_of_every_window_everything()
    {
        NabCorpus corpus = Corpus((First, Last), (700, 799));
        NabResult silent = NabScorer.Score(corpus, Alarms());
        Assert.Equal(0, silent.AtFixedLine.Score);
        NabResult perfect = NabScorer.Score(corpus, Alarms((First, 0.9), (700, 0.6)));
        Assert.Equal(100, perfect.Standard.Score, 9);
        Assert.Equal(100, perfect.LowFalseNegatives.Score, 9);
        Assert.Equal(0.6, perfect.Standard.Threshold);
        Assert.Equal((2, 0), (perfect.Standard.Detected, perfect.Standard.FalseAlarms));
    }

    [Fact]
    public void Of_several_alarms_in_a_window_the_earliest_counts()
    {
        double expected = 100 * (Sigmoid(-0.5) / Sigmoid(-1) + 1) / 2;   // row 450 of [400, 499]: 50 rows to go of 100
        NabResult result = NabScorer.Score(Corpus((First, Last)), Alarms((450, 1), (451, 1), (480, 1)));
        Assert.Equal(expected, result.AtFixedLine.Score, 9);
    }

    [Fact]
    public void An_alarm_outside_costs_by_its_distance_behind_the_window_before()
    {
        NabCorpus corpus = Corpus((First, Last));
        double At(int row) => NabScorer.Score(corpus, Alarms((First, 1), (row, 1))).AtFixedLine.Score;
        Assert.Equal(100 - 100 * 0.11 / 2, At(300), 9);                                  // before every window
        Assert.Equal(100 + 100 * 0.11 * Sigmoid(1.0 / 99) / 2, At(500), 9);              // one row behind
        Assert.Equal(100 - 100 * 0.11 / 2, At(900), 9);                                  // farther than three widths
        Assert.Equal(100, At(149), 9);                                                   // in probation
    }

    [Fact]
    public void The_profiles_weigh_false_alarms_and_misses()
    {
        NabCorpus corpus = Corpus((First, Last), (700, 799));
        double[][] scores = Alarms((First, 1), (300, 1));
        double At(NabProfile profile) => NabScorer.At(corpus, scores, profile, 0.5).Score;
        Assert.Equal(100 * (1 - 0.11 - 1 + 2) / 4, At(NabProfile.Standard), 9);
        Assert.Equal(100 * (1 - 0.22 - 1 + 2) / 4, At(NabProfile.LowFalsePositives), 9);
        Assert.Equal(100 * (1 - 0.11 - 2 + 4) / 6, At(NabProfile.LowFalseNegatives), 9);
    }

    [Fact]
    public void The_best_threshold_is_the_best_of_all()
    {
        NabCorpus corpus = Corpus((First, Last), (700, 799));
        for (int seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            double[][] scores = [[.. Enumerable.Range(0, Rows).Select(_ => Math.Max(0, random.NextDouble() * 50 - 49))]];
            NabScore best = NabScorer.Score(corpus, scores).Standard;
            double expected = scores[0].Append(double.PositiveInfinity).Distinct()
                .Max(threshold => NabScorer.At(corpus, scores, NabProfile.Standard, threshold).Score);
            Assert.True(Math.Abs(expected - best.Score) < 1e-9, $"seed {seed}: {best.Score}, the best is {expected}");
        }
    }

    [Fact]
    public void Scores_that_do_not_fit_the_corpus_are_refused()
    {
        Assert.Throws<ArgumentException>(() => NabScorer.Score(Corpus(), []));
        Assert.Throws<ArgumentException>(() => NabScorer.Score(Corpus(), [new double[3]]));
    }
}
