using System.Globalization;
using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;
using StreamRnn.Detection;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Tests.Storage;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Engine.Tests.Recovery;

/// <summary>
/// Models, rules, shards and limits change, streams begin anew, snapshots go bad or find no room, and all the while the worker is killed: beside one that
/// makes the same changes between stops in order, with one shard and every stream in memory.
/// </summary>
[Trait("speed", "slow")]
public sealed class EverythingAtOnceTests : IDisposable
{
    private const int Phases = 12, Rounds = 12, Streams = 4;

    private static readonly TickRule Held = new() { Late = LateTicks.Reorder, LateBound = TimeSpan.FromSeconds(4), LateCapacity = 8 };
    private static readonly TickRule Tight = Held with { LateCapacity = 2, Once = TickOnce.Time };

    private static readonly IReadOnlyList<(StreamPattern, TickRule)>[] Rules =
    [
        [],
        [(new("plant/#"), Held)],
        [(new("plant/#"), Tight), (new("office/#"), new TickRule { Once = TickOnce.Sequence })],
        [(new("plant/1"), new TickRule { Late = LateTicks.Drop }), (new("plant/#"), Held), (new("office/#"), Held with { Once = TickOnce.Sequence })],
    ];

    private readonly DirectoryInfo _work = Directory.CreateTempSubdirectory("streamrnn-test-");
    private readonly ModelCatalog[] _models;

    public EverythingAtOnceTests()
    {
        string bare = Save("bare", hidden: 16, outputs: 1, seed: 1), wide = Save("wide", hidden: 32, outputs: 1, seed: 2), detector = Save("detector", hidden: 16, outputs: 0, seed: 3);
        _models = [Models(bare), Models(bare, ("plant/#", wide)), Models(wide, ("plant/+", bare)), Models(detector, ("office/#", bare))];
    }

    public void Dispose() => _work.Delete(recursive: true);

    [Theory, InlineData(1, false), InlineData(2, true), InlineData(3, true)]
    public void Nothing_differs_from_one_that_nobody_disturbed(int seed, bool powerLoss)
    {
        Life undisturbed = new(_models, seed), disturbed = new(_models, seed);
        undisturbed.Play(kills: null, powerLoss: false);
        disturbed.Play(new Random(seed), powerLoss);

        Assert.True(disturbed is { Snapshots: > 10, Replayed: > 50, Damaged: > 0 }, $"{disturbed.Snapshots} snapshots, {disturbed.Replayed} stepped again, {disturbed.Damaged} damaged");
        Assert.Equal(undisturbed.Outputs.Order(StringComparer.Ordinal), disturbed.Outputs.Order(StringComparer.Ordinal));
        Assert.Equal(undisturbed.Rows(), disturbed.Rows());
    }

    private static ModelCatalog Models(string standard, params (string Pattern, string File)[] byPattern) => ModelCatalog.Load(standard, byPattern);

    private string Save(string name, int hidden, int outputs, int seed)
    {
        ModelShape shape = new(CellKind.Gru, inputs: 2, hidden, outputs: outputs);
        Random random = new(seed);
        float[] parameters = [.. Enumerable.Range(0, new ParameterLayout(shape).Length).Select(_ => (float)(0.6 * random.NextDouble() - 0.3))];
        string path = Path.Combine(_work.FullName, name + ".safetensors");
        ModelFile.Save(path, shape, parameters, outputs == 0 ? [] : new Dictionary<string, string> { [ForecasterFile.ForecasterKey] = ForecasterFile.Bare });
        return path;
    }

    private sealed class Life(ModelCatalog[] models, int seed)
    {
        private readonly Queue<(ushort Id, string Topic, string Payload)> _owed = [];
        private int _sent;
        private string _bad = "";
        private (IReadOnlyList<(StreamPattern, TickRule)>? Rules, ModelCatalog? Models) _end;

        public FaultyFiles Files { get; private set; } = new();

        public HashSet<string> Outputs { get; } = [];

        public int Snapshots { get; private set; }

        public long Replayed { get; private set; }

        public int Damaged { get; private set; }

