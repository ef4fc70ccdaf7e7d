using System.Globalization;
using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;
using StreamRnn.Detection;
using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Recovery;
using StreamRnn.Engine.Serving;
using StreamRnn.Engine.Stepping;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Tests.Storage;
using StreamRnn.Ingest.Faults;

namespace StreamRnn.Engine.Tests.Recovery;

/// <summary>A data directory outlives its models: steps under the old ones come again with the old bits, and what goes on goes on from there.</summary>
public sealed class SetupChangeTests : IDisposable
{
    private const int Seed = 20261126;

    /// <summary>No snapshot but at a stop in order.</summary>
    private static readonly DurabilityOptions Patient = DurableEngine.Hasty with { ReplayLimit = TimeSpan.FromHours(1) };

    private readonly DirectoryInfo _work = Directory.CreateTempSubdirectory("streamrnn-test-");
    private readonly string _bare, _wide, _detector;

    public SetupChangeTests()
    {
        _bare = Save("bare", hidden: 16, outputs: 1, seed: 1);
        _wide = Save("wide", hidden: 32, outputs: 1, seed: 2);
        _detector = Save("detector", hidden: 16, outputs: 0, seed: 3);
    }

    public void Dispose() => _work.Delete(recursive: true);

    [Theory]
    [InlineData(1, false, null)]
    [InlineData(2, true, null)]
    [InlineData(3, false, 2)]
    [InlineData(1, true, 1)]
    public void Streams_whose_model_changes_go_on_under_the_new_one_and_the_rest_keep_every_bit(int shards, bool stoppedInOrder, int? streamsInMemory)
    {
        Lives lives = new(new FaultyFiles());
        lives.Live(Models(_bare), shards, ticks: 300, stoppedInOrder, streamsInMemory: streamsInMemory);
        lives.Live(Models(_bare, ("plant/#", _wide)), 4 - shards, ticks: 300, stoppedInOrder, streamsInMemory: streamsInMemory);
        lives.Live(Models(_bare, ("plant/#", _wide)), shards, ticks: 300, stoppedInOrder, streamsInMemory: streamsInMemory);
        lives.AssertExact();
    }

    [Fact]
    public void Changed_and_killed_again_and_again_nothing_differs()
    {
        Random random = new(Seed);
        ModelCatalog[] catalogs =
        [
            Models(_bare), Models(_bare, ("plant/#", _wide)), Models(null, ("plant/+", _bare)), Models(null, ("office/#", _detector)),
            Models(_detector, ("plant/1", null), ("plant/#", _wide)),
        ];
        Lives lives = new(new FaultyFiles());
        for (int life = 0; life < 25; life++)
        {
            lives.Live(random.Next(3) == 0 ? lives.Models ?? catalogs[0] : catalogs[random.Next(catalogs.Length)], shards: 1 + random.Next(3),
                ticks: random.Next(3) == 0 ? 0 : random.Next(60), stopsInOrder: random.Next(5) == 0, random.Next(2) == 0 ? DurableEngine.Hasty : Patient,
                confirms: random.Next(2) == 0, streamsInMemory: random.Next(2) == 0 ? null : random.Next(1, 8));
        }
        Assert.InRange(lives.Switches, 10, 25);
        Assert.InRange(lives.Replayed, 100, long.MaxValue);
        lives.AssertExact();
    }

    [Fact]
    public void A_model_that_is_only_called_otherwise_keeps_every_bit()
    {
        string renamed = Path.Combine(_work.FullName, "renamed.safetensors");
        File.Copy(_bare, renamed);
        Lives lives = new(new FaultyFiles());
        lives.Live(Models(_bare), shards: 2, ticks: 100);
        lives.Live(Models(renamed), shards: 2, ticks: 100);
        lives.Live(Models(_bare), shards: 2, ticks: 100);
        lives.AssertExact();
        Assert.Contains(lives.Seen, line => line.Contains("renamed@", StringComparison.Ordinal));
    }

