using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Training;
using StreamRnn.Trainer.Fit;
using StreamRnn.Trainer.Recipes;
using StreamRnn.Trainer.Runs;

namespace StreamRnn.Trainer.Tests;

public class TrainingLoopTests
{
    public static TheoryData<string> Traces() => ["train_lstm_mse_adam", "train_gru_mse_sgd", "train_lstm_tokens_adam"];

    /// <summary>Thirty steps that PyTorch took, see tests/Golden/torch/README.md. Ours end up to 5e-7 from its double precision.</summary>
    [Theory, MemberData(nameof(Traces))]
    public void A_run_goes_where_PyTorch_went(string name)
    {
        var trace = new SafeTensors(name, File.ReadAllBytes(Path.Combine(Data.Golden("torch"), name + ".safetensors")));
        double[] Of(string tensor) => trace.Numbers(trace.Tensors[tensor]);
        bool tokens = trace.Metadata["kind"] == "ce";
        IReadOnlyList<int> input = trace.Tensors["init.rnn.weight_ih_l0"].Dimensions, head = trace.Tensors["init.head.weight"].Dimensions;
        CellKind cell = trace.Metadata["cell"] == "lstm" ? CellKind.Lstm : CellKind.Gru;
        var shape = new ModelShape(cell, input[1], head[1], 1, head[0])
        {
            Vocabulary = tokens ? trace.Tensors["init.embedding.weight"].Dimensions[0] : 0,
            Head = tokens ? HeadKind.Softmax : HeadKind.Linear,
        };
        var layout = new ParameterLayout(shape);
        float[] initial = [.. layout.Parameters.SelectMany(parameter => Of("init." + parameter.Name).Select(x => (float)x))];
        var source = new FullBatch(shape, Of("input"), Of("target"), steps: trace.Tensors["input"].Dimensions[0], rows: trace.Tensors["input"].Dimensions[1]);
        double[] losses = Of("loss_f64"), norms = Of("grad_norm_before_clip_f64");
        using var loop = new TrainingLoop(shape, initial, source, validation: null, new LoopSettings
        {
            Loss = tokens ? new CrossEntropyLoss(shape.Outputs) : Loss.MeanSquared,
            Optimiser = trace.Metadata["optimizer"] == "adam" ? new OptimiserSettings(OptimiserKind.Adam) { LearningRate = 0.01 } : new OptimiserSettings(OptimiserKind.Sgd) { LearningRate = 0.05 },
            ClipNorm = double.Parse(trace.Metadata["clip_norm"]),
            Epochs = losses.Length,
        });
        loop.Run(_ => { }, CancellationToken.None);

        Assert.All(loop.History, (epoch, i) => Assert.Equal(losses[i], epoch.Loss, 3e-6));
        Assert.All(loop.History, (epoch, i) => Assert.Equal(norms[i], epoch.GradientNorm, 3e-6));
        float[] final = loop.Best.ToArray();
        Assert.All(layout.Parameters.SelectMany(parameter => Of("final_f64." + parameter.Name)), (truth, i) => Assert.Equal(truth, final[i], 3e-6));
    }

    [Fact]
    public void A_network_learns_a_tiny_set_by_heart()
    {
        var shape = new ModelShape(CellKind.Lstm, 1, 16, outputs: 1);
        var random = new SplitMix(5);
        double[] Noise() => [.. Enumerable.Range(0, 5 * 8).Select(_ => random.Normal())];
        var source = new FullBatch(shape, Noise(), Noise(), steps: 5, rows: 8);
        using var loop = new TrainingLoop(shape, Initialisation.Uniform(shape, 1), source, null,
            new LoopSettings { Loss = Loss.MeanSquared, Optimiser = new(OptimiserKind.Adam) { LearningRate = 0.02 }, Epochs = 800, ClipNorm = 1 });
        loop.Run(_ => { }, CancellationToken.None);
        Assert.True(loop.History[0].Loss > 0.5, $"it began at {loop.History[0].Loss}");
        Assert.True(loop.History[^1].Loss < 0.01, $"it ended at {loop.History[^1].Loss}");
    }

    public static TheoryData<BatchMode> Modes() => [BatchMode.Windows, BatchMode.Lanes];

    [Theory, MemberData(nameof(Modes))]
    public void A_run_is_the_same_to_the_bit_on_any_number_of_threads_and_after_a_kill_at_any_epoch(BatchMode mode)
    {
        Preparation preparation = Small(mode);
        byte[] whole = Run(preparation, threads: 1);
        Assert.Equal(whole, Run(preparation, threads: 1));
        Assert.Equal(whole, Run(preparation, threads: 3));
        Assert.NotEqual(whole, Run(Small(mode, seed: 8), threads: 1));

        using TemporaryFile file = Data.File("", "model.safetensors.checkpoint");
        File.Delete(file.Path);
        foreach (int killAfter in (int[])[1, 2, 1])
            Assert.Throws<OperationCanceledException>(() => Run(preparation, threads: 2, file.Path, killAfter));
        Assert.Equal(whole, Run(preparation, threads: 1, file.Path));
    }

