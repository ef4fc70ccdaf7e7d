using System.Text.Json.Nodes;
using StreamRnn.Cells.Layers;
using StreamRnn.Lab.Textbook;
using StreamRnn.Trainer.Fit;

namespace StreamRnn.Lab.Tests.Textbook;

public class TextbookTests
{
    [Fact]
    public void An_untrained_rnn_lets_no_gradient_through_fifty_steps_and_a_trained_gru_does()
    {
        ModelShape rnn = AddingProblem.Shape(CellKind.Rnn, 16), gru = AddingProblem.Shape(CellKind.Gru, 16);
        double[] vanished = GradientByLag.Of(new AddingProblem(steps: 51, rows: 64, seed: 3), rnn, Initialisation.Uniform(rnn, seed: 3));
        Assert.True(vanished[50] < 1e-8 * vanished[0], $"lag 50 has {vanished[50] / vanished[0]:g2} of lag 0");

        // 13 of 16 steps back; five seeds gave 0.3 to 2 of lag 0 after 600 updates.
        AddingProblem problem = new(steps: 16, rows: 16, seed: 3);
        LearningRun run = LearningRun.Train(problem.CreateBatch(gru), problem.Fill, Initialisation.Uniform(gru, seed: 3),
            new OptimiserSettings(OptimiserKind.Adam) { LearningRate = 0.01 }, clip: 1, updates: 600);
        Assert.True(run.FinalLoss < AddingProblem.ErrorOfOne / 10, $"the loss is {run.FinalLoss:g3}");
        double[] reached = GradientByLag.Of(new AddingProblem(steps: 16, rows: 64, seed: 4), gru, run.Parameters);
        Assert.True(reached[13] > 0.05 * reached[0], $"lag 13 has {reached[13] / reached[0]:g2} of lag 0");
    }

    [Fact]
    public void Clipping_keeps_a_run_finite_that_explodes_without()
    {
        (LearningRun free, LearningRun clipped) = ExplodingGradient.Run(steps: 60, rows: 16, hidden: 32, updates: 100, seed: 1);
        Assert.False(double.IsFinite(free.Losses[^1]) && double.IsFinite(free.Norms[^1]), $"the last loss is {free.Losses[^1]:g3}");
        Assert.Equal(100, clipped.Losses.Length);
        Assert.All(clipped.Losses, loss => Assert.True(double.IsFinite(loss)));
    }

    [Fact]
    public void The_report_is_a_page_a_table_and_an_object_of_the_same_run()
    {
        TextbookSeries series = new("wave", [.. Enumerable.Range(0, 300).Select(row => row * 1_800_000_000_000L)], [.. Enumerable.Range(0, 300).Select(row => Math.Sin(row / 4.0))]);
        TextbookReport report = new(new TextbookSettings { Steps = 12, Hidden = 8, Rows = 4, Updates = 60 }, series, _ => { });

        JsonObject json = report.Json();
        Assert.Equal(["RNN", "LSTM", "GRU"], json["cells"]!.AsArray().Select(cell => (string)cell!["cell"]!));
        Assert.Equal(12, json["cells"]![0]!["gradientByLagAfter"]!.AsArray().Count);
        Assert.Equal(5, report.Html().Split("<svg").Length - 1);
        Assert.Contains("wave, one step ahead", report.Table());
        Assert.Contains("persistence", report.Table());
    }
}