    [Theory, InlineData(false), InlineData(true)]
    public void A_model_file_that_is_gone_or_damaged_is_asked_for(bool damaged)
    {
        Lives lives = new(new FaultyFiles());
        lives.Live(Models(_bare), shards: 1, ticks: 50);
        string file = FileOf(_bare);
        byte[] whole = lives.Files[file];
        if (damaged)
            lives.Files[file] = [.. whole.Select((b, i) => i == 400 ? (byte)(b ^ 1) : b)];
        else
            lives.Files.Delete(file);

        string[] before = [.. lives.Files.List()];
        CommandFailedException refused = Assert.Throws<CommandFailedException>(() => lives.Live(Models(_wide), shards: 1, ticks: 50));
        Assert.Contains(file, refused.Message, StringComparison.Ordinal);
        Assert.Contains(damaged ? "is damaged" : "put it back", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, lives.Files.List());

        lives.Files[file] = whole;
        lives.Live(Models(_wide), shards: 1, ticks: 50);
        lives.AssertExact();
    }

    [Fact]
    public void Model_files_are_there_before_they_are_needed_and_go_when_they_are_not()
    {
        FaultyFiles files = new();
        Lives lives = new(files);
        lives.Live(Models(_bare), shards: 1, ticks: 50, stopsInOrder: true);
        Assert.Equal([FileOf(_bare)], ModelsIn(lives.Files));
        lives.Live(Models(_wide), shards: 1, ticks: 50, stopsInOrder: true);
        Assert.Equal(new[] { FileOf(_bare), FileOf(_wide) }.Order(StringComparer.Ordinal), ModelsIn(lives.Files.AfterPowerLoss()));

        // The newest snapshot gone bad: the one before it is of the old model.
        string newest = lives.Files.List().Last(name => name.EndsWith(".snap", StringComparison.Ordinal));
        byte[] whole = lives.Files[newest];
        lives.Files[newest] = whole[..^1];
        lives.Live(Models(_wide), shards: 1, ticks: 50);
        lives.Live(Models(_wide), shards: 1, ticks: 50, stopsInOrder: true);
        lives.Live(Models(_wide), shards: 1, ticks: 50, stopsInOrder: true);
        Assert.Equal([FileOf(_wide)], ModelsIn(lives.Files));
        lives.AssertExact();
    }

    [Fact]
    public void A_model_that_was_changed_to_and_back_stays_as_long_as_the_log_needs_it()
    {
        Lives lives = new(new FaultyFiles());
        lives.Live(Models(_bare), shards: 1, ticks: 50, stopsInOrder: true);
        lives.Live(Models(_wide), shards: 1, ticks: 50);
        lives.Live(Models(_bare), shards: 2, ticks: 50, stopsInOrder: true);

        // The newest snapshot gone bad: both are of one model, and between them lie steps of another.
        string newest = lives.Files.List().Last(name => name.EndsWith(".snap", StringComparison.Ordinal));
        lives.Files[newest] = lives.Files[newest][..^1];
        lives.Live(Models(_bare), shards: 1, ticks: 50);
        lives.Live(Models(_bare), shards: 1, ticks: 50, stopsInOrder: true);
        lives.Live(Models(_bare), shards: 1, ticks: 50, stopsInOrder: true);
        Assert.Equal([FileOf(_bare)], ModelsIn(lives.Files));
        lives.AssertExact();
    }

    [Fact]
    public void Idle_streams_take_the_room_of_their_present_rows_alone()
    {
        FaultyFiles files = new();
        DurableEngine first = new(files, shards: 1, [], Patient, streamsInMemory: 2, models: Models(_bare));
        for (int stream = 0; stream < 12; stream++)
            first.Send(null, null, 0, $"t{stream}", "1", qos: 0);
        first.Stop();

        ModelCatalog wide = Models(_wide);
        using DurableEngine second = new(files, shards: 1, [], Patient, streamsInMemory: 2, models: wide);
        second.Send(null, null, 0, "t11", "1", qos: 0);
        Wait.Until(() => second.Published == 1, "the first forecast after the change");
        int[] lengths = [.. files.List().Where(ColdRows.IsName).Select(name => files[name].Length).Where(length => length > 0)];
        Assert.InRange(Assert.Single(lengths), 10 * (8 + (wide.Standard.RowFloats * sizeof(float))), 12 * (8 + (wide.Standard.RowFloats * sizeof(float))));
    }

