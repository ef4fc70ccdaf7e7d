using StreamRnn.Cells.Files;
using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Training;
using StreamRnn.Detection;
using StreamRnn.Trainer.Evaluation;
using StreamRnn.Trainer.Fit;
using StreamRnn.Trainer.Recipes;
using StreamRnn.Trainer.Runs;
using StreamRnn.Trainer.Verification;
using TrainedModel = StreamRnn.Trainer.Runs.TrainedModel;

namespace StreamRnn.Trainer.Tests;

public class RecipeTests
{
    [Fact]
    public void A_stream_model_beats_persistence_and_runs_in_the_worker_as_it_is()
    {
        var recipe = new StreamRecipe();
        TrainedModel model = Train(recipe, recipe.Defaults with { Hidden = 16, Epochs = 15 });
        Assert.Equal([1, 4, 16], model.Reports.Select(report => report.Horizon));
        Assert.All(model.Reports, report => Assert.True(report.Report.Scores[0].Skill > 0.5, report.Report.Text("")));
        Assert.InRange(model.Reports[0].Report.Scores[0].Coverage, 0.8, 0.98);

        Verdict last = ForecasterRun.Step(ForecasterFile.Create(ModelFile.Parse("m", model.File)), Data.Hourly(300, seed: 9))[^1];
        Assert.True(last is { N: 300, Surprise: >= 0, Score: >= 0 } && last.Lower < last.Forecast && last.Forecast < last.Upper);
    }

    /// <summary>The scored rows are twice as noisy as those that were trained on.</summary>
    [Fact]
    public void The_intervals_of_every_horizon_follow_a_stream_that_has_become_wilder()
    {
        var random = new SplitMix(3);
        var recipe = new StreamRecipe();
        Series series = Data.Hourly(3000);
        series = series with { Values = [.. series.Values.Select((value, t) => value + (t > 1900 ? 2 : 0.7) * random.Normal())] };
        TrainedModel model = Train(recipe, recipe.Defaults with { Hidden = 8, Epochs = 3 }, series);
        Assert.All(model.Reports, report => Assert.InRange(report.Report.Scores[0].Coverage, 0.85, 0.95));
    }

    /// <summary>The worker's step, one event at a time, and the trainer's windows are one path.</summary>
    [Fact]
    public void A_replay_gives_the_forecasts_of_the_training_pass_to_the_bit()
    {
        var recipe = new StreamRecipe();
        Series series = Data.Hourly(600);
        TrainedModel model = Train(recipe, recipe.Defaults with { Hidden = 12, Layers = 2, Epochs = 3, LearningRate = 0.02 }, series);
        Verdict[] replay = ForecasterRun.Step(ForecasterFile.Create(ModelFile.Parse("m", model.File)), series);

        ModelFile file = ModelFile.Parse("m", model.File);
        StreamEncoder encoder = ForecasterFile.EncoderOf(file);
        Sequence sequence = StreamFit.Encode(encoder, series);
        using WindowNetwork network = WindowNetwork.Create(file.Shape, 1, series.Count);
        network.SetParameters(file.Parameters.Span);
        var batch = new WindowBatch(file.Shape, 1, series.Count, OutputsAt.EveryStep);
        sequence.CopyInputs(0, series.Count, 0, batch);
        network.Forward(batch);

        float[] memory = new float[encoder.MemoryFloats], inputs = new float[encoder.InputCount];
        for (int t = 0; t < series.Count; t++)
        {
            encoder.Encode(memory, series.Times[t], series.Values[t], inputs);
            ReadOnlySpan<float> outputs = batch.Outputs.Slice(t * encoder.OutputCount, encoder.OutputCount);
            Assert.Equal(encoder.Decode(memory, series.Values[t], outputs).Value, replay[t].Next);
        }
    }

