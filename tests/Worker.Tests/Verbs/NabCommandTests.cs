using StreamRnn.Detection;
using StreamRnn.Engine.Streams;
using StreamRnn.Trainer.Evaluation;
using StreamRnn.Worker.Verbs;

namespace StreamRnn.Worker.Tests.Verbs;

[Trait("speed", "slow")]
public class NabCommandTests
{
    [Fact]
    public void The_engine_gives_each_recording_the_scores_it_gets_without_one_and_the_shipped_model_keeps_its_rank()
    {
        NabCorpus corpus = NabCorpus.Load(Path.Combine(AppContext.BaseDirectory, "samples", "nab", "nab.tar.br"));
        Forecaster model = ShippedModel.Load(null);

        double[][] throughTheEngine = NabCommand.Scores(corpus, model, shards: 3);

        Assert.Equal(NabRun.Scores(NabRun.Step(corpus, model)), throughTheEngine);
        NabResult result = NabScorer.Score(corpus, throughTheEngine);
        Assert.True(result.Standard.Score >= 76, $"standard {result.Standard.Score:f1}");
        Assert.True(result.LowFalsePositives.Score >= 68, $"low FP {result.LowFalsePositives.Score:f1}");
        Assert.True(result.LowFalseNegatives.Score >= 81, $"low FN {result.LowFalseNegatives.Score:f1}");
        Assert.True(result.AtFixedLine.Score >= 75, $"fixed line {result.AtFixedLine.Score:f1}");
    }
}