    [Fact]
    public void Ticks_that_a_rule_holds_step_when_it_goes_and_stay_while_it_stays()
    {
        (StreamPattern, TickRule) reorder = (new StreamPattern("plant/#"), new TickRule { Late = LateTicks.Reorder, LateBound = TimeSpan.FromSeconds(60), LateCapacity = 8 });
        (StreamPattern, TickRule) drop = (new StreamPattern("office/#"), new TickRule { Late = LateTicks.Drop });
        FaultyFiles files = new();
        List<Forecast> outputs = [];
        DurableEngine first = new(files, shards: 2, outputs, Patient, rules: [reorder, (new StreamPattern("office/#"), reorder.Item2), drop], models: Models(_bare));
        foreach (int second in new[] { 30, 20, 40 })
        {
            first.Send(null, null, 0, "plant/a", $$"""{"ts":{{1_767_225_600 + second}},"value":{{second}}}""", qos: 0);
            first.Send(null, null, 0, "office/b", $$"""{"ts":{{1_767_225_600 + second}},"value":{{second}}}""", qos: 0);
        }
        first.State.Log.WaitUntilDurable(first.State.Log.AppendedPosition);
        FaultyFiles left = files.AfterKill();
        Wait.Until(() => first.Held == 6, "ticks that are held");
        first.Dispose();
        Assert.Empty(outputs);

        // Another model for all, another rule for one.
        for (int life = 0; life < 2; life++)
        {
            outputs.Clear();
            DurableEngine second = new(left, shards: 1 + life, outputs, Patient, confirms: false, rules: [reorder, drop], models: Models(_wide));
            Wait.Until(() => second.Published == 3 && second.Held == 3, "the ticks of office/b and those of plant/a still held");
            Assert.Equal([(20, 1, "bare"), (30, 2, "bare"), (40, 3, "bare")], outputs.Select(output =>
                ((int)output.Value, (int)output.Verdict.N, second.State.Map.Kinds[output.Kind].Model.Name.Split('@')[0])));
            second.Send(null, null, 0, "office/b", """{"ts":1767225639,"value":39}""", qos: 0);
            Wait.Until(() => second.Faults.Of(TickFault.Late) == 1 + life, "the late tick is dropped: times go on");
            second.State.Log.WaitUntilDurable(second.State.Log.AppendedPosition);
            left = left.AfterKill();
            second.Dispose();
        }
    }

    [Fact]
    public void State_show_reads_across_a_change()
    {
        Lives lives = new(new FaultyFiles());
        lives.Live(Models(_bare), shards: 2, ticks: 100);
        lives.Live(Models(_bare, ("plant/#", _wide)), shards: 2, ticks: 100);
        StateReader states = new(lives.Files, new KeptModels(lives.Files, present: null).Load);
        foreach (int stream in states.Streams)
        {
            (Forecaster model, float[] row) = lives.StateOf(states.Name(stream));
            Assert.Equal(model.Name, states.ModelOf(stream).Name);
            Assert.Equal(row, states.RowOf(stream)[..model.RowFloats]);
        }
        Assert.Equal(Lives.Streams, states.Streams.Count());
    }

    private static ModelCatalog Models(string? standard, params (string Pattern, string? File)[] byPattern) =>
        ModelCatalog.Load(standard, byPattern.Select(entry => (entry.Pattern, ShippedModel.Resolve(entry.File))));

    private static string FileOf(string model) => $"model-{ModelFile.Load(model).Hash}.safetensors";

    private static string[] ModelsIn(FaultyFiles files) => [.. files.List().Where(name => name.StartsWith("model-", StringComparison.Ordinal))];

    private string Save(string name, int hidden, int outputs, int seed)
    {
        ModelShape shape = new(CellKind.Gru, inputs: 2, hidden, outputs: outputs);
        Random random = new(seed);
        float[] parameters = [.. Enumerable.Range(0, new ParameterLayout(shape).Length).Select(_ => (float)(0.6 * random.NextDouble() - 0.3))];
        string path = Path.Combine(_work.FullName, name + ".safetensors");
        ModelFile.Save(path, shape, parameters, outputs == 0 ? [] : new Dictionary<string, string> { [ForecasterFile.ForecasterKey] = ForecasterFile.Bare });
        return path;
    }

    /// <summary>Lives of a worker in one directory, and beside them the same steps made one by one.</summary>
    private sealed class Lives(FaultyFiles files)
    {
        public const int Streams = 12;

        private readonly Dictionary<string, (Forecaster Model, StateSlab Slab)> _states = [];
        private readonly List<string> _expected = [];
        private readonly HashSet<string> _seen = [];
        private long _ticks;