    [Fact]
    public void A_trained_model_records_what_it_forecasts_and_an_edited_constant_of_its_encoder_is_found()
    {
        var recipe = new StreamRecipe();
        TrainedModel model = Train(recipe, recipe.Defaults with { Hidden = 4, Epochs = 1 }, Data.Hourly(400));
        string folder = Directory.CreateTempSubdirectory("golden").FullName;
        try
        {
            string path = Path.Combine(folder, "m.safetensors");
            File.WriteAllBytes(path, model.File);
            CheckResult result = ModelCheck.Check(path, data: null);
            Assert.True(result.Holds);
            Assert.Equal(24, result.Quantities.Single(quantity => quantity.Name == "golden forecasts").Count);

            ReferenceFile file = ReferenceFile.Read(path);
            StreamEncoding constants = StreamEncoding.Parse("m", file.Metadata[ForecasterFile.StreamKey]);
            file.Metadata[ForecasterFile.StreamKey] = (constants with { Center = constants.Center * 1.01 }).ToJson();
            file.Write(folder, "m.safetensors");
            Assert.Contains("golden_forecasts", Assert.Throws<InvalidDataException>(() => ModelCheck.Check(path, data: null)).Message);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void The_untrained_stream_model_is_the_linear_forecast_and_on_a_random_walk_that_is_persistence()
    {
        var random = new SplitMix(4);
        double value = 100;
        Series walk = Data.Hourly(1500) with { Values = [.. Enumerable.Range(0, 1500).Select(_ => value += random.Normal())] };
        var recipe = new StreamRecipe();
        TrainedModel model = Train(recipe, recipe.Defaults with { Hidden = 8, Epochs = 1, LearningRate = 1e-9 }, walk);
        Assert.InRange(model.Reports[0].Report.Scores[0].RmseRatio, 0.97, 1.02);

        TrainedModel untrained = Train(recipe, recipe.Defaults with { Hidden = 8, Epochs = 1, LearningRate = 0.5, Clip = 0 }, walk);   // a wild step
        Assert.Equal("no epoch was better than the linear start: the model is its linear part", untrained.Kept);
        string training = ModelFile.Parse("m", untrained.File).Metadata["training"];
        Assert.StartsWith(untrained.Kept + ", validation 0.", training, StringComparison.Ordinal);
        Assert.Equal(untrained.Kept, (string?)RunSummary.Json(untrained)["kept"]);
        Assert.Contains(untrained.Kept, RunSummary.Html(untrained, "walk"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_short_monthly_recording_is_enough()
    {
        long month = 30 * 24 * Data.Hour;
        Series monthly = new("monthly", [.. Enumerable.Range(0, 144).Select(t => t * month)],
            [.. Enumerable.Range(0, 144).Select(t => 100 + t + 30 * Math.Sin(2 * Math.PI * t / 12))]);
        var recipe = new StreamRecipe();
        TrainedModel model = Train(recipe, recipe.Defaults with { Epochs = 3 }, monthly);
        Assert.Equal([1], model.Reports.Select(report => report.Horizon));
        Assert.True(model.Reports[0].Report.Scores[0].Skill > 0.5, model.Reports[0].Report.Text(""));
    }

    [Fact]
    public void The_window_recipe_reports_in_original_units_beside_the_baselines()
    {
        var recipe = new Window60Recipe();
        TrainedModel model = Train(recipe, recipe.Defaults with { Hidden = 12, Window = 24, Epochs = 12, LearningRate = 0.005 });
        ForecastReport report = Assert.Single(model.Reports).Report;
        Assert.Equal(["LSTM 2x12", "persistence", "seasonal naive (24)", "AR(48)"], report.Scores.Select(score => score.Name));
        Assert.Equal((640, 800), (report.From, report.To));
        Assert.InRange(report.Scores[0].Rmse, 0.1, 3);   // of values between 12 and 28

        ModelFile file = ModelFile.Parse("m", model.File);
        Assert.Equal(DenseActivation.None, Assert.Single(file.Shape.Dense).Activation);
        Assert.Equal(model.Preparation.Series[0].Values[..615].Min(), double.Parse(file.Metadata["minimum"]));   // 640 less the gap of 25
        Assert.Contains("window", Assert.Throws<InvalidDataException>(() => ForecasterFile.Create(file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_sweep_gives_each_run_the_bits_it_gets_alone_and_chooses_by_validation()
    {
        var recipe = new StreamRecipe();
        Series series = Data.Hourly(500);
        TrainingSettings settings = recipe.Defaults with { Epochs = 3 };
        IReadOnlyList<(string Changes, TrainingSettings Settings)> combinations = Sweep.Combinations(settings, [SweepAxis.Parse("hidden=4,8"), SweepAxis.Parse("lr=0.001,0.01")]);
        Assert.Equal(["hidden=4 lr=0.001", "hidden=4 lr=0.01", "hidden=8 lr=0.001", "hidden=8 lr=0.01"], combinations.Select(one => one.Changes));
        IReadOnlyList<SweepResult> results = Sweep.Run(combinations, 3, one => Train(recipe, one, series), _ => { }, CancellationToken.None);
        Assert.All(results, result => Assert.Equal(Train(recipe, result.Settings, series).File, result.Model!.File));
        Assert.Equal(results.Min(result => result.Model!.BestValidation), Sweep.Best(results)!.Model!.BestValidation);
    }

    [Theory]
    [InlineData("hidden")]
    [InlineData("hidden=")]
    [InlineData("hiden=3")]
    [InlineData("split=0.5")]
    public void A_sweep_that_cannot_be_is_refused(string text) => Assert.Throws<InvalidDataException>(() => SweepAxis.Parse(text));

    [Fact]
    public void Settings_come_back_from_their_own_text()
    {
        foreach (Recipe recipe in Recipe.All)
            foreach (TrainingSetting setting in TrainingSetting.All)
                Assert.Equal(setting.Get(recipe.Defaults), setting.Get(setting.Apply(new TrainingSettings(), setting.Get(recipe.Defaults))));
        Assert.Contains("--hidden is '0'", Assert.Throws<InvalidDataException>(() => TrainingSetting.Named("hidden").Apply(new(), "0")).Message, StringComparison.Ordinal);
        Assert.Contains("8640,2880,2880", Assert.Throws<InvalidDataException>(() => TrainingSetting.Named("split").Apply(new(), "0.9,0.9,1")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_summary_is_JSON_and_one_page_beside_the_model()
    {
        var recipe = new StreamRecipe();
        TrainedModel model = Train(recipe, recipe.Defaults with { Hidden = 4, Epochs = 2 });
        using TemporaryFile file = Data.File("", "pump.safetensors");
        RunSummary.Save(model, file.Path);
        Assert.Equal(model.File, File.ReadAllBytes(file.Path));
        string json = File.ReadAllText(RunSummary.Beside(file.Path, ".json")), page = File.ReadAllText(RunSummary.Beside(file.Path, ".html"));
        Assert.Equal(2, System.Text.Json.Nodes.JsonNode.Parse(json)!["history"]!.AsArray().Count);
        Assert.Equal(3, System.Text.Json.Nodes.JsonNode.Parse(json)!["test"]!.AsArray().Count);
        Assert.Equal(5, page.Split("<svg").Length - 1);   // loss, gradient norm and a picture per horizon
        Assert.Equal(("pump.json", "model.json"), (Path.GetFileName(RunSummary.Beside(file.Path, ".json")), RunSummary.Beside("model", ".json")));
        Assert.DoesNotContain("src=", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
    }

    private static TrainedModel Train(Recipe recipe, TrainingSettings settings, Series? series = null) =>
        new TrainingRun(recipe.Prepare([series ?? Data.Hourly(800)], settings), threads: 1).Run(_ => { }, CancellationToken.None);
}