    [Fact]
    public void A_checkpoint_of_other_data_or_settings_is_refused()
    {
        using TemporaryFile file = Data.File("", "checkpoint");
        File.Delete(file.Path);
        Assert.Throws<OperationCanceledException>(() => Run(Small(BatchMode.Lanes), 1, file.Path, killAfter: 1));
        Assert.Contains("other data or settings", Assert.Throws<InvalidDataException>(() => Run(Small(BatchMode.Lanes, seed: 8), 1, file.Path)).Message, StringComparison.Ordinal);

        byte[] whole = File.ReadAllBytes(file.Path);
        File.WriteAllBytes(file.Path, whole[..^100]);
        AssertRefused();
        foreach (string key in (string[])["fingerprint", "steps", "best_epoch", "best_validation", "history", "first_moment"])
        {
            byte[] damaged = [.. whole];
            int at = damaged.AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes($"\"{key}\""));
            damaged[at + 1] = (byte)'?';
            File.WriteAllBytes(file.Path, damaged);
            AssertRefused();
        }

        void AssertRefused() => Assert.Contains("start afresh without --resume",
            Assert.Throws<InvalidDataException>(() => Run(Small(BatchMode.Lanes), 1, file.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Stopping_early_keeps_the_best_epoch()
    {
        var recipe = new Window60Recipe();
        Preparation preparation = recipe.Prepare([Data.Hourly(300)],
            recipe.Defaults with { Split = [0.7, 0.1, 0.2], Window = 12, Hidden = 8, Layers = 1, LearningRate = 0.01, Epochs = 200, Patience = 5 });
        using TrainingLoop loop = preparation.CreateLoop(1);
        List<float[]> parameters = [];
        loop.Run(_ => parameters.Add([.. loop.Best]), CancellationToken.None);
        Assert.InRange(loop.History.Count, 6, 199);
        Assert.Equal(loop.BestEpoch + 5, loop.History.Count);
        Assert.Equal(loop.History.Min(epoch => epoch.Validation), loop.BestValidation);
        Assert.Equal(parameters[loop.BestEpoch - 1], loop.Best.ToArray());
    }

    [Fact]
    public void A_run_that_explodes_says_what_to_do_and_clipping_keeps_it_finite()
    {
        static Preparation Wild(double clip) => Small(BatchMode.Windows, settings => settings with { Cell = CellKind.Rnn, Optimiser = OptimiserKind.Sgd, LearningRate = 100, Clip = clip, Loss = "gaussian", Epochs = 30 });
        using TrainingLoop exploding = Wild(0).CreateLoop(1);
        Assert.Contains("--clip", Assert.Throws<TrainingDivergedException>(() => exploding.Run(_ => { }, CancellationToken.None)).Message, StringComparison.Ordinal);
        using TrainingLoop clipped = Wild(1e-4).CreateLoop(1);
        clipped.Run(_ => { }, CancellationToken.None);
        Assert.All(clipped.History, epoch => Assert.True(double.IsFinite(epoch.Loss) && epoch.ClipRate > 0.5));
    }

    [Fact]
    public void A_batch_allocates_nothing_after_the_first()
    {
        long few = AllocatedByAnEpoch(rows: 400), many = AllocatedByAnEpoch(rows: 4000);
        Assert.True(many < few + 100, $"an epoch of few batches allocated {few} bytes, one of many {many}");
    }

    private static long AllocatedByAnEpoch(int rows)
    {
        var recipe = new Window60Recipe();
        using TrainingLoop loop = recipe.Prepare([Data.Hourly(rows)], recipe.Defaults with { Hidden = 4, Window = 12, Clip = 1 }).CreateLoop(1);
        long least = long.MaxValue;
        for (int epoch = 0; epoch < 8; epoch++)   // the best of a few: a collection in between takes the rest of an allocation block with it
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            loop.RunEpoch();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }

    private static Preparation Small(BatchMode mode, ulong seed = 7) => Small(mode, settings => settings with { Seed = seed });

    private static Preparation Small(BatchMode mode, Func<TrainingSettings, TrainingSettings> change)
    {
        var recipe = new StreamRecipe();
        return recipe.Prepare([Data.Hourly(500)], change(recipe.Defaults with { Mode = mode, Hidden = 8, Epochs = 5, Batch = 20, Stride = 4, RecurrentDropout = 0.1 }));
    }

    private static byte[] Run(Preparation preparation, int threads, string? checkpoint = null, int killAfter = 0)
    {
        using CancellationTokenSource kill = new();
        int epochs = 0;
        return new TrainingRun(preparation, threads) { CheckpointPath = checkpoint, Resume = true }.Run(_ =>
        {
            if (++epochs == killAfter)
                kill.Cancel();
        }, kill.Token).File;
    }

    /// <summary>The same few windows at every step.</summary>
    private sealed class FullBatch(ModelShape shape, double[] inputs, double[] targets, int steps, int rows) : BatchSource
    {
        public override int MaxRows => rows;

        public override int MaxSteps => steps;

        public override OutputsAt At => OutputsAt.EveryStep;

        public override int TargetSize => targets.Length / rows / steps;

        public override IReadOnlyList<RowRange> Reach => [];

        public override int Begin(ulong seed, int epoch) => 1;

        public override int Fill(int index, WindowBatch batch, Span<float> into)
        {
            batch.Resize(rows, steps);
            for (int i = 0; i < inputs.Length; i++)
            {
                if (shape.Vocabulary > 0)
                    batch.Tokens[i] = (int)inputs[i];
                else
                    batch.Inputs[i] = (float)inputs[i];
            }
            for (int i = 0; i < targets.Length; i++)
                into[i] = (float)targets[i];
            return targets.Length;
        }
    }
}