        /// <param name="kills">When and what; null to stop in order at the end of each phase.</param>
        public void Play(Random? kills, bool powerLoss)
        {
            Random script = new(seed);
            for (int phase = 0; phase < Phases; phase++)
            {
                (ModelCatalog catalog, IReadOnlyList<(StreamPattern, TickRule)> rules) = (models[script.Next(models.Length)], Rules[script.Next(Rules.Length)]);
                (string Topic, string Payload)[] actions = Actions(script, phase);
                for (int next = 0; next < actions.Length || _owed.Count > 0;)
                {
                    List<Forecast> seen = [];
                    Files.FullFile = kills?.Next(4) switch { 0 => "snapshot.tmp", 1 or 2 => "model.tmp", _ => null };
                    DurableEngine engine;
                    try
                    {
                        engine = kills is null
                            ? new DurableEngine(Files, shards: 1, seen, rules: rules, models: catalog)
                            : new DurableEngine(Files, kills.Next(1, 4), seen, kills.Next(3) == 0 ? DurableEngine.Hasty with { ReplayLimit = TimeSpan.FromHours(1) } : null,
                                confirms: kills.Next(3) > 0, kills.Next(2) == 0 ? null : kills.Next(1, 6), rules, catalog);
                    }
                    catch (IOException) when (Files.FullFile == "model.tmp")
                    {
                        continue;   // no room for a model file: it does not start
                    }
                    PacketSource source = engine.State.Log.Open("broker", DuplicateRule.UntilBarrier, isResumed: true);
                    PacketLedger ledger = new(4096, () => { });
                    Replayed += engine.Replayed;
                    foreach ((ushort id, string topic, string payload) in _owed)
                        engine.Send(source, ledger, id, topic, payload, dup: true);
                    for (int upto = kills is null ? actions.Length : Math.Min(actions.Length, next + kills.Next(40)); next < upto; next++)
                        Do(engine, source, ledger, actions[next]);
                    if (kills is null || next == actions.Length)
                    {
                        Wait.Until(() =>
                        {
                            TakeAcknowledgements(engine, source, ledger);
                            return _owed.Count == 0;
                        }, "the last acknowledgement");
                    }
                    if (kills is null)
                        engine.Stop();
                    else
                        Thread.SpinWait(kills.Next(20_000));
                    lock (Files.Lock)
                    {
                        FaultyFiles after = powerLoss && _owed.Count > 0 ? Files.AfterPowerLoss(kills) : Files.AfterKill();
                        Outputs.UnionWith(seen.Select(forecast => InWords(engine, forecast)));
                        Files = after;
                    }
                    if (kills is not null)
                        Damage(kills);
                    engine.Dispose();
                }
                _end = (rules, catalog);
            }
        }

        /// <summary>What a stop in order leaves.</summary>
        public SortedDictionary<int, float[]> Rows()
        {
            new DurableEngine(Files, shards: 2, [], rules: _end.Rules, models: _end.Models).Stop();
            return DurableEngine.RowsIn(Files);
        }

        private void Do(DurableEngine engine, PacketSource source, PacketLedger ledger, (string Topic, string Payload) action)
        {
            if (action.Payload.Length == 0)
            {
                Assert.NotNull(engine.Reset(action.Topic));
                return;
            }
            ushort id = (ushort)((_sent++ % 60_000) + 1);
            _owed.Enqueue((id, action.Topic, action.Payload));
            engine.Send(source, ledger, id, action.Topic, action.Payload);
            if (_sent % 8 == 0)
                TakeAcknowledgements(engine, source, ledger);
        }

        private void TakeAcknowledgements(DurableEngine engine, PacketSource source, PacketLedger ledger)
        {
            PacketAcknowledgement[] due = new PacketAcknowledgement[64];
            int count = ledger.Take(due);
            for (int i = 0; i < count; i++)
                Assert.Equal(due[i].PacketId, _owed.Dequeue().Id);
            if (count > 0 && _sent % 3 == 0)
                engine.State.Log.Confirm(source, due[count - 1].Position);
        }

        /// <summary>The newest snapshot goes bad now and then; never two without a good one between.</summary>
        private void Damage(Random random)
        {
            string[] snapshots = [.. Files.List().Where(name => name.EndsWith(".snap", StringComparison.Ordinal))];
            Snapshots += snapshots.Length;
            if (snapshots.Length < 2 || string.CompareOrdinal(snapshots[^1], _bad) <= 0 || (_bad.Length > 0 && snapshots.Contains(_bad)) || random.Next(4) > 0)
                return;
            _bad = snapshots[^1];
            Files[_bad] = Files[_bad][..^1];
            Damaged++;
        }

        /// <summary>Ticks out of order by up to seven seconds, some twice, and resets among them.</summary>
        private static (string Topic, string Payload)[] Actions(Random random, int phase) =>
        [
            .. Enumerable.Range(phase * Rounds, Rounds).SelectMany(_ => Enumerable.Range(0, 2 * Streams), (second, stream) => (second, stream, Value: random.Next(50)))
                .SelectMany(tick => Enumerable.Repeat(tick, random.Next(6) == 0 ? 2 : 1))
                .Select(tick => (tick, At: tick.second + (random.NextDouble() * 7)))
                .OrderBy(entry => entry.At)
                .SelectMany(entry => random.Next(30) > 0
                    ? new[] { (Topic(entry.tick.stream), At(entry.tick.second, entry.tick.Value)) }
                    : [(Topic(entry.tick.stream), At(entry.tick.second, entry.tick.Value)), (random.Next(3) == 0 ? "plant/#" : Topic(random.Next(2 * Streams)), "")]),
        ];

        private static string Topic(int stream) => stream % 2 == 0 ? $"plant/{stream / 2}" : $"office/{stream / 2}";

        private static string At(int second, int value) =>
            string.Create(CultureInfo.InvariantCulture, $$"""{"ts":{{1_767_225_600 + second}},"seq":{{second}},"value":{{value}}}""");

        private static string InWords(DurableEngine engine, Forecast forecast) => string.Create(CultureInfo.InvariantCulture,
            $"{engine.Directory.Name(forecast.Stream)} {forecast.Verdict.N:d6} {engine.State.Map.Kinds[forecast.Kind]} {forecast.Time} {forecast.Value:R} {forecast.Verdict.Next:R} {forecast.Verdict.Score:R} {forecast.Verdict.Lower:R}");
    }
}
