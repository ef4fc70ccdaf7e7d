using StreamRnn.Detection;
using StreamRnn.Trainer.Evaluation;

namespace StreamRnn.Trainer.Tests;

/// <summary>The shipped model and detector over the whole benchmark: floors that no change may fall through.</summary>
public class NabBenchmarkTests(NabBenchmarkTests.Run run) : IClassFixture<NabBenchmarkTests.Run>
{
    private const int Settled = 500;   // rows after which intervals are judged

    [Fact]
    public void The_archive_holds_the_whole_corpus()
    {
        Assert.Equal(58, run.Corpus.Recordings.Count);
        Assert.Equal(116, run.Corpus.WindowCount);
        Assert.Equal(365_558, run.Corpus.Recordings.Sum(recording => recording.Values.Length));
    }

    [Fact]
    public void The_scores_stay_above_their_floors()
    {
        NabResult result = NabScorer.Score(run.Corpus, NabRun.Scores(run.Verdicts));
        Assert.True(result.Standard.Score >= 76, $"standard {result.Standard.Score}");
        Assert.True(result.LowFalsePositives.Score >= 68, $"low FP {result.LowFalsePositives.Score}");
        Assert.True(result.LowFalseNegatives.Score >= 81, $"low FN {result.LowFalseNegatives.Score}");
        Assert.True(result.AtFixedLine.Score >= 75, $"at the fixed line {result.AtFixedLine.Score}");
    }

    [Fact]
    public void Nine_values_of_ten_lie_in_their_intervals()
    {
        (int inside, int all) = (0, 0);
        for (int i = 0; i < run.Verdicts.Length; i++)
        {
            double[] values = run.Corpus.Recordings[i].Values;
            int here = Enumerable.Range(Settled, values.Length - Settled)
                .Count(row => values[row] >= run.Verdicts[i][row].Lower && values[row] <= run.Verdicts[i][row].Upper);
            (inside, all) = (inside + here, all + values.Length - Settled);
            Assert.True(here >= 0.87 * (values.Length - Settled), $"{run.Corpus.Recordings[i].Name}: {here} of {values.Length - Settled}");
        }

        Assert.InRange((double)inside / all, 0.88, 0.92);
    }

    [Fact, Trait("speed", "slow")]
    public void A_verdict_depends_on_nothing_that_comes_later()
    {
        NabRecording recording = run.Corpus.Recordings.First(r => r.Name.EndsWith("nyc_taxi.csv", StringComparison.Ordinal));
        int half = recording.Values.Length / 2;
        double[] otherFuture = [.. recording.Values.Select((value, row) => row < half ? value : 1e6 - 3 * value)];
        Verdict[][] changed = NabRun.Step(NabCorpus.Of([recording with { Values = otherFuture }]), run.Forecaster);
        Verdict[][] alone = NabRun.Step(NabCorpus.Of([recording]), run.Forecaster);

        int number = run.Corpus.Recordings.ToList().IndexOf(recording);
        Assert.Equal(run.Verdicts[number], alone[0]);
        Assert.Equal(alone[0][..half].Select(Past), changed[0][..half].Select(Past));
        Assert.NotEqual(alone[0][half].Score + alone[0][half].Next, changed[0][half].Score + changed[0][half].Next);

        static (double, double, double, float, float, bool, bool, Evidence) Past(Verdict v) =>
            (v.Forecast, v.Lower, v.Upper, v.Surprise, v.Score, v.Alarm, v.Muted, v.Evidence);
    }

    public sealed class Run
    {
        public NabCorpus Corpus { get; } = NabCorpus.Load(Path.Combine(AppContext.BaseDirectory, "nab.tar.br"));

        public Forecaster Forecaster { get; } = ForecasterFile.Load(Path.Combine(AppContext.BaseDirectory, "default.safetensors"));

        public Verdict[][] Verdicts => field ??= NabRun.Step(Corpus, Forecaster);
    }
}