        public FaultyFiles Files { get; private set; } = files;

        public ModelCatalog? Models { get; private set; }

        public int Switches { get; private set; }

        public long Replayed { get; private set; }

        public IReadOnlyCollection<string> Seen => _seen;

        public void Live(ModelCatalog models, int shards, int ticks, bool stopsInOrder = false, DurabilityOptions? options = null, bool confirms = true,
            int? streamsInMemory = null)
        {
            List<Forecast> outputs = [];
            DurableEngine engine = new(Files, shards, outputs, options ?? Patient, confirms, streamsInMemory, models: models);
            engine.State.Log.WaitUntilDurable(engine.State.Log.AppendedPosition);   // a change that is not on the disk yet never happened
            Use(models);
            for (int i = 0; i < ticks; i++)
            {
                long tick = _ticks++;
                int stream = (int)(tick * 7 % Streams);
                string name = stream % 2 == 0 ? $"plant/{stream / 2}" : $"office/{stream / 2}";
                double value = Math.Round(20 + (stream * 3) + (5 * Math.Sin(tick * 0.02)) + (tick % 97 == 0 ? 30 : 0), 3);
                long seconds = 1_767_225_600 + tick;
                engine.Send(null, null, 0, name, string.Create(CultureInfo.InvariantCulture, $$"""{"ts":{{seconds}},"value":{{value}}}"""), qos: 0);
                Step(name, seconds * 1_000_000_000, value);
            }
            Wait.Until(() => engine.Published == engine.Replayed + ticks, "every forecast");
            Replayed += engine.Replayed;
            if (stopsInOrder)
                engine.Stop(confirms ? null : TimeSpan.FromMilliseconds(1));
            lock (Files.Lock)
            {
                foreach (Forecast forecast in outputs)
                    _seen.Add(InWords(engine.Directory.Name(forecast.Stream), engine.State.Map.Kinds[forecast.Kind].Model, forecast.Time, forecast.Value, forecast.Verdict));
                Files = Files.AfterKill();
            }
            if (!stopsInOrder)
                engine.Dispose();
        }

        public void AssertExact() => Assert.Equal(_expected.Order(StringComparer.Ordinal), _seen.Order(StringComparer.Ordinal));

        public (Forecaster Model, float[] Row) StateOf(string name) => (_states[name].Model, _states[name].Slab[0][.._states[name].Model.RowFloats].ToArray());

        private void Use(ModelCatalog models)
        {
            Switches += Models is not null && Models != models ? 1 : 0;
            Models = models;
            foreach ((string name, (Forecaster before, StateSlab slab)) in _states.ToArray())
            {
                Forecaster model = ModelOf(name);
                StateSlab adopted = new(model.RowFloats);
                Span<float> row = adopted[adopted.Add()][..model.RowFloats];
                Span<float> rowBefore = slab[0][..before.RowFloats];
                if (model.Hash == before.Hash)
                    rowBefore.CopyTo(row);
                else
                    model.Adopt(row, before, rowBefore);
                _states[name] = (model, adopted);
            }
        }

        private Forecaster ModelOf(string name) => Models!.ByPattern.FirstOrDefault(entry => entry.Pattern.Matches(name), (null!, Models.Standard)).Model;

        private void Step(string name, long time, double value)
        {
            if (!_states.TryGetValue(name, out (Forecaster Model, StateSlab Slab) state))
            {
                _states[name] = state = (ModelOf(name), new StateSlab(ModelOf(name).RowFloats));
                state.Model.Initialise(state.Slab[state.Slab.Add()][..state.Model.RowFloats]);
            }
            StepBatch batch = state.Model.CreateBatch(1);
            (batch.Count, batch.Times[0], batch.Values[0]) = (1, time, value);
            state.Model.Step(state.Slab, batch);
            _expected.Add(InWords(name, state.Model, time, value, batch.Verdicts[0]));
        }

        private static string InWords(string name, Forecaster model, long time, double value, in Verdict verdict) => string.Create(CultureInfo.InvariantCulture,
            $"{name} {verdict.N:d6} {model.Name} {time} {value:R} {verdict.Forecast:R} {verdict.Lower:R} {verdict.Upper:R} {verdict.Next:R} {verdict.Surprise:R} {verdict.Score:R} {verdict.Muted}");
    }
}
